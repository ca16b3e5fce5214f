"""Measures of similarity on any torch device: values and gradients of many starts at once."""
