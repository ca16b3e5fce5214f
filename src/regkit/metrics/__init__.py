"""Metrics of a registration against the known solution of its case; a module for each kind."""
