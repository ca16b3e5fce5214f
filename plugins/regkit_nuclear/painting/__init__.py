"""Shapes, painting and random numbers that all phantoms use."""
