"""The expected error at points: that of the whole result, larger the farther from the body's axes.

The small error of a rigid registration is a shift and a rotation. The expected square of what it
does to a point grows with the squared distances d_k of the point from the three principal axes of
the body, relative to the root mean square distances f_k of the body from them: 1 + (sum of
d_k^2 / f_k^2) / 3 (Fitzpatrick, West, Maurer 1998, doi:10.1109/42.736021). Here that is scaled so
that its root has the mean 1 over the body, and multiplies the expected error of the result.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Self, TypeAlias

import numpy as np

from regkit.errors import GeometryError
from regkit.geometry.grid import FloatArray, Vector3, finite_numbers
from regkit.geometry.transform import Transform
from regkit.geometry.volume import LabelMap
from regkit.io.landmarks import Landmarks
from regkit.registrar import Pair
from regkit.registration.error_model import ErrorEstimate
from regkit.similarity.compared_points import SmallerField

NamedPoints: TypeAlias = Landmarks | LabelMap | Mapping[str, Vector3]

# The body is at least so wide, mm, that one of a single point or line has a law, too; by hand.
LEAST_SPREAD_MM = 1.0
TINY_MM = 1e-6  # keeps logarithms finite
# 90 % of the errors at points of the body lie between these multiples of the law's, given the mean
# error. Chosen on half of the patients of benchmarks/point_errors.py, reported on the others.
POINT_TO_LAW = (0.4, 1.5)


@dataclass(frozen=True)
class ErrorAtPoint:
    """The expected error at a point.

    Parameters
    ----------
    name
        Name of the point or label.
    position_mm
        The point in the fixed image, LPS mm.
    expected_mm
        Expected error there, mm.
    interval_mm
        Interval that holds the error there in 90 % of the cases, mm.
    remark
        Sentence about a point where the estimate means little; else empty.
    """

    name: str
    position_mm: Vector3
    expected_mm: float
    interval_mm: tuple[float, float]
    remark: str = ""


@dataclass(frozen=True, eq=False)
class RigidErrorLaw:
    """The error of a rigid registration at a point, relative to the mean error over a body.

    Parameters
    ----------
    body
        Points of the body, mm, shape (N, 3).
    centre
        Their mean, mm, shape (3,).
    form
        Quadratic form of a point about the centre, which is the sum of d_k^2 / f_k^2, (3, 3).
    mean
        Mean over the body before it is scaled to 1.
    """

    body: FloatArray
    centre: FloatArray
    form: FloatArray
    mean: float

    @classmethod
    def of(cls, body: FloatArray) -> Self:
        """Return the law of a body, shape (N, 3), mm."""
        centre = body.mean(axis=0)
        variances, axes = np.linalg.eigh(np.cov(body.T, bias=True))
        from_axes = np.maximum(variances.sum() - variances, LEAST_SPREAD_MM**2)
        form = sum(
            (np.eye(3) - np.outer(axis, axis)) / square
            for axis, square in zip(axes.T, from_axes, strict=True)
        )
        unscaled = cls(body, centre, np.asarray(form), 1.0)
        return cls(body, centre, np.asarray(form), float(unscaled.relative_errors(body).mean()))

    def relative_errors(self, points: FloatArray) -> FloatArray:
        """Return the expected error at points (N, 3), mm, in units of the mean over the body."""
        about = points - self.centre
        squares = np.einsum("ni,ij,nj->n", about, self.form, about)
        return np.asarray(np.sqrt(1 + squares / 3) / self.mean)

    @property
    def radius_mm(self) -> float:
        """The root mean square distance of the body from its centre."""
        return float(np.sqrt(np.square(self.body - self.centre).sum(axis=1).mean()))

    def distances_mm(self, points: FloatArray) -> FloatArray:
        """Return the distances of points (N, 3) from the nearest point of the body."""
        nearest = [np.linalg.norm(self.body - point, axis=1).min() for point in points]
        return np.array(nearest, dtype=np.float64)


def point_errors(
    pair: Pair, transform: Transform, error: ErrorEstimate, points: NamedPoints
) -> tuple[ErrorAtPoint, ...]:
    """Estimate the error of a result at points of the fixed image.

    Parameters
    ----------
    pair
        The images.
    transform
        The map found, fixed to moving points, LPS mm.
    error
        Estimate of the mean error over the body.
    points
        Landmarks, positions x, y, z in LPS mm by name, or labels; each label counts at its voxel
        with the largest expected error.
    """
    law = RigidErrorLaw.of(SmallerField.of(pair).fixed_body(transform))
    names, positions = _named(points, law)
    factors = law.relative_errors(positions).tolist()
    found = zip(names, positions.tolist(), factors, _remarks(pair, law, positions), strict=True)
    return tuple(
        ErrorAtPoint(name, (x, y, z), factor * error.expected_mm, _interval(error, factor), remark)
        for name, (x, y, z), factor, remark in found
    )


def _named(points: NamedPoints, law: RigidErrorLaw) -> tuple[list[str], FloatArray]:
    """Return the names of points, and their positions, shape (N, 3)."""
    if isinstance(points, LabelMap):
        return _worst_of_labels(points, law)
    if isinstance(points, Landmarks):
        labels = [label or f"point {n}" for n, label in enumerate(points.labels, start=1)]
        named = zip(labels, points.points.tolist(), strict=True)
        given = [(name, at) for name, at in named if np.isfinite(at).all()]
    else:
        given = [
            (name, list(finite_numbers(at, 3, f"the point '{name}' (x, y, z in LPS mm)")))
            for name, at in points.items()
        ]
    positions = np.array([at for _, at in given], dtype=np.float64)
    if positions.ndim != 2 or positions.shape[1] != 3 or not np.isfinite(positions).all():
        raise GeometryError(
            f"points need x, y, z in LPS mm, finite numbers, got shape {positions.shape}"
        )
    return [name for name, _ in given], positions


def _worst_of_labels(labels: LabelMap, law: RigidErrorLaw) -> tuple[list[str], FloatArray]:
    """Return the names of labels, and for each its voxel with the largest expected error."""
    worst: dict[int, tuple[float, list[float]]] = {}
    for number, part in enumerate(labels.array):  # slice by slice, for memory's sake
        rows = np.argwhere(part)
        points = labels.grid.to_physical(np.insert(rows, 0, number, axis=1))
        errors, numbers = law.relative_errors(points), part[rows[:, 0], rows[:, 1]]
        for label in np.unique(numbers).tolist():
            of_label = np.flatnonzero(numbers == label)
            here = of_label[errors[of_label].argmax()]
            found = float(errors[here]), points[here].tolist()
            worst[label] = max(found, worst.get(label, found))
    if not worst:
        raise GeometryError("the label map of the points has no labels: all its voxels are 0")
    names = [labels.names.get(label, f"label {label}") for label in sorted(worst)]
    return names, np.array([worst[label][1] for label in sorted(worst)])


def _remarks(pair: Pair, law: RigidErrorLaw, points: FloatArray) -> Iterator[str]:
    """Yield why the estimate means little at a point, or nothing."""
    inside = pair.fixed.grid.contains(points)
    for within, distance in zip(inside, law.distances_mm(points).tolist(), strict=True):
        away = f"{distance:.0f} mm away from the body"
        if not within:
            yield f"outside of the fixed image, {away}"
        else:
            yield f"{away}, where the images say little" if distance > law.radius_mm else ""


def _interval(error: ErrorEstimate, factor: float) -> tuple[float, float]:
    """Return the interval at a point: that of the mean error, and that of the law, in logarithms.

    Both are independent of each other, so that their squares add up.
    """
    ends = [
        np.hypot(np.log(max(end, TINY_MM) / max(error.expected_mm, TINY_MM)), np.log(spread))
        for end, spread in zip(error.interval_mm, POINT_TO_LAW, strict=True)
    ]
    low, high = (factor * error.expected_mm * np.exp([-ends[0], ends[1]])).tolist()
    return (low if error.interval_mm[0] > 0 else 0.0), high
