"""Climb from a motion to the nearest maximum of a score."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from regkit.geometry.grid import FloatArray
from regkit.similarity.small_motions import SmallMotions

# From motions (B, 4, 4) to scores (B,).
Score: TypeAlias = Callable[[FloatArray], FloatArray]
SMALL_GAIN = 0.02  # of the score, for which steps of the same length go on; chosen by hand
RIGID, AFFINE = 6, 12  # directions of the steps: shifts and turns; stretches and shears as well


def climb(
    score: Score,
    start: FloatArray,
    body: SmallMotions,
    steps_mm: tuple[float, float],
    rounds: int,
    *,
    stretching: bool = False,
) -> FloatArray:
    """Improve a motion by small shifts and turns of a body.

    In each round, a parabola along every axis tells how far to go; of the whole of it, half of it
    and the best single motion, the best is taken if it is better.

    Parameters
    ----------
    score
        The score to raise, not negative.
    start
        Homogeneous matrix, LPS mm, shape (4, 4).
    body
        Small motions of the body before `start`.
    steps_mm
        Length of the first steps and of the last ones, mm of motion of the body; it is halved
        where hardly anything is gained.
    rounds
        Largest number of rounds.
    stretching
        True to stretch and shear the body as well.

    Returns
    -------
    FloatArray
        Shape (4, 4).
    """
    best, height, step = start, float(score(start[np.newaxis])[0]), steps_mm[0]
    count = AFFINE if stretching else RIGID
    both_ways = np.concatenate([np.eye(count), -np.eye(count)])
    for _ in range(rounds):
        around = body.after(best)
        moves = around.affine if stretching else around.rigid
        tried = moves(step * both_ways) @ best
        found = score(tried)
        there = vertices(found[count:], height, found[:count])
        further = moves(step * np.stack([there, there / 2])) @ best
        tried, found = np.concatenate([tried, further]), np.concatenate([found, score(further)])
        gain = float(found.max()) - height
        if gain > 0:
            best, height = tried[found.argmax()], height + gain
        step = step / 2 if gain < SMALL_GAIN * height else step
        if step < steps_mm[1]:
            break
    return best


def vertices(behind: FloatArray, here: float, ahead: FloatArray) -> FloatArray:
    """Return the maxima of parabolas through values at -1, 0 and 1, clipped to -1 to 1."""
    curvature = behind - 2 * here + ahead
    bent = curvature < 0
    vertex = (behind - ahead) / (2 * np.where(bent, curvature, -1.0))
    return np.where(bent, np.clip(vertex, -1, 1), np.sign(ahead - behind))
