"""Compiled loops over sample points, one file for each metric."""
