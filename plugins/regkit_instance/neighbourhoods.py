"""Samples of the fixed image that show more than single values: patches, and gradients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regkit.errors import RegistrationError
from regkit.geometry.grid import FloatArray
from regkit.geometry.transform import linear_part
from regkit.registrar import Pair
from regkit.similarity.point_sample import values_at
from regkit_instance.numba_backend.interpolate import gather, interpolate
from regkit_instance.points import BodyRegion
from regkit_instance.pyramid import Level

# The powers of this number fill a cube evenly: it is the root of x^4 = x + 1.
PLASTIC = 1.2207440846057596
# Of a level around the body: its surroundings tell where it ends.
MARGIN_VOXELS = 1.0
# Least share of a patch that shows the fixed image.
LEAST_KNOWN = 0.5


@dataclass(frozen=True, eq=False)
class Patches:
    """Cubes of sample points, one after the other.

    Parameters
    ----------
    positions
        After the initial map, mm about the body's centre, shape (3, N), float32, x, y, z.
    values
        Intensities from 0 to 1, shape (N,), float32; NaN outside the image or its mask.
    whole
        Points of a patch.
    """

    positions: NDArray[np.float32]
    values: NDArray[np.float32]
    whole: int


def patches(
    pair: Pair, body: BodyRegion, level: Level, count: int, *, side: int, seed: int
) -> Patches:
    """Spread patches through the body's box.

    Parameters
    ----------
    pair
        The images; points lie in the fixed mask.
    body
        Of the fixed image.
    level
        Fixed image at the resolution wanted; its spacing is that of the points of a patch.
    count
        Number of patches, before those that show too little are left out.
    side
        Points of a patch along each axis.
    seed
        Of where patches lie.

    Raises
    ------
    RegistrationError
        No patch shows enough of the image.
    """
    ticks = np.arange(side) - (side - 1) / 2
    offsets = np.stack(np.meshgrid(ticks, ticks, ticks, indexing="ij"), -1).reshape(-1, 3)
    centres = level.grid.to_index(_spread(pair, body, level, count, seed))
    places = level.grid.to_physical((centres[:, None] + offsets).reshape(-1, 3))
    values = np.empty((1, len(places)), np.float32)
    near, into = _near(places, level)
    interpolate(level.array, into, near, values)
    values[0, ~_in_mask(pair, places)] = np.nan
    by_patch = values.reshape(-1, side**3)
    shown = np.flatnonzero(np.isfinite(by_patch).mean(axis=1) >= LEAST_KNOWN)
    if len(shown) == 0:
        raise RegistrationError(
            "no patch shows enough of the fixed image (in its mask); take another measure"
        )
    places = places.reshape(-1, side**3, 3)[shown].reshape(-1, 3)
    return Patches(_mapped(pair, body, places), by_patch[shown].reshape(-1), side**3)


@dataclass(frozen=True, eq=False)
class Edges:
    """Sample points and how steep the fixed image is there.

    Parameters
    ----------
    positions
        As of `Patches`.
    slopes
        Gradients by mm (x, y, z) of position, after the initial map; shape (3, N), float32.
    """

    positions: NDArray[np.float32]
    slopes: NDArray[np.float32]


def gradients(pair: Pair, body: BodyRegion, level: Level, count: int, seed: int) -> Edges:
    """Spread points through the body's box and take the image's gradient there.

    Parameters as of `patches`.
    """
    places = _spread(pair, body, level, count, seed)
    places = places[_in_mask(pair, places)]
    values = np.empty((1, len(places)), np.float32)
    by_index = np.zeros((1, 3, len(places)), np.float32)
    near, into = _near(places, level)
    gather(level.array, into, near, values, by_index)
    known = np.isfinite(values[0])
    by_mm = level.grid.inverse_affine[:3, :3].T @ by_index[0, :, known].T
    x, y, z = places.mean(axis=0).tolist()
    turned = np.linalg.solve(linear_part(pair.start, (x, y, z)).T, by_mm)
    return Edges(_mapped(pair, body, places[known]), turned.astype(np.float32))


def _spread(pair: Pair, body: BodyRegion, level: Level, count: int, seed: int) -> FloatArray:
    """Return points spread evenly around the body, LPS mm, shape (count, 3)."""
    grid = pair.fixed.grid
    margin = MARGIN_VOXELS * np.divide(level.grid.spacing, grid.spacing)[::-1]
    low = np.maximum(body.box[0] - margin, -0.5)
    high = np.minimum(body.box[1] + margin, np.subtract(grid.shape_zyx, 0.5))
    first = np.random.default_rng(seed).random(3)
    share = (first + np.arange(count)[:, None] * PLASTIC ** -np.arange(1.0, 4.0)) % 1
    return grid.to_physical(low + share * (high - low))


def _near(places: FloatArray, level: Level) -> tuple[NDArray[np.float32], FloatArray]:
    """Return points (3, N) about their mean, and the map (1, 3, 4) from there to indices."""
    origin = places.mean(axis=0)
    near = np.ascontiguousarray((places - origin).T, dtype=np.float32)
    return near, level.to_padded_index(origin)[None]


def _in_mask(pair: Pair, places: FloatArray) -> NDArray[np.bool_]:
    if pair.fixed_mask is None:
        return np.ones(len(places), dtype=bool)
    return np.asarray(values_at(pair.fixed_mask, places) != 0)


def _mapped(pair: Pair, body: BodyRegion, places: FloatArray) -> NDArray[np.float32]:
    mapped = pair.start.map_points(places) - body.centre
    return np.ascontiguousarray(mapped.T, dtype=np.float32)
