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

# Steps along the axis, as a share of the finest spacing, in search of where a wall begins.
STEP = 0.25
NEIGHBOURS = [(axis, way) for axis in range(3) for way in (-1, 1)]


@dataclass(frozen=True, eq=False)
class LongAxis:
    """The line from the apex to the middle of the base; all points lie on it, LPS mm, (3,).

    Parameters
    ----------
    apex
        Where it leaves the wall (epicardium).
    cavity_end
        Where the cavity ends towards the apex (endocardium).
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
        """From the outside of the apex to the middle of the base."""
        return float(np.linalg.norm(self.base - self.apex))


def long_axis(labels: LabelMap | Ventricle) -> LongAxis:
    """Find the long axis of a left ventricle.

    It runs through the centre of wall and cavity together. Its direction is the mean of two that
    err for different reasons: from that centre to the middle of the opening, where the cavity
    meets neither wall nor itself, and the longest principal axis of the cavity, which counts the
    less the rounder the cavity is.

    Parameters
    ----------
    labels
        1 is myocardium, 2 the blood pool, on any grid.

    Raises
    ------
    RegistrationError
        The labels show no ventricle, or one whose cavity opens nowhere.
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
    """Return the cavity's longest principal axis, from 0 long (round) to 1 (a line)."""
    points = ventricle.labels.grid.to_physical(np.argwhere(ventricle.cavity))
    variances, axes = np.linalg.eigh(np.cov(points.T))
    longest = axes[:, -1] * np.sign(axes[:, -1] @ towards)
    return np.asarray(longest * (1 - variances[-2] / variances[-1]))


def _opening(ventricle: Ventricle) -> FloatArray:
    """Return the centre of the faces between the cavity and what is no ventricle."""
    beyond = np.zeros_like(ventricle.whole)
    for axis, way in NEIGHBOURS:
        beyond |= np.roll(ventricle.cavity, way, axis) & ~ventricle.whole
    pieces, count = label(beyond, generate_binary_structure(3, 3))
    if count == 0:
        raise RegistrationError(
            "the labels show no left ventricle that opens to an atrium: the myocardium encloses "
            "the blood pool on all sides, so that its base is unknown"
        )
    # A hole in a thin wall opens the cavity as well, but the valve is the largest opening.
    valve = pieces == int(np.argmax(np.bincount(pieces.ravel())[1:])) + 1
    faces = [_faces(ventricle.cavity, valve, axis, way) for axis, way in NEIGHBOURS]
    return ventricle.labels.grid.to_physical(np.concatenate(faces).mean(axis=0))


def _faces(cavity: Mask, valve: Mask, axis: int, way: int) -> FloatArray:
    """Return the middles of the faces that cavity voxels share with voxels beyond, as indices."""
    beyond = np.argwhere(np.roll(cavity, way, axis) & valve).astype(np.float64)
    beyond[:, axis] -= way / 2
    return beyond


def _end(ventricle: Ventricle, mask: Mask, start: FloatArray, way: FloatArray) -> FloatArray:
    """Return the last point of a structure on a ray, to a fraction of a voxel."""
    grid = ventricle.labels.grid
    step = STEP * min(grid.spacing)
    far = float(np.linalg.norm(grid.extent))
    distances = np.arange(0.0, far, step)
    points = start + distances[:, None] * way
    share = trilinear(mask.astype(np.float32), grid.to_index(points))
    share[~grid.contains(points)] = 0.0
    inside = np.flatnonzero(share >= 0.5)
    if inside.size == 0:
        raise RegistrationError(
            "the labels show no left ventricle: between its centre and its apex there is no cavity"
        )
    last = int(inside[-1])
    slope = share[last] - share[last + 1]
    return np.asarray(points[last] + way * step * (share[last] - 0.5) / slope)
