"""Sampled points, intensities and similarity measures that many parts use."""
