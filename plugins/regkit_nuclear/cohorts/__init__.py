"""Simulated cohorts: datasets whose cases are drawn from seeds, with exact truth."""
