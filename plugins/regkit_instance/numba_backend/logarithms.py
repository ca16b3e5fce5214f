"""Natural logarithms without branches, compiled to packed instructions.

The function of the system's library takes one number at a time, and histograms have thousands.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from regkit.compiled import compiled

# A double is 1.fraction times two to the power of (exponent - BIAS); see IEEE 754.
FRACTION_BITS, BIAS = 52, 1023
FRACTION, BITS_OF_ONE = (1 << FRACTION_BITS) - 1, BIAS << FRACTION_BITS
LOG_2, ROOT_2 = np.log(2.0), np.sqrt(2.0)


@compiled
def logarithms(numbers: Any, logs: Any) -> None:
    """Fill in the natural logarithms of numbers, flat arrays of float64; 0 for the number 0.

    With the number as m 2^e and m between the roots of 1/2 and 2, log m is the series of
    2 artanh((m - 1) / (m + 1)), whose tenth term is below rounding. Numbers are not negative.
    """
    bits, mantissas = numbers.view(np.int64), logs.view(np.int64)
    for i in range(numbers.shape[0]):
        mantissas[i] = (bits[i] & FRACTION) | BITS_OF_ONE
    for i in range(numbers.shape[0]):
        m = logs[i]
        large = m > ROOT_2
        exponent = float(np.int32(bits[i] >> FRACTION_BITS) - np.int32(BIAS))
        exponent += 1.0 if large else 0.0
        m = 0.5 * m if large else m
        s = (m - 1.0) / (m + 1.0)
        log = exponent * LOG_2 + 2.0 * s * artanh_series(s * s)
        logs[i] = log if numbers[i] > 0.0 else 0.0


@compiled
def artanh_series(q: float) -> float:
    """Return artanh(s) / s for a small square q of s."""
    far = 1 / 11 + q * (1 / 13 + q * (1 / 15 + q * (1 / 17 + q / 19)))
    return 1.0 + q * (1 / 3 + q * (1 / 5 + q * (1 / 7 + q * (1 / 9 + q * far))))
