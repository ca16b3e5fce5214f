"""Centres of mass brought together, and principal axes if asked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regkit.errors import RegistrationError
from regkit.geometry.grid import FloatArray
from regkit.geometry.transform import AffineTransform, Transform
from regkit.registrar import Estimate, Pair
from regkit.similarity.mutual_information import overlap_weighted_nmi
from regkit.similarity.point_sample import PointSample, in_field_of_view, sample_points_in_mask

# A centre found from so many points of a body is sure to a fraction of a millimetre.
POINTS = 80_000
EVIDENCE = 20_000
# Of fewer points a centre is a matter of chance.
FEWEST = 20
# The proper ones of the eight ways in which signs can be given to three axes.
SIGNS = ((1.0, 1.0, 1.0), (1.0, -1.0, -1.0), (-1.0, 1.0, -1.0), (-1.0, -1.0, 1.0))


@dataclass(frozen=True)
class Moments:
    """Maps the centre of the fixed body to that of the moving one, after the initial map.

    Centres deceive where fields of view or masks cut the bodies differently, as those of
    ultrasound and MR do. Centres of what both images show under the initial map are tried as
    well, and so is the initial map itself; the map under which the moving image explains most of
    the fixed one is taken.

    Parameters
    ----------
    axes
        Try the principal axes as well. They have no sign: four proper rotations are tried.
    """

    axes: bool = False

    def register(self, pair: Pair) -> Estimate:
        """Return the initial map, or that followed by a shift, or by a rotation and a shift."""
        fixed = _body(sample_points_in_mask(pair.fixed, pair.fixed_mask, POINTS), "fixed")
        moving = _body(sample_points_in_mask(pair.moving, pair.moving_mask, POINTS), "moving")
        candidates: list[Transform] = [pair.start]
        for here, there in ((fixed, moving), _shared(pair, fixed, moving)):
            start = pair.start.map_points(here)
            if min(len(here), len(there)) >= FEWEST:
                turns = _turns(start, there) if self.axes else [np.eye(3)]
                candidates += [_between(start, there, turn) @ pair.start for turn in turns]
        sample = sample_points_in_mask(pair.fixed, pair.fixed_mask, EVIDENCE)
        scores = [
            overlap_weighted_nmi(sample, pair.moving, candidate, pair.moving_mask)
            for candidate in candidates
        ]
        best = candidates[int(np.argmax(scores))]
        return Estimate(best, diagnostics={"candidates": len(candidates), "score": max(scores)})


def _body(sample: PointSample, role: str) -> FloatArray:
    points = sample.points[sample.foreground]
    if len(points) == 0:
        raise RegistrationError(f"the {role} image shows no body (in its mask): it has no centre")
    return points


def _shared(pair: Pair, fixed: FloatArray, moving: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the points (N, 3) of both bodies that the other image shows under the initial map."""
    if not isinstance(pair.start, AffineTransform):  # another inverse takes long, or is none
        return fixed[:0], moving[:0]
    in_moving = in_field_of_view(pair.moving, pair.moving_mask, pair.start.map_points(fixed))
    back = pair.start.inverse().map_points(moving)
    return fixed[in_moving], moving[in_field_of_view(pair.fixed, pair.fixed_mask, back)]


def _turns(fixed: FloatArray, moving: FloatArray) -> list[FloatArray]:
    """No rotation, and the proper rotations between the principal axes."""
    start, end = _principal_axes(fixed), _principal_axes(moving)
    return [np.eye(3), *(end @ np.diag(signs) @ start.T for signs in SIGNS)]


def _principal_axes(points: FloatArray) -> FloatArray:
    """Right-handed unit axes as columns, the shortest first."""
    axes = np.linalg.eigh(np.cov(points.T))[1]
    axes[:, 0] *= np.linalg.det(axes)
    return axes


def _between(fixed: FloatArray, moving: FloatArray, turn: FloatArray) -> AffineTransform:
    centre = fixed.mean(axis=0)
    return AffineTransform.about(turn, moving.mean(axis=0) - centre, centre)
