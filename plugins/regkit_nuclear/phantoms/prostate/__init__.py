"""Prostate in T2-weighted MR and transrectal ultrasound, with zones and exact landmarks."""

from regkit_nuclear.phantoms.prostate.anatomy import GLAND_LABELS, LABELS, ZONES
from regkit_nuclear.phantoms.prostate.landmarks import LANDMARKS
from regkit_nuclear.phantoms.prostate.patient import (
    ProstatePatient,
    draw_prostate_patient,
    prostate_grid,
)
from regkit_nuclear.phantoms.prostate.probe_compression import to_displacement_field

__all__ = [
    "GLAND_LABELS",
    "LABELS",
    "LANDMARKS",
    "ZONES",
    "ProstatePatient",
    "draw_prostate_patient",
    "prostate_grid",
    "to_displacement_field",
]
