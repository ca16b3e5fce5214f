"""Batches: many pairs found, registered, tabulated and shown on one page for review."""
