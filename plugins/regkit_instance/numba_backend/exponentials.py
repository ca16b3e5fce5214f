"""Exponentials without branches, compiled to packed instructions.

The function of the system's library takes one number at a time, and descriptors are millions.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from regkit.compiled import compiled

# A float is 1.fraction times two to the power of (exponent - BIAS); see IEEE 754.
FRACTION_BITS, BIAS = np.int32(23), np.int32(127)
LEAST = np.float32(-87.0)  # the exponential of less is below the least normal float
LOG_2, HALF, ONE = np.float32(np.log(2.0)), np.float32(0.5), np.float32(1.0)


@compiled
def exponentials(numbers: Any, powers: Any) -> None:
    """Replace numbers up to 0, float32, by their exponentials; NaN stays NaN.

    A number is n log 2 + r, whose exponential is 2^n e^r, with the series of e^r up to r^7: r is
    at most log 2 / 2. `powers` is scratch of the same length, int32.
    """
    two_to = powers.view(np.float32)
    for i in range(numbers.shape[0]):
        v = max(numbers[i], LEAST)
        powers[i] = np.int32((np.int32(v / LOG_2 - HALF) + BIAS) << FRACTION_BITS)
    for i in range(numbers.shape[0]):
        v = max(numbers[i], LEAST)
        n = np.float32(np.int32(v / LOG_2 - HALF))
        r = v - n * LOG_2
        e = two_to[i] * (ONE + r * series(r))
        numbers[i] = e if numbers[i] == numbers[i] else numbers[i]


@compiled
def series(r: Any) -> Any:
    """Return (e^r - 1) / r for a small number, in single precision."""
    far = np.float32(1 / 120) + r * (np.float32(1 / 720) + r * np.float32(1 / 5040))
    near = np.float32(1 / 6) + r * (np.float32(1 / 24) + r * far)
    return ONE + r * (HALF + r * near)
