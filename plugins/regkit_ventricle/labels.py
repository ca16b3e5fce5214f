"""A segmentation of the left ventricle: the wall and the cavity it holds."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import scipy  # its parts are imported on first use
from numpy.typing import NDArray

from regkit.errors import RegistrationError
from regkit.geometry.grid import FloatArray
from regkit.geometry.volume import LabelMap
from regkit_ventricle.label_probabilities import cropped

Mask: TypeAlias = NDArray[np.bool_]

MYOCARDIUM, BLOOD_POOL = 1, 2
MM3_PER_ML = 1000.0
# A structure of fewer connected voxels gives neither an axis nor segments; chosen by hand.
MIN_VOXELS = 30


@dataclass(frozen=True, eq=False)
class Ventricle:
    """One connected left ventricle.

    Parameters
    ----------
    labels
        1 is myocardium, 2 the blood pool it holds, on any grid.
    stray_fraction
        Fraction of the labelled voxels that were left out because they belong to other pieces.
    """

    labels: LabelMap
    stray_fraction: float = 0.0

    @cached_property
    def myocardium(self) -> Mask:
        """Mask of the wall, (z, y, x)."""
        return np.asarray(self.labels.array == MYOCARDIUM)

    @cached_property
    def cavity(self) -> Mask:
        """Mask of the blood pool, (z, y, x)."""
        return np.asarray(self.labels.array == BLOOD_POOL)

    @cached_property
    def whole(self) -> Mask:
        """Mask of wall and cavity together, (z, y, x)."""
        return self.myocardium | self.cavity

    @property
    def myocardium_ml(self) -> float:
        """Volume of the wall, ml."""
        return self._ml(self.myocardium)

    @property
    def cavity_ml(self) -> float:
        """Volume of the cavity, ml."""
        return self._ml(self.cavity)

    @cached_property
    def points(self) -> FloatArray:
        """The voxels of wall and cavity, LPS mm of the labels, shape (N, 3)."""
        return self.labels.grid.to_physical(np.argwhere(self.whole))

    @cached_property
    def centre(self) -> FloatArray:
        """Centre of wall and cavity together, LPS mm of the labels, shape (3,)."""
        return np.asarray(self.points.mean(axis=0))

    def _ml(self, mask: Mask) -> float:
        voxel_mm3 = float(np.prod(self.labels.grid.spacing))
        return float(mask.sum() * voxel_mm3 / MM3_PER_ML)


def ventricle_of(labels: LabelMap) -> Ventricle:
    """Return the largest connected piece of a segmentation as the ventricle.

    Parameters
    ----------
    labels
        1 is myocardium, 2 the blood pool; other labels are ignored.

    Raises
    ------
    RegistrationError
        The piece has too little myocardium or blood pool.
    """
    marked = np.isin(labels.array, (MYOCARDIUM, BLOOD_POOL))
    pieces, count = scipy.ndimage.label(marked)
    if count > 1:
        largest = int(np.argmax(np.bincount(pieces.ravel())[1:])) + 1
        ventricle = np.where(pieces == largest, labels.array, 0)
    else:
        ventricle = np.where(marked, labels.array, 0)
    for name, number in (("myocardium", MYOCARDIUM), ("blood pool", BLOOD_POOL)):
        voxels = int((ventricle == number).sum())
        if voxels < MIN_VOXELS:
            raise RegistrationError(
                f"the labels show no left ventricle: {voxels} voxels of {name} (label {number}) "
                f"are connected, {MIN_VOXELS} are needed; is the heart in the image?"
            )
    strays = 1 - float((ventricle != 0).sum() / marked.sum())
    return Ventricle(cropped(labels.with_array(ventricle)), strays)
