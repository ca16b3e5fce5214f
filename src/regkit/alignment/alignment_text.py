"""Sentences of an alignment check: which way to move the transmission image, and why."""

from __future__ import annotations

from collections.abc import Sequence

from regkit.geometry.motion_text import shift_in_voxels_of_patient, shift_of_patient_in_words

# Rotations from here are told; chosen by hand, above the noise of a registration of SPECT.
NOTABLE_DEG = 2.0


def movement_in_words(
    name: str, shift_mm: Sequence[float], shift_voxels: Sequence[float], rotation_deg: float
) -> str:
    """Return a sentence on how to move a transmission image.

    Parameters
    ----------
    name
        Name of the image: CT or attenuation map.
    shift_mm, shift_voxels
        Shift that brings it into alignment, LPS mm, and in voxels of the emission image.
    rotation_deg
        Angle of the rotation that goes with it, degrees.
    """
    words = shift_of_patient_in_words(shift_mm)
    if not words:
        return f"leave the {name} where it is"
    turn = f", and turn it by {rotation_deg:.0f}°" if rotation_deg >= NOTABLE_DEG else ""
    return f"move the {name} {words} ({shift_in_voxels_of_patient(shift_voxels)}){turn}"


def leave_in_words(name: str, shift_mm: Sequence[float]) -> str:
    """Return the sentence for a transmission image that is aligned."""
    words = shift_of_patient_in_words(shift_mm)
    found = f" (what was found: {words})" if words else ""
    return f"leave the {name} where it is{found}"


def index_in_words(eti_pct: float | None, after_pct: float | None, limit_pct: float) -> str:
    """Return a sentence on the emission-transmission index, now and after the correction."""
    if eti_pct is None:
        return ""
    after = "" if after_pct is None else f"; {after_pct:.1f} % after the correction"
    return f"{eti_pct:.1f} % of the myocardium lies on lung or air (limit {limit_pct:g} %){after}"
