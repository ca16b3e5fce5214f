"""The 40 organs that whole-body cases label, and the parts they are painted with."""

from __future__ import annotations

from regkit_nuclear.painting.canvas import PaintedPart, Value
from regkit_nuclear.painting.solids import Solid

ORGANS = (
    "brain",
    "skull",
    "trachea",
    "lung_upper_left",
    "lung_lower_left",
    "lung_upper_right",
    "lung_middle_right",
    "lung_lower_right",
    "left_ventricle",
    "right_ventricle",
    "left_atrium",
    "right_atrium",
    "aorta",
    "inferior_vena_cava",
    "liver",
    "gallbladder",
    "spleen",
    "pancreas",
    "adrenal_left",
    "adrenal_right",
    "kidney_left",
    "kidney_right",
    "stomach",
    "small_bowel",
    "colon",
    "bladder",
    "cervical_vertebrae",
    "thoracic_vertebrae",
    "lumbar_vertebrae",
    "sacrum",
    "ribs_left",
    "ribs_right",
    "humerus_left",
    "humerus_right",
    "hip_left",
    "hip_right",
    "femur_left",
    "femur_right",
    "gluteus_left",
    "gluteus_right",
)
"""Names in the order of their labels: the first has label 1."""

LABELS = {name: number for number, name in enumerate(ORGANS, start=1)}
NO_ORGAN = ""

SIDES = (("left", 1.0), ("right", -1.0))
"""Names of the sides and the sign of x there."""


def part(
    solid: Solid, hu: Value | None, suv: Value | None, organ: str | None = None
) -> PaintedPart:
    """Make a part of given HU and SUV; None leaves the image as it is.

    `organ` names its label; None leaves labels as they are, `NO_ORGAN` erases them.
    """
    values: dict[str, Value] = {}
    if hu is not None:
        values["ct"] = hu
    if suv is not None:
        values["pet"] = suv
    return PaintedPart(solid, values, None if organ is None else LABELS.get(organ, 0))
