"""Whole-body FDG PET/CT: head to thigh, 40 labelled organs."""

from regkit_nuclear.phantoms.wholebody.organs import LABELS, ORGANS
from regkit_nuclear.phantoms.wholebody.patient import Patient, draw_patient, whole_body_grid

__all__ = ["LABELS", "ORGANS", "Patient", "draw_patient", "whole_body_grid"]
