"""A procedural thorax for cardiac SPECT/CT and PET: seeded, randomised, with exact truth."""

from regkit_nuclear.phantoms.thorax.anatomy import Anatomy
from regkit_nuclear.phantoms.thorax.breathing import Breathing, heart_shift
from regkit_nuclear.phantoms.thorax.organs import LV_BLOOD_POOL, LV_MYOCARDIUM, ORGANS
from regkit_nuclear.phantoms.thorax.patient import ThoraxPatient, draw_thorax_patient
from regkit_nuclear.phantoms.thorax.pose import HALF_WIDTH_MM, HeartPose, Tracer
from regkit_nuclear.phantoms.thorax.render import render_thorax
from regkit_nuclear.phantoms.thorax.uptake import Defect, ThoraxUptake

__all__ = [
    "HALF_WIDTH_MM",
    "LV_BLOOD_POOL",
    "LV_MYOCARDIUM",
    "ORGANS",
    "Anatomy",
    "Breathing",
    "Defect",
    "HeartPose",
    "ThoraxPatient",
    "ThoraxUptake",
    "Tracer",
    "draw_thorax_patient",
    "heart_shift",
    "render_thorax",
]
