"""Scores of a registration; each file holds those of one kind."""
