"""Swin transformers that read an affine map off a pair of volumes."""
