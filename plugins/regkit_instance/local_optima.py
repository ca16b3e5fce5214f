"""Local optima that searches ended at, and the uncertainty of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regkit.geometry.grid import FloatArray
from regkit.geometry.rotation import rotation_angle
from regkit_instance.measures import Measure
from regkit_instance.motion import Motion

# Largest uncertainty along one direction, mm: flatter ones are undetermined. Chosen by hand.
MAX_UNCERTAINTY_MM = 100.0
# Optima in the diagnostics; further ones are of no use to a reader.
MAX_REPORTED = 5


@dataclass(frozen=True, eq=False)
class LocalOptima:
    """Distinct local optima, the one with the highest score first.

    Parameters
    ----------
    maps
        The optima, shape (K, 3, 4).
    values
        Values of the optimized measure, shape (K,).
    scores
        Scores by which optima are compared, shape (K,).
    counts
        Numbers of searches that ended at each optimum, shape (K,).
    """

    maps: FloatArray
    values: FloatArray
    scores: FloatArray
    counts: NDArray[np.int64]

    def select(self, index: NDArray[np.int64]) -> LocalOptima:
        """Return the optima with the given indices, in that order."""
        return LocalOptima(
            self.maps[index], self.values[index], self.scores[index], self.counts[index]
        )

    def best(self, count: int, min_ratio: float) -> LocalOptima:
        """Return at most `count` optima with at least `min_ratio` of the highest score."""
        good = np.flatnonzero(self.scores >= min_ratio * self.scores[0])
        return self.select(good[:count])

    def nearest(self, to: FloatArray, scatter: FloatArray) -> int:
        """Return the index of the optimum nearest to a map (3, 4)."""
        return int(np.argmin(distances_mm(self.maps, to, scatter)))

    def is_ambiguous(self, ratio: float) -> bool:
        """Return True if the second score is at least `ratio` of the best, or there is none."""
        return len(self.scores) < 2 or bool(self.scores[1] >= ratio * self.scores[0])

    def summary(self, scatter: FloatArray) -> list[dict[str, float]]:
        """Return the best few as plain data, with distance and rotation from the best."""
        from_best = distances_mm(self.maps, self.maps[0], scatter)
        return [
            {
                "score_ratio": float(self.scores[k] / self.scores[0]),
                "from_best_mm": float(from_best[k]),
                "rotation_deg": _rotation_deg(self.maps[k], self.maps[0]),
                "searches": int(self.counts[k]),
            }
            for k in range(min(len(self.maps), MAX_REPORTED))
        ]


def cluster_optima(
    maps: FloatArray, values: FloatArray, scores: FloatArray, scatter: FloatArray, radius_mm: float
) -> LocalOptima:
    """Merge the ends of searches that lie within `radius_mm` of one with a higher score.

    `scatter` is that of the body; see `distances_mm`.
    """
    order = np.argsort(-scores, kind="stable")
    order = order[np.isfinite(scores[order])]
    places = _places(maps[order], scatter)
    away = places[:, None] - places
    is_near = np.einsum("abi,abi->ab", away, away) <= radius_mm**2
    left = np.ones(len(order), bool)
    optima, counts = [], []
    for number, k in enumerate(order.tolist()):
        if left[number]:
            merged = is_near[number] & left
            left[merged] = False
            optima.append(k)
            counts.append(np.count_nonzero(merged))
    index = np.array(optima, np.int64)
    return LocalOptima(maps[index], values[index], scores[index], np.array(counts, np.int64))


def distances_mm(maps: FloatArray, to: FloatArray, scatter: FloatArray) -> FloatArray:
    """Return the root mean square distances (B,) of a body under maps and under `to`, in mm.

    `scatter` is that of the body (see `BodyRegion`): all that the distances depend on.
    """
    away = _places(maps, scatter) - _places(to[None], scatter)
    return np.asarray(np.sqrt(np.einsum("bi,bi->b", away, away)))


def _places(maps: FloatArray, scatter: FloatArray) -> FloatArray:
    """Return points (B, 12) that are as far apart as a body with this scatter under the maps."""
    values, axes = np.linalg.eigh(scatter)
    root = axes * np.sqrt(np.maximum(values, 0))
    linear = (maps[:, :, :3] @ root).reshape(len(maps), 9)
    return np.concatenate([linear, maps[:, :, 3]], axis=1)


def uncertainty_mm(
    measure: Measure, motion: Motion, peak: FloatArray, independent: float, step_mm: float
) -> float:
    """Return the uncertainty of an optimum at the edge of the body, as a root mean square in mm.

    The mutual information times the number of independent samples is a log-likelihood; with the
    curvature H at its maximum, the covariance of the position is H^-1 (Laplace's approximation).

    Parameters
    ----------
    measure
        Mutual information in nats per sample.
    motion
        Transform model.
    peak
        Map of the optimum, shape (3, 4).
    independent
        Number of independent samples.
    step_mm
        Distance in mm of the gradients whose differences give H; small steps measure the noise of
        the samples instead.
    """
    steps = np.concatenate([np.eye(motion.size), -np.eye(motion.size)]) * step_mm
    maps = motion.step(np.repeat(peak[None], len(steps), axis=0), steps)
    _, by_maps = measure.values_and_gradients(maps)
    slopes = motion.tangent(maps, by_maps)
    hessian = (slopes[motion.size :] - slopes[: motion.size]) / (2 * step_mm)
    curvatures = np.linalg.eigvalsh((hessian + hessian.T) / 2) * independent
    return float(np.sqrt((1 / np.maximum(curvatures, MAX_UNCERTAINTY_MM**-2)).sum()))


def _rotation_deg(one: FloatArray, other: FloatArray) -> float:
    return rotation_angle(one[:, :3] @ other[:, :3].T)
