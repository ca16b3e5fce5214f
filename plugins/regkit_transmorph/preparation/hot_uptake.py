"""PET clipped at SUV 5 for the optimization of a single pair."""

from __future__ import annotations

from typing import Any

import numpy as np

from regkit.geometry.volume import Volume
from regkit_transmorph.preparation.prepared import UNITS

# SUV above which there are brain, heart, bladder and lesions, which would dominate the similarity.
HOT_SUV = 5.0


def clip_hot_uptake(volume: Volume) -> Volume:
    """Return PET clipped at SUV 5; any other image unchanged.

    The square root that rigid registration takes of PET stabilizes the noise, but moves the
    blurred outline of the body outward, which biases the scales of an affine map. Without it, and
    compared at the size of the voxels, whole bodies are aligned to 0.3 mm; see
    ``benchmarks/petct.py``.
    The result has no modality, so that no later step takes the square root.

    Parameters
    ----------
    volume
        CT in HU or PET in SUV.
    """
    if volume.modality != "pet":
        return volume
    return Volume(np.clip(volume.array, 0, HOT_SUV), volume.grid)


def preprocessing_record(volume: Volume) -> dict[str, Any]:
    """Return the record of an image's preprocessing before its refinement, as plain data."""
    kind = volume.modality
    record: dict[str, Any] = {"modality": kind, "unit": UNITS.get(kind, ""), "body_mask": False}
    return record | ({"highest_suv": HOT_SUV} if kind == "pet" else {})
