"""Training of the networks that find the gland."""
