"""Shapes and random draws that every phantom is painted with."""
