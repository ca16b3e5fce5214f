"""Sample points of the fixed image with their neighborhoods: patches, and gradients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regkit.errors import RegistrationError
from regkit.geometry.grid import FloatArray
from regkit.geometry.interpolation import interpolate_mapped, values_and_gradients
from regkit.geometry.transform import linear_part
from regkit.registrar import Pair
from regkit.similarity.point_sample import values_at
from regkit_instance.points import BodyRegion
from regkit_instance.pyramid import Level

# Root of x^4 = x + 1: multiples of its inverse powers, modulo 1, fill a cube evenly.
PLASTIC = 1.2207440846057596
# Voxels of a level around the body that are sampled too: the surroundings show where it ends.
# Chosen by hand, as is the least fraction of the points of a patch inside the fixed image.
MARGIN_VOXELS = 1.0
MIN_KNOWN_FRACTION = 0.5


@dataclass(frozen=True, eq=False)
class PatchPoints:
    """Cubic patches of sample points, one after the other.

    Parameters
    ----------
    positions
        Positions after the initial transform, mm about the body's centre (x, y, z), shape (3, N),
        float32.
    values
        Intensities from 0 to 1, shape (N,), float32; NaN outside the image or its mask.
    patch_size
        Number of points of a patch.
    """

    positions: NDArray[np.float32]
    values: NDArray[np.float32]
    patch_size: int


def sample_patches(
    pair: Pair, body: BodyRegion, level: Level, count: int, *, side: int, seed: int
) -> PatchPoints:
    """Spread patches evenly around the body.

    Parameters
    ----------
    pair
        The images; points lie in the fixed mask.
    body
        The body in the fixed image.
    level
        The fixed image at one resolution; its spacing is that of the points of a patch.
    count
        Number of patches, before those mostly outside the image are dropped.
    side
        Number of points of a patch along each axis.
    seed
        Seed of the positions of the patches.

    Raises
    ------
    RegistrationError
        No patch is inside the image (in its mask).
    """
    ticks = np.arange(side) - (side - 1) / 2
    offsets = np.stack(np.meshgrid(ticks, ticks, ticks, indexing="ij"), -1).reshape(-1, 3)
    around = MARGIN_VOXELS * np.array(level.grid.spacing)
    centres = level.grid.to_index(spread_points(pair, body, around, count, seed))
    points = level.grid.to_physical((centres[:, None] + offsets).reshape(-1, 3))
    centred, to_index = _centred(points, level)
    values = interpolate_mapped(level.array, to_index, centred)
    values[0, ~in_mask(pair, points)] = np.nan
    by_patch = values.reshape(-1, side**3)
    shown = np.flatnonzero(np.isfinite(by_patch).mean(axis=1) >= MIN_KNOWN_FRACTION)
    if len(shown) == 0:
        raise RegistrationError(
            "no patch shows enough of the fixed image (in its mask); choose another measure"
        )
    points = points.reshape(-1, side**3, 3)[shown].reshape(-1, 3)
    return PatchPoints(_mapped(pair, body, points), by_patch[shown].reshape(-1), side**3)


@dataclass(frozen=True, eq=False)
class GradientPoints:
    """Sample points and the gradients of the fixed image there.

    Parameters
    ----------
    positions
        Positions, as for `PatchPoints`.
    gradients
        Gradients by mm (x, y, z), in the frame after the initial transform, shape (3, N), float32.
    """

    positions: NDArray[np.float32]
    gradients: NDArray[np.float32]


def sample_gradients(
    pair: Pair, body: BodyRegion, level: Level, count: int, seed: int
) -> GradientPoints:
    """Spread points evenly around the body, with the gradients of the fixed image there.

    Parameters as for `sample_patches`.
    """
    around = MARGIN_VOXELS * np.array(level.grid.spacing)
    points = spread_points(pair, body, around, count, seed)
    points = points[in_mask(pair, points)]
    centred, to_index = _centred(points, level)
    values, by_index = values_and_gradients(level.array, to_index, centred)
    known = np.isfinite(values[0])
    by_mm = level.grid.inverse_affine[:3, :3].T @ by_index[0, :, known].T
    x, y, z = points.mean(axis=0).tolist()
    turned = np.linalg.solve(linear_part(pair.start, (x, y, z)).T, by_mm)
    return GradientPoints(_mapped(pair, body, points[known]), turned.astype(np.float32))


def spread_points(
    pair: Pair, body: BodyRegion, margin_mm: FloatArray | float, count: int, seed: int
) -> FloatArray:
    """Return points spread evenly in a box around the body, LPS mm, shape (count, 3).

    Any first part of them is spread evenly too. The box is as much larger than the body as the
    margin says, along each axis (x, y, z) of the fixed image.
    """
    grid = pair.fixed.grid
    margin = np.divide(margin_mm, grid.spacing)[::-1]
    low = np.maximum(body.box[0] - margin, -0.5)
    high = np.minimum(body.box[1] + margin, np.subtract(grid.shape_zyx, 0.5))
    first = np.random.default_rng(seed).random(3)
    fraction = (first + np.arange(count)[:, None] * PLASTIC ** -np.arange(1.0, 4.0)) % 1
    return grid.to_physical(low + fraction * (high - low))


def in_mask(pair: Pair, points: FloatArray) -> NDArray[np.bool_]:
    """Return whether points (N, 3) in LPS mm are in the fixed mask, or there is none."""
    if pair.fixed_mask is None:
        return np.ones(len(points), dtype=bool)
    return np.asarray(values_at(pair.fixed_mask, points) != 0)


def _centred(points: FloatArray, level: Level) -> tuple[NDArray[np.float32], FloatArray]:
    """Return points (3, N) about their mean, and the map (1, 3, 4) from there to indices."""
    origin = points.mean(axis=0)
    centred = np.ascontiguousarray((points - origin).T, dtype=np.float32)
    return centred, level.to_index(origin)[None]


def _mapped(pair: Pair, body: BodyRegion, points: FloatArray) -> NDArray[np.float32]:
    mapped = pair.start.map_points(points) - body.centre
    return np.ascontiguousarray(mapped.T, dtype=np.float32)
