"""The networks that reorient and segment, and their parts."""
