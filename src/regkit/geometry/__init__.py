"""Geometry: grids, volumes, transforms, interpolation and resampling."""
