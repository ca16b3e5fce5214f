"""Simulated anatomy: thorax, whole body, prostate."""
