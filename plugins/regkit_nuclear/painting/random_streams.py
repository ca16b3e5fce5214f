"""Reproducible random numbers: one independent stream for each thing that is drawn.

A stream belongs to a patient's seed and a number. What one stream draws never depends on how many
numbers another one used, so that a new feature leaves the patients of all others as they were.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class RandomStream(IntEnum):
    """The streams of a patient of the thorax phantom."""

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
    VENTRICLE_SHAPE = 14
    VARIED_UPTAKE = 15


def generator(seed: int, *stream: int) -> np.random.Generator:
    """Return the random generator of one stream of the patient with this seed (0 or more)."""
    return np.random.Generator(np.random.PCG64([seed, *map(int, stream)]))


def truncated_normal(
    rng: np.random.Generator, mean: float, sd: float, low: float, high: float
) -> float:
    """Draw from a normal distribution that is cut off at two limits."""
    while True:
        value = float(rng.normal(mean, sd))
        if low <= value <= high:
            return value


def truncated_lognormal(
    rng: np.random.Generator, median: float, sd: float, low: float, high: float
) -> float:
    """Draw from a lognormal distribution (`sd` of the logarithm) that is cut off at two limits."""
    return float(np.exp(truncated_normal(rng, np.log(median), sd, np.log(low), np.log(high))))


def uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw a number between two limits."""
    return float(rng.uniform(low, high))


def chance(rng: np.random.Generator, probability: float) -> bool:
    """Draw True with the given probability, else False."""
    return bool(rng.random() < probability)
