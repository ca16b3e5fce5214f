"""Whole-body FDG PET/CT: head to thigh, 40 labelled organs."""

from regkit_nuclear.phantoms.wholebody.organs import LABELS, ORGANS
from regkit_nuclear.phantoms.wholebody.patient import (
    WholeBodyPatient,
    draw_whole_body_patient,
    whole_body_grid,
)

__all__ = ["LABELS", "ORGANS", "WholeBodyPatient", "draw_whole_body_patient", "whole_body_grid"]
