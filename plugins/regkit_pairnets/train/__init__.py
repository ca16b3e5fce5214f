"""Training of the learned rigid methods."""
