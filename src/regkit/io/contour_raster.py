"""Rasterize planar contours onto a voxel grid."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from regkit.errors import GeometryError
from regkit.geometry.grid import FloatArray, Grid

Note: TypeAlias = Callable[[str], None]

# Contours this close together lie in one plane: above the rounding of headers (0.01 mm), below
# the slices of patients. Animals have thinner slices, hence the fraction of a slice.
# Both chosen by hand.
SAME_PLANE_MM = 0.1
SAME_PLANE_FRACTION = 0.1
# Points of a contour that leave its plane by more are no planar contour; chosen by hand.
MAX_OUT_OF_PLANE_MM = 0.5
# Planes farther apart stand for one slice each, not for the space between them: wider than the
# slices that structures are drawn on. Chosen by hand.
MAX_PLANE_SPACING_MM = 10.0
# A wider gap than this many times the smallest one is left empty; chosen by hand.
_FILLED_GAP = 1.5
# An inner contour is a hole where most of it is filled already; between these fractions it
# crosses an outer one. Chosen by hand.
_CROSSING = (0.1, 0.9)
# A voxel center this close to a contour is on it, and so inside: above rounding.
_BORDER_MM = 1e-6
# Voxels on the border of two planes belong to the upper one, in spite of rounding.
_ROUNDING_MM = 1e-3


@dataclass(frozen=True)
class _Plane:
    """Contours of one plane, shape (N, 2) in mm, and the slab of space that they stand for."""

    polygons: list[FloatArray]
    low: float
    high: float


def rasterize(contours: Sequence[FloatArray], grid: Grid, note: Note) -> NDArray[np.bool_]:
    """Return the voxels of a grid whose centers lie inside closed planar contours.

    Contours of a plane that lie in one another alternate between solid and hole; keyhole contours
    work, too. A voxel takes the nearest plane, whatever the grid.

    Parameters
    ----------
    contours
        Points of each contour in LPS mm, shape (N, 3).
    grid
        Voxels to fill.
    note
        Function that gets a remark wherever the contours do not fit the grid, or one another.

    Raises
    ------
    GeometryError
        The contours do not lie in parallel planes.
    """
    mask = np.zeros(grid.shape_zyx, dtype=bool)
    distinct = list({points.round(3).tobytes(): points for points in contours}.values())
    if len(distinct) < len(contours):
        note("has contours that are there twice: taken once")
    tolerance = min(SAME_PLANE_MM, SAME_PLANE_FRACTION * grid.spacing[2])
    axes = _plane_axes(distinct, grid, tolerance)
    _note_fit(distinct, axes, grid, tolerance, note)
    for plane in _planes([points @ axes for points in distinct], tolerance, grid.spacing[2]):
        _fill(mask, plane, axes, grid, note)
    return mask


def _plane_axes(contours: list[FloatArray], grid: Grid, tolerance: float) -> FloatArray:
    """Return two axes of the contours' planes and their normal, as columns.

    They are the grid's where the contours lie in its slices.
    """
    axes = np.reshape(grid.direction, (3, 3))
    if _out_of_plane(contours, axes[:, 2]) <= tolerance:
        return axes
    areas = [_area_vector(points) for points in contours]
    normal = max(areas, key=lambda area: float(np.linalg.norm(area)))
    normal = normal / max(float(np.linalg.norm(normal)), 1e-12)
    if _out_of_plane(contours, normal) > MAX_OUT_OF_PLANE_MM:
        raise GeometryError("its contours do not lie in parallel planes; export it as a SEG")
    across = np.cross(normal, np.eye(3)[np.argmin(np.abs(normal))])
    across /= np.linalg.norm(across)
    return np.column_stack([across, np.cross(normal, across), normal])


def _out_of_plane(contours: list[FloatArray], normal: FloatArray) -> float:
    return max(float(np.ptp(points @ normal)) for points in contours)


def _area_vector(points: FloatArray) -> FloatArray:
    """Return the normal of a polygon, as long as twice its area in mm^2."""
    centered = points - points[0]
    return np.asarray(np.cross(centered, np.roll(centered, -1, axis=0)).sum(axis=0))


def _planes(local: list[FloatArray], tolerance: float, thickness: float) -> list[_Plane]:
    """Group contours, in the axes of their planes, by plane."""
    local = sorted(local, key=lambda points: float(points[:, 2].mean()))
    heights = np.array([points[:, 2].mean() for points in local])
    starts = np.flatnonzero(np.diff(heights, prepend=-np.inf) > tolerance)
    centers = np.add.reduceat(heights, starts) / np.diff([*starts, len(heights)])
    gaps = np.diff(centers)
    smallest = gaps.min() if gaps.size and gaps.min() <= MAX_PLANE_SPACING_MM else thickness
    halves = np.where(gaps <= _FILLED_GAP * smallest, gaps, smallest) / 2
    low = centers - np.array([smallest / 2, *halves])
    high = centers + np.array([*halves, smallest / 2])
    ends = [*starts[1:].tolist(), len(local)]
    return [
        _Plane([points[:, :2] for points in local[start:end]], float(bottom), float(top))
        for start, end, bottom, top in zip(starts.tolist(), ends, low, high, strict=True)
    ]


def _fill(
    mask: NDArray[np.bool_], plane: _Plane, axes: FloatArray, grid: Grid, note: Note
) -> None:
    """Mark the voxels of a plane's slab that lie inside its contours."""
    points = np.concatenate(plane.polygons)
    sides = zip([*points.min(axis=0), plane.low], [*points.max(axis=0), plane.high], strict=True)
    corners = grid.to_index(np.array(list(product(*sides))) @ axes.T)
    first = np.maximum(np.floor(corners.min(axis=0)), 0).astype(int)
    last = np.minimum(np.ceil(corners.max(axis=0)), np.subtract(grid.shape_zyx, 1)).astype(int)
    if (first > last).any():
        return
    ranges = [np.arange(a, b + 1) for a, b in zip(first, last, strict=True)]
    local = grid.to_physical(np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1)) @ axes
    height = local[..., 2] + _ROUNDING_MM
    slab = (height >= plane.low) & (height < plane.high)
    block = mask[tuple(slice(a, b + 1) for a, b in zip(first, last, strict=True))]
    block[slab] |= _inside(local[slab][:, :2], plane.polygons, note)


