"""Unsupervised training of TransMorph by image similarity."""
