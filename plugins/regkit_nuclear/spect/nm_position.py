"""The place of the projections of an NM image in the patient's coordinates."""

from __future__ import annotations

from typing import Any

import numpy as np

from regkit.errors import FileFormatError
from regkit.geometry.grid import FloatArray, Vector3

SUPINE, PRONE, HEADFIRST, FEETFIRST = "supine", "prone", "head-first", "feet-first"
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
BY_IMAGE = "give a reconstructed image of the same acquisition with --onto"


def position_remarks(header: Any) -> tuple[str, ...]:
    """Return what is assumed about the angles of a patient who lay prone or feet-first.

    DICOM defines the angles about the patient (0 at the back), so that they say the same however
    the patient lies; some cameras may write those of the gantry.

    Raises
    ------
    FileFormatError
        The patient lay on the side.
    """
    lying, gantry = _coded_position(header)
    if lying not in {"", SUPINE, PRONE}:
        raise FileFormatError(
            f"shows a patient who is {lying}; only supine and prone patients are understood"
        )
    unusual = [word for word in (lying, gantry) if word in {PRONE, FEETFIRST}]
    if not unusual:
        return ()
    told = (
        f"the patient lay {' and '.join(unusual)}: angles are taken as DICOM defines them, about "
        "the patient; compare the images with the CT"
    )
    return (told,)


def centre_of_projections(
    detector: Any, shape_zyx: tuple[int, int, int], spacing: Vector3
) -> tuple[FloatArray, str]:
    """Return the centre of the images that belong to projections, LPS mm, and what is assumed.

    DICOM defines no position of tomographic projections. Cameras give that of the reconstructed
    image (axial) or of a view from the front (coronal): its first voxel, at the head.

    Parameters
    ----------
    detector
        Item of the detector with Image Position and Orientation (Patient), if it has them.
    shape_zyx, spacing
        Grid of the images.
    """
    size = np.multiply(np.subtract(shape_zyx[::-1], 1), spacing)
    stored = detector.get("ImagePositionPatient") or ()
    if len(stored) != 3:
        return np.zeros(3), (
            "the projections have no position: the axis of rotation is taken for x = y = 0 and "
            f"their middle for z = 0; {BY_IMAGE}"
        )
    axes = tuple(float(value) for value in detector.get("ImageOrientationPatient") or AXIAL)
    if np.allclose(axes, AXIAL, atol=1e-3):
        to_middle = (size[0] / 2, size[1] / 2, -size[2] / 2)
        kind = "the first voxel of the reconstructed slice nearest to the head"
    elif np.allclose(axes, CORONAL, atol=1e-3):
        to_middle = (size[0] / 2, 0.0, -size[2] / 2)
        kind = "the first pixel of a view through the axis of rotation"
    else:
        raise FileFormatError(
            f"has an ImageOrientationPatient {list(axes)} that is neither axial nor coronal; "
            f"{BY_IMAGE}"
        )
    centre = np.array([float(value) for value in stored]) + to_middle
    return np.asarray(centre), (
        f"the position of the projections is taken for that of {kind}; if the CT is far off, "
        f"{BY_IMAGE}"
    )


def _coded_position(header: Any) -> tuple[str, str]:
    """Return how the patient lies and enters the camera; empty for what is not told."""
    position = str(header.get("PatientPosition") or "")
    if len(position) >= 3:
        lying = {"S": SUPINE, "P": PRONE}.get(position[2:], "on the side")
        return lying, HEADFIRST if position.startswith("HF") else FEETFIRST
    lying = gantry = ""
    for item in header.get("PatientOrientationCodeSequence") or []:
        for modifier in item.get("PatientOrientationModifierCodeSequence") or []:
            lying = str(modifier.get("CodeMeaning") or "").strip().lower()
    for item in header.get("PatientGantryRelationshipCodeSequence") or []:
        meaning = str(item.get("CodeMeaning") or "").lower()
        gantry = FEETFIRST if "feet" in meaning else HEADFIRST
    return lying, gantry
