"""Labels from probabilities of background, myocardium and blood pool, also between voxels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import scipy  # its parts are imported on first use
from numpy.typing import NDArray

from regkit.geometry.grid import Grid
from regkit.geometry.resampling import resample
from regkit.geometry.transform import Transform
from regkit.geometry.volume import LabelMap, Volume

MYOCARDIUM, BLOOD_POOL = 1, 2


def argmax_labels(wall: NDArray[np.floating], pool: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Return 1 or 2 where myocardium or blood pool is the most probable structure, else 0."""
    rest = 1 - wall - pool
    labels = np.zeros(wall.shape, np.uint8)
    labels[(wall > rest) & (wall >= pool)] = MYOCARDIUM
    labels[(pool > rest) & (pool > wall)] = BLOOD_POOL
    return labels


def relabel(labels: LabelMap, numbers: tuple[int, int]) -> LabelMap:
    """Return labels with 1 and 2 in place of the given numbers of myocardium and blood pool."""
    array = np.zeros(labels.array.shape, np.uint8)
    for ours, theirs in zip((MYOCARDIUM, BLOOD_POOL), numbers, strict=True):
        array[labels.array == theirs] = ours
    return LabelMap(array, labels.grid)


def resample_labels_linear(
    labels: LabelMap,
    onto: Grid,
    through: Transform,
    numbers: tuple[int, int] = (MYOCARDIUM, BLOOD_POOL),
) -> LabelMap:
    """Resample labels by linear interpolation of each structure, so that surfaces stay smooth.

    Parameters
    ----------
    labels
        Label map of a ventricle.
    onto, through
        Grid and transform; see `regkit.geometry.resampling.resample`.
    numbers
        Numbers of myocardium and blood pool in `labels`; in the result they are 1 and 2.
    """
    wall, pool = (
        resample(Volume(labels.array == number, labels.grid), onto, through).array
        for number in numbers
    )
    return LabelMap(argmax_labels(wall, pool), onto)


def cropped(labels: LabelMap) -> LabelMap:
    """Crop to the labelled voxels and a margin of one background voxel on every side.

    Labels that are empty stay as they are.
    """
    if not labels.array.any():
        return labels
    (box,) = scipy.ndimage.find_objects((labels.array != 0).astype(np.uint8))
    inner = np.pad(labels.array[box], 1)
    x, y, z = labels.grid.to_physical([s.start - 1 for s in box]).tolist()
    return labels.with_array(inner, replace(labels.grid, shape_zyx=inner.shape, origin=(x, y, z)))
