"""Simulated nuclear medicine: cohorts of patients with exact truth."""
