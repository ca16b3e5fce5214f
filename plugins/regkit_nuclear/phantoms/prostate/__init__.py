"""Prostate in T2-weighted MR and transrectal ultrasound, with zones and exact landmarks."""

from regkit_nuclear.phantoms.prostate.anatomy import GLAND_LABELS, LABELS, ZONES
from regkit_nuclear.phantoms.prostate.landmarks import LANDMARKS
from regkit_nuclear.phantoms.prostate.patient import Patient, draw_patient, prostate_grid
from regkit_nuclear.phantoms.prostate.push import sampled

__all__ = [
    "GLAND_LABELS",
    "LABELS",
    "LANDMARKS",
    "ZONES",
    "Patient",
    "draw_patient",
    "prostate_grid",
    "sampled",
]
