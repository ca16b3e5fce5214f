"""A learned registration method for regkit, from another package."""
