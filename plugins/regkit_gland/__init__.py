"""Gland: finds the prostate in MR and in ultrasound, and aligns where it is."""
