"""The long axis of the left ventricle, from a segmentation of its wall and cavity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import generate_binary_structure, label

from regkit.errors import RegistrationError
from regkit.geometry.grid import FloatArray
from regkit.geometry.interpolation import trilinear
from regkit.geometry.volume import LabelMap
from regkit_ventricle.labels import Mask, Ventricle, ventricle_of

# Step of the search for the surface along the axis, as a fraction of the finest voxel spacing;
# chosen by hand: the surface itself is interpolated between two steps.
STEP = 0.25
# The six faces of a voxel: array axis and direction along it.
FACES = [(axis, sign) for axis in range(3) for sign in (-1, 1)]


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
    """

    apex: FloatArray
    cavity_end: FloatArray
    centre: FloatArray
    base: FloatArray

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

    It runs through the centre of wall and cavity together. Its direction is the mean of two
    estimates whose errors have different causes: the direction from that centre to the middle of
    the basal opening of the cavity, and the longest principal axis of the cavity, whose weight
    falls to zero as the cavity becomes round.

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
    opening, centre = _opening(ventricle), ventricle.centre
    outward = opening - centre
    reach = float(np.linalg.norm(outward))
    if reach < max(ventricle.labels.grid.spacing):
        raise RegistrationError(
            f"the labels show no left ventricle: its cavity opens {reach:.1f} mm from its centre, "
            "so that it has no base and no apex"
        )
    along = outward / reach + _elongation(ventricle, outward)
    along /= np.linalg.norm(along)
    return LongAxis(
        apex=_end(ventricle, ventricle.whole, centre, -along),
        cavity_end=_end(ventricle, ventricle.cavity, centre, -along),
        centre=centre,
        base=centre + along * float(outward @ along),
    )


def _elongation(ventricle: Ventricle, towards: FloatArray) -> FloatArray:
    """Return the cavity's longest principal axis; its length is 0 for a ball and 1 for a line."""
    points = ventricle.labels.grid.to_physical(np.argwhere(ventricle.cavity))
    variances, axes = np.linalg.eigh(np.cov(points.T))
    longest = axes[:, -1] * np.sign(axes[:, -1] @ towards)
    return np.asarray(longest * (1 - variances[-2] / variances[-1]))


def _opening(ventricle: Ventricle) -> FloatArray:
    """Return the centre of the voxel faces between the cavity and the outside of the ventricle."""
    beyond = np.zeros_like(ventricle.whole)
    for axis, sign in FACES:
        beyond |= np.roll(ventricle.cavity, sign, axis) & ~ventricle.whole
    pieces, count = label(beyond, generate_binary_structure(3, 3))
    if count == 0:
        raise RegistrationError(
            "the labels show no left ventricle with a base: the myocardium encloses the blood "
            "pool on all sides; leave the mitral valve open in the labels"
        )
    # A hole in a thin wall opens the cavity as well, but the valve is the largest opening.
    valve = pieces == int(np.argmax(np.bincount(pieces.ravel())[1:])) + 1
    faces = [_faces(ventricle.cavity, valve, axis, sign) for axis, sign in FACES]
    return ventricle.labels.grid.to_physical(np.concatenate(faces).mean(axis=0))


def _faces(cavity: Mask, valve: Mask, axis: int, sign: int) -> FloatArray:
    """Return the centres of the faces between cavity and valve voxels, as array indices."""
    beyond = np.argwhere(np.roll(cavity, sign, axis) & valve).astype(np.float64)
    beyond[:, axis] -= sign / 2
    return beyond


def _end(ventricle: Ventricle, mask: Mask, start: FloatArray, direction: FloatArray) -> FloatArray:
    """Return the last point of a structure on a ray, to a fraction of a voxel."""
    grid = ventricle.labels.grid
    step = STEP * min(grid.spacing)
    far = float(np.linalg.norm(grid.extent))
    distances = np.arange(0.0, far, step)
    points = start + distances[:, None] * direction
    fraction = trilinear(mask.astype(np.float32), grid.to_index(points))
    fraction[~grid.contains(points)] = 0.0
    inside = np.flatnonzero(fraction >= 0.5)
    if inside.size == 0:
        raise RegistrationError(
            "the labels show no left ventricle: there is no cavity between its centre and its apex"
        )
    last = int(inside[-1])
    slope = fraction[last] - fraction[last + 1]
    return np.asarray(points[last] + direction * step * (fraction[last] - 0.5) / slope)
