"""Compiled loops over sample points, one file per measure."""
