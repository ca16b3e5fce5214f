"""The mask of the patient in a CT or PET, without table, cushions and air."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from regkit.errors import RegistrationError
from regkit.geometry.volume import LabelMap, Volume
from regkit.learning.preprocessing import slice_axis

Mask = NDArray[np.bool_]

# More than this is tissue: between lung or foam and fat in HU, between air and fat in SUV.
TISSUE = {"ct": -250.0, "pet": 0.1}
# Voxels in which the body is found: finer ones cost time and tell nothing.
VOXEL_MM = 6.0
# A table with its foam, and what connects it to a patient, is thinner than twice this.
THIN_MM = 16.0


def body_of(volume: Volume, modality: str) -> LabelMap:
    """Return a mask of the patient, 1 inside, on the grid of the image.

    The largest piece that is nowhere as thin as a table of tissue and of what tissue encloses in
    each transaxial slice: lungs and bowel gas belong to it wherever the scan begins and ends.

    Parameters
    ----------
    volume
        CT in HU or PET in SUV, of any orientation.
    modality
        ``ct`` or ``pet``.

    Raises
    ------
    RegistrationError
        There is no tissue.
    """
    steps = [
        max(1, min(n, round(VOXEL_MM / s)))
        for n, s in zip(volume.grid.shape_zyx, volume.grid.spacing[::-1], strict=True)
    ]
    tissue = np.asarray(_averaged(volume.array, steps) > TISSUE[modality])
    spacing = np.multiply(steps, volume.grid.spacing[::-1])
    body = _largest(_filled(tissue, slice_axis(volume.grid)), spacing)
    return LabelMap(_enlarged(body, steps, volume.grid.shape_zyx), volume.grid)


def _averaged(array: NDArray[np.float32], steps: list[int]) -> NDArray[np.float32]:
    """Return the means of blocks of voxels; what is left over at the end is left out."""
    counts = [n // step for n, step in zip(array.shape, steps, strict=True)]
    whole = array[tuple(slice(n * step) for n, step in zip(counts, steps, strict=True))]
    sides = [side for pair in zip(counts, steps, strict=True) for side in pair]
    return np.asarray(whole.reshape(sides).mean(axis=(1, 3, 5)))


def _enlarged(body: Mask, steps: list[int], shape: tuple[int, int, int]) -> Mask:
    """Undo `_averaged`, the last block going on to the end."""
    blocks = [
        np.minimum(np.arange(n) // step, count - 1)
        for n, step, count in zip(shape, steps, body.shape, strict=True)
    ]
    return np.asarray(body[np.ix_(*blocks)])


def _largest(tissue: Mask, spacing_zyx: NDArray[np.float64]) -> Mask:
    """Return the largest piece of tissue; what hangs on it by something thin is no part of it."""
    # An edge of the scan is no surface of the body: tissue goes on beyond it.
    padded = np.pad(tissue, 1, mode="edge")
    depth = ndimage.distance_transform_edt(padded, sampling=spacing_zyx)
    # Depths are to the middle of the nearest voxel outside.
    reach = THIN_MM + spacing_zyx.min() / 2
    pieces, count = ndimage.label(depth[1:-1, 1:-1, 1:-1] > reach)
    if count == 0:
        pieces, count = ndimage.label(tissue)
    if count == 0:
        raise RegistrationError("no body is visible in the image: nothing in it is bright enough")
    core = pieces == 1 + int(np.argmax(np.bincount(pieces.ravel())[1:]))
    away = ndimage.distance_transform_edt(~core, sampling=spacing_zyx)
    return np.asarray(tissue & (away <= reach))


def _filled(body: Mask, axis: int) -> Mask:
    slices = np.moveaxis(body, axis, 0)
    filled = np.stack([ndimage.binary_fill_holes(one) for one in slices])
    return np.moveaxis(filled, 0, axis)
