"""The long axis of the left ventricle, from a segmentation of its wall and cavity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import binary_dilation

from regkit.errors import RegistrationError
from regkit.geometry.grid import FloatArray
from regkit.geometry.volume import LabelMap
from regkit_ventricle.cup import Cup, fit_cup
from regkit_ventricle.labels import Ventricle, ventricle_of


@dataclass(frozen=True, eq=False)
class LongAxis:
    """The line from the apex to the middle of the base; all points lie on it, LPS mm, (3,).

    Parameters
    ----------
    apex
        Point where the axis leaves the wall (epicardium).
    cavity_end
        Apical end of the cavity (endocardium).
    centre
        Centre of wall and cavity together.
    base
        Middle of the opening of the cavity, the plane of the mitral valve.
    cup
        Cup whose axis this is.
    """

    apex: FloatArray
    cavity_end: FloatArray
    centre: FloatArray
    base: FloatArray
    cup: Cup

    @property
    def direction(self) -> FloatArray:
        """Unit vector from the apex to the base."""
        along = self.base - self.apex
        return np.asarray(along / np.linalg.norm(along))

    @property
    def length_mm(self) -> float:
        """Distance between the outside of the apex and the middle of the base."""
        return float(np.linalg.norm(self.base - self.apex))


def long_axis(labels: LabelMap | Ventricle) -> LongAxis:
    """Find the long axis of a left ventricle.

    It is the axis of the cup that fits the labels best, see `regkit_ventricle.cup`: holes in the
    wall, as of perfusion defects, are not taken for the valve.

    Parameters
    ----------
    labels
        1 is myocardium, 2 the blood pool, on any grid.

    Raises
    ------
    RegistrationError
        The labels show no ventricle, or a cavity without an opening.
    """
    ventricle = labels if isinstance(labels, Ventricle) else ventricle_of(labels)
    if not _opens(ventricle):
        raise RegistrationError(
            "the labels show no left ventricle with a base: the myocardium encloses the blood "
            "pool on all sides; leave the mitral valve open in the labels"
        )
    cup = fit_cup(ventricle)
    return LongAxis(
        apex=cup.on_axis(-cup.whole[1]),
        cavity_end=cup.on_axis(-cup.cavity[1]),
        centre=cup.on_axis(cup.centroid_mm),
        base=cup.on_axis(cup.cut_mm),
        cup=cup,
    )


def _opens(ventricle: Ventricle) -> bool:
    """Return True if the cavity touches the outside of the ventricle somewhere."""
    # The labels are cropped with a margin, so that nothing wraps around.
    return bool((binary_dilation(ventricle.cavity) & ~ventricle.whole).any())
