"""Pairs moved to the origin and scaled, so that optimisers are well conditioned.

Far from the origin, rotations and shifts are strongly coupled; in millimetres, a step of one
radian weighs as much as a shift of 1 mm, though it moves a body by its radius.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from regkit.geometry.grid import FloatArray, Vector3
from regkit.geometry.transform import AffineTransform, Transform
from regkit.geometry.volume import AnyVolume
from regkit.registrar import Pair
from regkit.similarity.point_sample import sample_points


@dataclass(frozen=True, eq=False)
class CenteredPair:
    """A pair whose fixed body, and where the initial transform takes it, are at the origin.

    Only headers change, no voxel. Build it with `center_pair` or `normalize_scale`; `pair` counts
    lengths in units of `unit_mm`.
    """

    pair: Pair
    fixed_centre: Vector3
    moving_centre: Vector3
    unit_mm: float = 1.0

    def to_original(self, transform: Transform) -> Transform:
        """Return a map between the centred images as one between the given images, LPS mm."""
        near = _to(self.fixed_centre, self.unit_mm)
        return _from(self.moving_centre, self.unit_mm) @ transform @ near


def center_pair(pair: Pair) -> CenteredPair:
    """Move the fixed body to the origin, and the moving image and the masks accordingly."""
    return _moved(pair, _body(pair), 1.0)


def normalize_scale(pair: Pair) -> CenteredPair:
    """Center a pair and take the root mean square radius of the fixed body as unit of length.

    A rotation by one radian then moves the body by about as much as a shift by one unit.
    """
    body = _body(pair)
    return _moved(pair, body, float(np.sqrt(body.var(axis=0).sum())) or 1.0)


def _body(pair: Pair) -> FloatArray:
    """Return points of the fixed body; the centre of the field of view if it shows none."""
    sample = sample_points(pair.fixed, pair.fixed_mask)
    points = sample.points[sample.foreground]
    return points if len(points) else np.array([pair.fixed.grid.centre])


def _moved(pair: Pair, body: FloatArray, unit: float) -> CenteredPair:
    fixed = _vector(body.mean(axis=0))
    moving = _vector(pair.start.map_points(fixed))
    near = Pair(
        _placed(pair.fixed, fixed, unit),
        _placed(pair.moving, moving, unit),
        pair.fixed_mask and _placed(pair.fixed_mask, fixed, unit),
        pair.moving_mask and _placed(pair.moving_mask, moving, unit),
        _to(moving, unit) @ pair.start @ _from(fixed, unit),
    )
    return CenteredPair(near, fixed, moving, unit)


def _to(centre: Vector3, unit: float) -> AffineTransform:
    """Return the map from mm to the units of a pair centered at `centre`."""
    return AffineTransform.about(np.eye(3) / unit, np.negative(centre), centre)


def _from(centre: Vector3, unit: float) -> AffineTransform:
    return AffineTransform.about(np.eye(3) * unit, centre, (0.0, 0.0, 0.0))


def _placed(volume: AnyVolume, centre: Vector3, unit: float) -> AnyVolume:
    grid = replace(
        volume.grid,
        origin=_vector(np.subtract(volume.grid.origin, centre) / unit),
        spacing=_vector(np.divide(volume.grid.spacing, unit)),
    )
    return volume.with_array(volume.array, grid)


def _vector(values: object) -> Vector3:
    x, y, z = np.asarray(values, dtype=np.float64).tolist()
    return x, y, z
