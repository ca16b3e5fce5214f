"""Alignment of centres of mass, and of principal axes on demand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regkit.errors import RegistrationError
from regkit.geometry.grid import FloatArray
from regkit.geometry.transform import AffineTransform, Transform
from regkit.registrar import Estimate, Pair
from regkit.similarity.mutual_information import overlap_weighted_nmi
from regkit.similarity.point_sample import PointSample, in_field_of_view, sample_points_in_mask

# Number of points of a body: its centre is then known to a fraction of a millimetre.
POINTS = 80_000
# Number of points with which candidates are compared. Chosen by hand, as is the least number of
# points of a body for a candidate.
COMPARED_POINTS = 20_000
MIN_POINTS = 20
# Signs of three axes that make a proper rotation: four of the eight combinations.
SIGNS = ((1.0, 1.0, 1.0), (1.0, -1.0, -1.0), (-1.0, 1.0, -1.0), (-1.0, -1.0, 1.0))


@dataclass(frozen=True)
class Moments:
    """Maps the centre of the fixed body to that of the moving one, after the initial transform.

    Centres of mass are misleading where fields of view or masks truncate the bodies differently,
    as those of ultrasound and MR do. So the centres of the common part under the initial transform
    and the initial transform itself are candidates too; that with the highest similarity is
    returned.

    Parameters
    ----------
    axes
        True to align the principal axes as well: as they have no sign, by four rotations.
    """

    axes: bool = False

    def register(self, pair: Pair) -> Estimate:
        """Return the initial transform, alone or with a shift or a rigid motion after it."""
        fixed = _body(sample_points_in_mask(pair.fixed, pair.fixed_mask, POINTS), "fixed")
        moving = _body(sample_points_in_mask(pair.moving, pair.moving_mask, POINTS), "moving")
        candidates: list[Transform] = [pair.start]
        for fixed_body, moving_body in ((fixed, moving), _common_part(pair, fixed, moving)):
            start = pair.start.map_points(fixed_body)
            if min(len(fixed_body), len(moving_body)) >= MIN_POINTS:
                turns = _rotations(start, moving_body) if self.axes else [np.eye(3)]
                candidates += [_alignment(start, moving_body, turn) @ pair.start for turn in turns]
        sample = sample_points_in_mask(pair.fixed, pair.fixed_mask, COMPARED_POINTS)
        scores = [
            overlap_weighted_nmi(sample, pair.moving, candidate, pair.moving_mask)
            for candidate in candidates
        ]
        best = candidates[int(np.argmax(scores))]
        return Estimate(best, diagnostics={"candidates": len(candidates), "score": max(scores)})


def _body(sample: PointSample, role: str) -> FloatArray:
    points = sample.points[sample.foreground]
    if len(points) == 0:
        raise RegistrationError(
            f"the {role} image has no foreground (in its mask), so no centre of mass"
        )
    return points


def _common_part(
    pair: Pair, fixed: FloatArray, moving: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the points (N, 3) of both bodies that the other image shows at the start."""
    if not isinstance(pair.start, AffineTransform):  # another inverse takes long, or is none
        return fixed[:0], moving[:0]
    in_moving = in_field_of_view(pair.moving, pair.moving_mask, pair.start.map_points(fixed))
    back = pair.start.inverse().map_points(moving)
    return fixed[in_moving], moving[in_field_of_view(pair.fixed, pair.fixed_mask, back)]


def _rotations(fixed: FloatArray, moving: FloatArray) -> list[FloatArray]:
    """Return no rotation, and the proper rotations between the principal axes."""
    start, end = _principal_axes(fixed), _principal_axes(moving)
    return [np.eye(3), *(end @ np.diag(signs) @ start.T for signs in SIGNS)]


def _principal_axes(points: FloatArray) -> FloatArray:
    """Return right-handed unit axes as columns, the shortest first."""
    axes = np.linalg.eigh(np.cov(points.T))[1]
    axes[:, 0] *= np.linalg.det(axes)
    return axes


def _alignment(fixed: FloatArray, moving: FloatArray, turn: FloatArray) -> AffineTransform:
    centre = fixed.mean(axis=0)
    return AffineTransform.about(turn, moving.mean(axis=0) - centre, centre)
