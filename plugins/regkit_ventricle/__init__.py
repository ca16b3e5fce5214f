"""The left ventricle: labels, long axis, short-axis frame, polar map, segments, reorientation.

The short-axis frame has x to the lateral wall, y to the inferior wall and z to the base; its
origin is the centre of the ventricle, wall and cavity together. Seen from the apex, as usual, the
lateral wall is on the right and the anterior wall at the top.
"""
