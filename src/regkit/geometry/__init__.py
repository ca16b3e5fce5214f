"""Geometry with numpy only: grids, volumes, transforms, resampling."""
