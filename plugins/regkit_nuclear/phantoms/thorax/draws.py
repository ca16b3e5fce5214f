"""Random draws: one independent stream of numbers per concern of one patient."""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class RandomStream(IntEnum):
    """What is drawn; each has its own stream, so that a new one leaves the others as they are."""

    POSE = 1
    HABITUS = 2
    HEART = 3
    UPTAKE = 4
    DEFECTS = 5
    BREATHING = 6
    WARP = 7
    TEXTURE = 8
    LUNG_VESSELS = 9
    GUT = 10
    ABDOMEN = 11
    PATIENT = 12
    ABDOMEN_EDGES = 13


def stream(seed: int, concern: RandomStream) -> np.random.Generator:
    """Return the generator of one concern of the patient with this seed (0 or more)."""
    return np.random.Generator(np.random.PCG64([seed, int(concern)]))


def truncated_normal(
    rng: np.random.Generator, mean: float, deviation: float, low: float, high: float
) -> float:
    """Draw from a normal distribution cut off at two bounds."""
    while True:
        value = rng.normal(mean, deviation)
        if low <= value <= high:
            return float(value)


def lognormal(
    rng: np.random.Generator, median: float, deviation: float, low: float, high: float
) -> float:
    """Draw from a lognormal distribution (deviation of the logarithm) cut off at two bounds."""
    return float(
        np.exp(truncated_normal(rng, np.log(median), deviation, np.log(low), np.log(high)))
    )
