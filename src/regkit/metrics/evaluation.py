"""Evaluation of a registration result against the known solution of its case."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np

from regkit.datasets.case import Case
from regkit.errors import RegkitError
from regkit.geometry.grid import FloatArray
from regkit.geometry.resampling import resample
from regkit.geometry.rotation import euler_angles, nearest_rotation
from regkit.geometry.transform import Transform, linear_part
from regkit.geometry.volume import LabelMap, Volume
from regkit.registration.run import RegistrationResult
from regkit.similarity.point_sample import sample_points


class NotKnownError(RegkitError):
    """The case lacks what a metric needs."""


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A case and a result, with the quantities that several metrics need.

    Parameters
    ----------
    case
        Case with its known solution.
    result
        Result of a method on the case.
    device
        Device of metrics that can use a GPU: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Raises
    ------
    NotKnownError
        On access to a quantity that the case does not determine.
    """

    case: Case
    result: RegistrationResult
    device: str = "auto"

    @property
    def truth(self) -> Transform:
        """The true map of fixed to moving points."""
        return _truth(self.case)

    @cached_property
    def labels(self) -> tuple[LabelMap, LabelMap]:
        """Fixed labels, and moving labels warped onto the same grid."""
        fixed, moving = self.case.fixed_labels, self.case.moving_labels
        if fixed is None or moving is None:
            raise NotKnownError(f"case {self.case.id} has no labels of both images")
        return fixed, resample(moving, fixed.grid, self.result.transform)

    @cached_property
    def points(self) -> tuple[FloatArray, FloatArray]:
        """Fixed points (N, 3) and their true positions in the moving image, LPS mm.

        These are the landmarks if the case has any, without those that are NaN in one image, else
        points of the fixed body under the truth.
        """
        return true_positions(self.case)

    @cached_property
    def true_warped(self) -> Volume:
        """The moving image on the fixed grid under the true transform."""
        return resample(self.case.pair.moving, self.case.pair.fixed.grid, self.truth)

    @cached_property
    def warped(self) -> Volume:
        """The moving image on the fixed grid under the estimate, 0 outside."""
        return resample(self.case.pair.moving, self.case.pair.fixed.grid, self.result.transform)

    def rigid_of(self, transform: Transform) -> tuple[FloatArray, FloatArray]:
        """Return translation (mm) and Euler angles (degrees) about the fixed centre."""
        centre = self.case.pair.fixed.grid.centre
        shift = transform.map_points(centre) - np.asarray(centre)
        angles = euler_angles(nearest_rotation(linear_part(transform, centre)))
        return shift, np.asarray(angles)


def true_positions(case: Case) -> tuple[FloatArray, FloatArray]:
    """Return points of the fixed image (N, 3) and where they belong in the moving one, LPS mm.

    These are the landmarks of a case if it has any, else points of the body under the truth.

    Raises
    ------
    NotKnownError
        The case has neither.
    """
    fixed, moving = case.fixed_landmarks, case.moving_landmarks
    if fixed is not None and moving is not None:
        return _defined_pairs(fixed, moving, case.id)
    truth = _truth(case)
    sample = sample_points(case.pair.fixed)
    body = sample.points[sample.foreground]
    return body, truth.map_points(body)


def _truth(case: Case) -> Transform:
    if case.truth is None:
        raise NotKnownError(f"case {case.id} has no true transform")
    return case.truth


def _defined_pairs(
    fixed: FloatArray, moving: FloatArray, case: str
) -> tuple[FloatArray, FloatArray]:
    """Return the landmarks that have a position in both images."""
    fixed, moving = np.asarray(fixed, np.float64), np.asarray(moving, np.float64)
    if fixed.shape != moving.shape:
        raise RegkitError(
            f"case {case} has {len(fixed)} fixed and {len(moving)} moving landmarks; as many of "
            "both are needed, in the same order"
        )
    both = np.isfinite(fixed).all(axis=1) & np.isfinite(moving).all(axis=1)
    if not both.any():
        raise NotKnownError(f"case {case} has no landmark with a position in both images")
    return fixed[both], moving[both]


Metric: TypeAlias = Callable[[Evaluation], float]


def evaluate(
    case: Case,
    result: RegistrationResult,
    metrics: Mapping[str, Metric],
    broken: Callable[[str, Exception], None] | None = None,
    device: str = "auto",
) -> dict[str, float]:
    """Compute every metric that the case supports.

    Parameters
    ----------
    case
        Case with its known solution.
    result
        Result of a method on the case.
    metrics
        Metrics by name.
    broken
        Callback with the name and the error of a metric that fails; by default it is raised.
    device
        Device of metrics that can use a GPU.

    Returns
    -------
    dict
        Values by name, without the metrics that the case does not support.
    """
    evaluation = Evaluation(case, result, device)
    scores = {}
    for name, metric in metrics.items():
        try:
            scores[name] = float(metric(evaluation))
        except NotKnownError:
            continue
        except Exception as error:
            if broken is None:
                raise
            broken(name, error)
    return scores
