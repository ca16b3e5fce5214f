"""PET and CT as an optimisation of a single pair by correlation ratio wants them."""

from __future__ import annotations

import numpy as np

from regkit.volume import Volume

# SUV above which is brain, heart, bladder and lesions, which would outweigh all the rest.
HOT_SUV = 5.0


def refinable(volume: Volume, modality: str = "") -> Volume:
    """Return PET in SUV clipped and otherwise as it is; any other image unchanged.

    The square root that rigid registration takes of PET evens out noise, but pushes the blurred
    outline of the body outward, and a map that may scale follows. Without it, and compared at
    the size of the voxels, whole bodies are aligned to 0.3 mm; see ``benchmarks/petct.py``.
    The result has no modality, so that nobody takes the root.

    Parameters
    ----------
    volume
        CT in HU or PET in SUV.
    modality
        Of an image that does not say.
    """
    if (volume.modality or modality) != "pet":
        return volume
    return Volume(np.clip(volume.array, 0, HOT_SUV), volume.grid)
