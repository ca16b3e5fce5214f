"""An image at several resolutions in millimetres."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from regkit.geometry.derived import derived
from regkit.geometry.grid import FloatArray, Grid
from regkit.geometry.volume import LabelMap, Volume
from regkit.similarity.intensity import (
    CT_WINDOW_HU,
    intensity_curve,
)
from regkit.similarity.point_sample import PointSample
from regkit_instance.known_voxels import KnownSlices, known_everywhere, known_in, read_only
from regkit_instance.numba_backend.downsample import downsample
from regkit_instance.threads import share

# Spacing of the levels of a search as a fraction of the field of view, at least, and that of the
# level that follows. On the average brain and itself in other intensities, 256 x 256 x 204, levels
# down to 1.4 mm (1/160) left 0.074 mm, down to 0.87 mm (its voxels) 0.037 mm.
SEARCH_FRACTION, FINEST_FRACTION = 1 / 160, 1 / 320
# A finer level follows where it is finer by this factor at least. Chosen by hand, as is the next.
FINER = 0.75
# Least number of voxels of an axis, unless it has fewer already.
COARSEST_VOXELS = 12
# HU and values from 0 to 1: half of the scale for the 300 HU of soft tissue. Chosen by hand.
CT_CURVE = ((-1000.0, -150.0, 150.0, 800.0), (0.0, 0.25, 0.8, 1.0))

# Along each axis, voxels in a block of the finest level from which on all pyramids of an image are
# made from one image of half its resolution, an eighth of its voxels. Chosen by hand.
FINE_VOXELS = 4
NO_CURVE = np.empty((2, 0))  # for intensities from 0 to 1

# Voxels that are averaged at once: small beside a large image. Those that several threads average
# sooner than one. By hand.
PART_VOXELS, SHARED_VOXELS = 2**20, 2**19


@dataclass(frozen=True, eq=False)
class Level:
    """An image at one resolution.

    Parameters
    ----------
    array
        Intensities from 0 to 1, shape (z, y, x), float32; NaN is unknown.
    grid
        Grid of the voxels.
    """

    array: NDArray[np.float32]
    grid: Grid

    def to_index(self, origin: FloatArray) -> FloatArray:
        """Return the 3 x 4 matrix from mm (x, y, z) about `origin` to indices (z, y, x)."""
        matrix = self.grid.inverse_affine[:3].copy()
        matrix[:, 3] += matrix[:, :3] @ origin
        return matrix


def spacings_mm(
    fixed: Grid, moving: Grid, count: int, finest_mm: float = 0.0
) -> tuple[float, ...]:
    """Return the spacing of each level in mm, coarsest first; each is half the one before.

    The finest is `finest_mm`; if that is 0, it is between the voxel sizes of both images, and not
    finer than a search needs. In large images, one more level follows, for accuracy.
    """
    between = float(np.prod([*fixed.spacing, *moving.spacing]) ** (1 / 6))
    extent = max(fixed.extent)
    searched = finest_mm or max(between, SEARCH_FRACTION * extent)
    levels = tuple(searched * 2**step for step in reversed(range(count)))
    finest = finest_mm or max(between, FINEST_FRACTION * extent)
    return (*levels, finest) if finest < FINER * searched else levels


def level_curve(sample: PointSample, modality: str, masked: bool) -> FloatArray:
    """Return the intensity curve of a sampled image, as `intensity_curve` but for CT.

    For CT, most of the scale goes to soft tissue, where emission and MR have their contrast.
    """
    curve = intensity_curve(sample.values, modality, masked, sample.foreground)
    is_usual = modality == "ct" and tuple(curve[0]) == CT_WINDOW_HU
    return np.array(CT_CURVE) if is_usual else curve


def pyramid(
    volume: Volume,
    curve: FloatArray,
    spacings: tuple[float, ...],
    mask: LabelMap | None = None,
    threads: int = 1,
) -> tuple[Level, ...]:
    """Return block averages of an image at each spacing in mm (coarsest first), in one pass.

    Parameters
    ----------
    volume
        Any image.
    curve
        Knots of the intensity curve and its values; see `level_curve`.
    spacings
        Spacings of the levels in mm; every axis keeps at least twelve voxels, or those it has.
    mask
        Region, on any grid, outside of which voxels are unknown.
    threads
        Number of threads.
    """
    key = ("pyramid", curve.tobytes(), spacings, mask)
    return derived(volume, key, partial(_levels, volume, curve, spacings, mask, threads))


def _levels(
    volume: Volume,
    curve: FloatArray,
    spacings: tuple[float, ...],
    mask: LabelMap | None,
    threads: int,
) -> tuple[Level, ...]:
    levels: list[Level] = []
    image, known = volume, known_everywhere if mask is None else known_in(mask, volume.grid)
    if min(_factors(volume.grid, spacings[-1])) >= FINE_VOXELS:
        half = partial(_downsampled, volume, known, [2, 2, 2], curve, threads)
        level = derived(volume, ("half", curve.tobytes(), mask), half)
        image, known, curve = Volume(level.array, level.grid), known_everywhere, NO_CURVE
    for spacing in reversed(spacings):
        level = _downsampled(image, known, _factors(image.grid, spacing), curve, threads)
        levels.append(level)
        image, known, curve = Volume(level.array, level.grid), known_everywhere, NO_CURVE
    return tuple(reversed(levels))


def _factors(grid: Grid, spacing: float) -> list[int]:
    """Return the voxels z, y, x that make blocks of about a spacing in mm."""
    sides = zip(grid.shape_zyx, grid.spacing[::-1], strict=True)
    return [_factor(voxels, side, spacing) for voxels, side in sides]


def _factor(voxels: int, spacing: float, wanted: float) -> int:
    return max(1, min(round(wanted / spacing), voxels // COARSEST_VOXELS))


def _downsampled(
    volume: Volume, known: KnownSlices, factors: list[int], curve: FloatArray, threads: int
) -> Level:
    grid = volume.grid
    shape = [n // f for n, f in zip(grid.shape_zyx, factors, strict=True)]
    first = [(n - m * f) // 2 for n, m, f in zip(grid.shape_zyx, shape, factors, strict=True)]
    x, y, z = grid.to_physical(np.add(first, np.subtract(factors, 1) / 2)).tolist()
    nz, ny, nx = shape
    sx, sy, sz = (f * s for f, s in zip(reversed(factors), grid.spacing, strict=True))
    out = np.empty((nz, ny, nx), np.float32)
    every, start, knots = np.array(factors), np.array(first), np.ascontiguousarray(curve)

    at_once = max(1, PART_VOXELS // (factors[0] * grid.shape_zyx[1] * grid.shape_zyx[2]))

    def average_slices(begin: int, end: int) -> None:
        for z in range(begin, end, at_once):
            stop = min(z + at_once, end)
            part = slice(first[0] + z * factors[0], first[0] + stop * factors[0])
            image, marked = read_only(volume.part((part,))), read_only(known(part))
            downsample(image, marked, every, start, knots, out[z:stop])

    share(average_slices, nz, threads if volume.array.size >= SHARED_VOXELS else 1)
    return Level(out, Grid((nz, ny, nx), (sx, sy, sz), (x, y, z), grid.direction))