def _inside(points: FloatArray, polygons: list[FloatArray], note: Note) -> NDArray[np.bool_]:
    """Return which points are inside an odd number of nested polygons."""
    filled = np.zeros(len(points), dtype=bool)
    by_area = sorted(polygons, key=_area, reverse=True)
    for polygon in by_area:
        near = (points >= polygon.min(axis=0)) & (points <= polygon.max(axis=0))
        candidates = np.flatnonzero(near.all(axis=1))
        inside = candidates[_is_inside(points[candidates], polygon)]
        covered = filled[inside].mean() if len(inside) else 0.0
        if _CROSSING[0] < covered < _CROSSING[1]:
            note("has contours that cross: taken as holes where they mostly overlap, else added")
        filled[inside] = covered <= 1 / 2
    return filled


def _is_inside(points: FloatArray, polygon: FloatArray) -> NDArray[np.bool_]:
    """Return which points are inside a polygon, by even and odd crossings, or on its border.

    The points are sorted along the second axis, so that an edge meets only those beside it:
    skimage, which compares every point with every edge, takes over ten times as long.
    """
    order = np.argsort(points[:, 1], kind="stable")
    x, y = points[order].T
    odd, border = np.zeros((2, len(points)), dtype=bool)
    ends = np.stack([polygon, np.roll(polygon, -1, axis=0)])
    low, high = np.sort(ends[:, :, 1], axis=0)
    beside = zip(
        np.searchsorted(y, low - _BORDER_MM),
        np.searchsorted(y, low),
        np.searchsorted(y, high),
        np.searchsorted(y, high + _BORDER_MM),
        strict=True,
    )
    for ((x0, y0), (x1, y1)), (first, start, end, last) in zip(
        ends.swapaxes(0, 1).tolist(), beside, strict=True
    ):
        near = slice(first, last)
        along = np.clip(_position(x[near] - x0, y[near] - y0, x1 - x0, y1 - y0), 0, 1)
        apart = np.hypot(x[near] - x0 - along * (x1 - x0), y[near] - y0 - along * (y1 - y0))
        border[near] |= apart <= _BORDER_MM
        if start < end:
            odd[start:end] ^= x[start:end] < x0 + (y[start:end] - y0) * ((x1 - x0) / (y1 - y0))
    inside = np.empty_like(odd)
    inside[order] = odd | border
    return inside


def _position(x: FloatArray, y: FloatArray, edge_x: float, edge_y: float) -> FloatArray:
    """Return where points are beside an edge: 0 at its start, 1 at its end."""
    return (x * edge_x + y * edge_y) / max(edge_x**2 + edge_y**2, 1e-30)


def _area(polygon: FloatArray) -> float:
    x, y = (polygon - polygon[0]).T
    return abs(float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))) / 2


def _note_fit(
    contours: list[FloatArray], axes: FloatArray, grid: Grid, tolerance: float, note: Note
) -> None:
    """Remark on contours that lie off the grid's slices or beyond the image."""
    normal = np.reshape(grid.direction, (3, 3))[:, 2]
    index = grid.to_index(np.concatenate(contours))
    tilt = math.degrees(math.acos(min(1.0, abs(float(normal @ axes[:, 2])))))
    off_mm = float(np.abs(index[:, 0] - index[:, 0].round()).max()) * grid.spacing[2]
    if tilt > 0:
        note(f"is drawn in planes tilted by {tilt:.1f} degrees to the image's slices")
    elif off_mm > tolerance:
        note(
            f"is drawn up to {off_mm:.2g} mm off the image's slices, which take the nearest plane"
        )
    outside = np.maximum(-0.5 - index, index - np.subtract(grid.shape_zyx, 0.5)).max(axis=0)
    beyond_mm = float((outside * grid.spacing[::-1])[outside > 1 / 2].max(initial=0.0))
    if beyond_mm > 0:
        note(f"reaches {beyond_mm:.1f} mm beyond the image")
