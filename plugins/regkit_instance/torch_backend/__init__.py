"""Similarity metrics on any torch device: values and gradients of many maps at once."""
