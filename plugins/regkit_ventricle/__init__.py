"""The left ventricle's geometry: its labels, its long axis, its planes, its segments.

The short-axis frame has x to the lateral wall, y to the inferior wall and z to the base; its
origin is the centre of the ventricle, wall and cavity together. Seen from the apex, as usual, the
lateral wall is at the right and the anterior wall above.
"""
