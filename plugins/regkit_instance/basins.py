"""Which searches ended at the same place, and how well a place is determined."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regkit.grid import FloatArray
from regkit_instance.measures import Measure
from regkit_instance.motion import Motion

# Difference of gradients over so many mm gives second derivatives.
PROBE_MM = 0.5


@dataclass(frozen=True, eq=False)
class Basins:
    """Different places that searches ended at, the best first.

    Parameters
    ----------
    members
        Index of the best search of each place, shape (K,).
    counts
        How many searches ended there, shape (K,).
    """

    members: NDArray[np.int64]
    counts: NDArray[np.int64]


def distances_mm(maps: FloatArray, to: FloatArray, body: FloatArray) -> FloatArray:
    """Root mean square distance between where maps (B, 3, 4) and another take a body (N, 3)."""
    spread = body.T @ body / len(body)
    apart = maps - to
    turned = np.einsum("bij,jk,bik->b", apart[:, :, :3], spread, apart[:, :, :3])
    return np.asarray(np.sqrt(turned + (apart[:, :, 3] ** 2).sum(axis=1)))


def basins(maps: FloatArray, scores: FloatArray, body: FloatArray, apart_mm: float) -> Basins:
    """Group the ends of searches: what is within `apart_mm` of a better one belongs to it."""
    left = np.argsort(-scores, kind="stable")
    left = left[np.isfinite(scores[left])]
    members, counts = [], []
    while len(left):
        near = distances_mm(maps[left], maps[left[0]], body) <= apart_mm
        members.append(left[0])
        counts.append(near.sum())
        left = left[~near]
    return Basins(np.array(members, np.int64), np.array(counts, np.int64))


def uncertainty_mm(
    measure: Measure, motion: Motion, peak: FloatArray, independent: float
) -> float:
    """Return how far the body may be from a peak, as a root mean square in mm.

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
    """
    steps = np.concatenate([np.eye(motion.size), -np.eye(motion.size)]) * PROBE_MM
    maps = motion.step(np.repeat(peak[None], len(steps), axis=0), steps)
    values, by_maps = measure.values_and_gradients(maps)
    slopes = motion.tangent(maps, by_maps)
    if not np.isfinite(values).all():
        return float("inf")
    hessian = (slopes[motion.size :] - slopes[: motion.size]) / (2 * PROBE_MM)
    curvatures = np.linalg.eigvalsh((hessian + hessian.T) / 2) * independent
    return float(np.sqrt((1 / np.maximum(curvatures, 1e-12)).sum()))
