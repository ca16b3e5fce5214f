"""Which searches ended at the same place, and how well a place is determined."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regkit.geometry.grid import FloatArray
from regkit.geometry.rotation import nearest_rotation, rotation_angle
from regkit_instance.measures import Measure
from regkit_instance.motion import Motion

FLATTEST = 1e-4
DESCRIBED = 5


@dataclass(frozen=True, eq=False)
class LocalOptima:
    """Different places that searches ended at, the best first.

    Parameters
    ----------
    maps
        Shape (K, 3, 4).
    values
        Of the measure there, shape (K,).
    scores
        By which places are compared, shape (K,).
    counts
        How many searches ended there, shape (K,).
    """

    maps: FloatArray
    values: FloatArray
    scores: FloatArray
    counts: NDArray[np.int64]

    def taken(self, which: NDArray[np.int64]) -> LocalOptima:
        """Return some of the places, in a given order."""
        return LocalOptima(
            self.maps[which], self.values[which], self.scores[which], self.counts[which]
        )

    def best(self, most: int, nearly: float) -> LocalOptima:
        """Return the best places, down to a share of the best one's score."""
        good = np.flatnonzero(self.scores >= nearly * self.scores[0])
        return self.taken(good[:most])

    def nearest(self, to: FloatArray, body: FloatArray) -> int:
        """Return which place is nearest to a map (3, 4)."""
        return int(np.argmin(distances_mm(self.maps, to, body)))

    def doubtful(self, share: float) -> bool:
        """Tell whether a second place has this share of the best one's score, or there is none."""
        return len(self.scores) < 2 or bool(self.scores[1] >= share * self.scores[0])

    def described(self, body: FloatArray) -> list[dict[str, float]]:
        """Return the best few as plain data: how good, how far and how turned from the best."""
        away = distances_mm(self.maps, self.maps[0], body)
        return [
            {
                "score_ratio": float(self.scores[k] / self.scores[0]),
                "from_best_mm": float(away[k]),
                "rotation_deg": _turn(self.maps[k], self.maps[0]),
                "searches": int(self.counts[k]),
            }
            for k in range(min(len(self.maps), DESCRIBED))
        ]


def cluster_optima(
    maps: FloatArray, values: FloatArray, scores: FloatArray, body: FloatArray, apart_mm: float
) -> LocalOptima:
    """Group the ends of searches: what is within `apart_mm` of a better one belongs to it."""
    left = np.argsort(-scores, kind="stable")
    left = left[np.isfinite(scores[left])]
    members, counts = [], []
    while len(left):
        near = distances_mm(maps[left], maps[left[0]], body) <= apart_mm
        members.append(left[0])
        counts.append(near.sum())
        left = left[~near]
    which = np.array(members, np.int64)
    return LocalOptima(maps[which], values[which], scores[which], np.array(counts, np.int64))


def distances_mm(maps: FloatArray, to: FloatArray, body: FloatArray) -> FloatArray:
    """Root mean square distance between where maps (B, 3, 4) and another take a body (N, 3)."""
    spread = body.T @ body / len(body)
    apart = maps - to
    turned = np.einsum("bij,jk,bik->b", apart[:, :, :3], spread, apart[:, :, :3])
    return np.asarray(np.sqrt(np.maximum(turned, 0) + (apart[:, :, 3] ** 2).sum(axis=1)))


def uncertainty_mm(
    measure: Measure, motion: Motion, peak: FloatArray, independent: float, step_mm: float
) -> float:
    """Return how far the edge of the body may be from a peak, as a root mean square in mm.

    The number of independent samples times the information they give is a logarithm of a
    likelihood; where it curves down by H, positions scatter with the covariance H^-1 (Laplace).

    Parameters
    ----------
    measure
        Information in nats a sample.
    motion
        Directions to go.
    peak
        Map, shape (3, 4).
    independent
        Number of independent samples.
    step_mm
        Between the gradients whose difference gives H: small ones see the noise of samples.
    """
    steps = np.concatenate([np.eye(motion.size), -np.eye(motion.size)]) * step_mm
    maps = motion.step(np.repeat(peak[None], len(steps), axis=0), steps)
    _, by_maps = measure.values_and_gradients(maps)
    slopes = motion.tangent(maps, by_maps)
    hessian = (slopes[motion.size :] - slopes[: motion.size]) / (2 * step_mm)
    curvatures = np.linalg.eigvalsh((hessian + hessian.T) / 2) * independent
    return float(np.sqrt((1 / np.maximum(curvatures, FLATTEST)).sum()))


def _turn(one: FloatArray, other: FloatArray) -> float:
    return rotation_angle(nearest_rotation(one[:, :3]) @ nearest_rotation(other[:, :3]).T)
