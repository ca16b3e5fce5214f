"""The organs of the thorax: their labels and the attenuation of the tissues."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

LV_MYOCARDIUM: Final = 1
LV_BLOOD_POOL: Final = 2

_NAMES = (
    "fat",
    "muscle",
    "soft_tissue",
    "breast",
    "lung_right",
    "lung_left",
    "airways",
    "aorta",
    "vena_cava",
    "pulmonary_artery",
    "pericardial_fat",
    "lv_myocardium",
    "lv_blood_pool",
    "rv_wall",
    "rv_blood_pool",
    "right_atrium",
    "left_atrium",
    "liver",
    "gallbladder",
    "spleen",
    "stomach",
    "gas",
    "gut",
    "kidney_right",
    "kidney_left",
    "spine",
    "ribs",
    "costal_cartilage",
    "sternum",
    "scapulae",
    "clavicles",
    "humeri",
    "table",
)

# Background, the air around the patient, is 0.
ORGANS: Final[Mapping[str, int]] = MappingProxyType({n: i for i, n in enumerate(_NAMES, 1)})

# Linear attenuation coefficients at 140 keV, 1/cm.
MU: Final[Mapping[str, float]] = MappingProxyType(
    {
        "air": 0.0,
        "lung": 0.042,
        "fat": 0.143,
        "mixed": 0.149,  # organs' soft tissue with the fat between them
        "gland": 0.150,
        "soft": 0.155,
        "muscle": 0.160,
        "liver": 0.162,
        "blood": 0.162,
        "cartilage": 0.168,
        "disc": 0.165,
        "spongy": 0.195,
        "rib": 0.222,  # mean of cortex and marrow, which these voxels do not resolve
        "bone": 0.270,
        "table": 0.060,
        "foam": 0.012,
    }
)
