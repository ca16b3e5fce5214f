"""A pair moved to the origin: far from it, optimisers confuse turning with shifting."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from regkit.grid import Vector3
from regkit.registrar import Pair
from regkit.sample import draw
from regkit.sitk_bridge import AnyVolume
from regkit.transform import AffineTransform, Transform


@dataclass(frozen=True, eq=False)
class CentredPair:
    """A pair whose fixed body, and its place in the moving image, are at the origin.

    Only headers change, no voxel. Build it with `centred`.
    """

    pair: Pair
    fixed_centre: Vector3
    moving_centre: Vector3

    def undo(self, transform: Transform) -> Transform:
        """Return a map between the centred images as one between the given images."""
        away = AffineTransform.shift(self.moving_centre)
        return away @ transform @ AffineTransform.shift(np.negative(self.fixed_centre))


def centred(pair: Pair) -> CentredPair:
    """Move the body in the fixed image (and mask) to the origin, and all else with it."""
    sample = draw(pair.fixed, pair.fixed_mask)
    points = sample.points[sample.foreground]
    fixed = _vector(points.mean(axis=0) if len(points) else pair.fixed.grid.centre)
    moving = _vector(pair.start.map_points(fixed))
    initial = (
        AffineTransform.shift(np.negative(moving)) @ pair.start @ AffineTransform.shift(fixed)
    )
    near = Pair(
        _shifted(pair.fixed, fixed),
        _shifted(pair.moving, moving),
        pair.fixed_mask and _shifted(pair.fixed_mask, fixed),
        pair.moving_mask and _shifted(pair.moving_mask, moving),
        initial,
    )
    return CentredPair(near, fixed, moving)


def _shifted(volume: AnyVolume, centre: Vector3) -> AnyVolume:
    origin = _vector(np.subtract(volume.grid.origin, centre))
    return volume.with_array(volume.array, replace(volume.grid, origin=origin))


def _vector(values: object) -> Vector3:
    x, y, z = np.asarray(values, dtype=np.float64).tolist()
    return x, y, z
