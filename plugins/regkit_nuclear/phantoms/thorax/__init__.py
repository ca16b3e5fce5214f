"""A procedural thorax for cardiac SPECT/CT and PET: seeded, randomised, with exact truth."""

from regkit_nuclear.phantoms.thorax.anatomy import Anatomy
from regkit_nuclear.phantoms.thorax.breathing import Breathing, heart_shift
from regkit_nuclear.phantoms.thorax.organs import LV_BLOOD_POOL, LV_MYOCARDIUM, ORGANS
from regkit_nuclear.phantoms.thorax.patient import Patient, draw_patient
from regkit_nuclear.phantoms.thorax.pose import HALF_WIDTH_MM, Reorientation, Tracer
from regkit_nuclear.phantoms.thorax.uptake import Defect, Uptake

__all__ = [
    "HALF_WIDTH_MM",
    "LV_BLOOD_POOL",
    "LV_MYOCARDIUM",
    "ORGANS",
    "Anatomy",
    "Breathing",
    "Defect",
    "Patient",
    "Reorientation",
    "Tracer",
    "Uptake",
    "draw_patient",
    "heart_shift",
]
