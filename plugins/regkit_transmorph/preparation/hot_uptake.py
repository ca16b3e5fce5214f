"""PET and CT as an optimisation of a single pair by correlation ratio wants them."""

from __future__ import annotations

from typing import Any

import numpy as np

from regkit.geometry.volume import Volume
from regkit_transmorph.preparation.prepared import UNITS

# SUV above which is brain, heart, bladder and lesions, which would outweigh all the rest.
HOT_SUV = 5.0


def clip_hot_uptake(volume: Volume) -> Volume:
    """Return PET in SUV clipped and otherwise as it is; any other image unchanged.

    The square root that rigid registration takes of PET evens out noise, but pushes the blurred
    outline of the body outward, and a map that may scale follows. Without it, and compared at
    the size of the voxels, whole bodies are aligned to 0.3 mm; see ``benchmarks/petct.py``.
    The result has no modality, so that nobody takes the root.

    Parameters
    ----------
    volume
        CT in HU or PET in SUV.
    """
    if volume.modality != "pet":
        return volume
    return Volume(np.clip(volume.array, 0, HOT_SUV), volume.grid)


def preprocessing_record(volume: Volume) -> dict[str, Any]:
    """Return what was done with an image before its refinement, as plain data."""
    kind = volume.modality
    told: dict[str, Any] = {"modality": kind, "unit": UNITS.get(kind, ""), "body_mask": False}
    return told | ({"highest_suv": HOT_SUV} if kind == "pet" else {})
