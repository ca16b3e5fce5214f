"""Random draws that every phantom makes."""

from __future__ import annotations

import numpy as np


def generator(seed: int, stream: int) -> np.random.Generator:
    """Return the random numbers of one concern of one patient."""
    return np.random.Generator(np.random.PCG64([seed, stream]))


def truncated_normal(
    rng: np.random.Generator, mean: float, sd: float, low: float, high: float
) -> float:
    """Draw from a normal distribution, again until it is within the limits."""
    for _ in range(100):
        value = float(rng.normal(mean, sd))
        if low <= value <= high:
            return value
    return float(np.clip(mean, low, high))


def uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw a number between two."""
    return float(rng.uniform(low, high))


def chance(rng: np.random.Generator, probability: float) -> bool:
    """Say yes with a probability."""
    return bool(rng.random() < probability)
