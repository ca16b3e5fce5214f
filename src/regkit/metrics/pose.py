"""Errors of an estimated transform: translation, rotation and target registration error."""

from __future__ import annotations

import numpy as np

from regkit.geometry.rotation import nearest_rotation, rotation_angle
from regkit.geometry.transform import linear_part
from regkit.metrics.evaluation import Evaluation


def dt_mm(evaluation: Evaluation) -> float:
    """Mean absolute difference of the three translations in mm (DuSFE, Eq. 12)."""
    estimate, _ = evaluation.rigid_of(evaluation.result.transform)
    truth, _ = evaluation.rigid_of(evaluation.truth)
    return float(np.abs(estimate - truth).mean())


def dr_deg(evaluation: Evaluation) -> float:
    """Mean absolute difference of the three Euler angles in degrees (DuSFE, Eq. 13)."""
    return float(np.rad2deg(np.abs(_angle_errors_rad(evaluation)).mean()))


def rotation_deg(evaluation: Evaluation) -> float:
    """Geodesic angle between the estimated and the true rotation in degrees."""
    centre = evaluation.case.pair.fixed.grid.centre
    estimate = nearest_rotation(linear_part(evaluation.result.transform, centre))
    truth = nearest_rotation(linear_part(evaluation.truth, centre))
    return rotation_angle(estimate @ truth.T)


def tre_mm(evaluation: Evaluation) -> float:
    """Target registration error: mean distance of mapped points from their true positions, mm."""
    fixed, moving = evaluation.points
    mapped = evaluation.result.transform.map_points(fixed)
    return float(np.linalg.norm(mapped - moving, axis=1).mean())


def _angle_errors_rad(evaluation: Evaluation) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Return the differences of the Euler angles in rad, wrapped to -pi to pi."""
    _, estimate = evaluation.rigid_of(evaluation.result.transform)
    _, truth = evaluation.rigid_of(evaluation.truth)
    return np.asarray(np.deg2rad((estimate - truth + 180) % 360 - 180))
