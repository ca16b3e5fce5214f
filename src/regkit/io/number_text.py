"""Numbers as text, laid out as ITK does."""

from __future__ import annotations

import numpy as np

# Sizes between which ITK writes numbers without an exponent.
LEAST_WITHOUT_EXPONENT, LEAST_WITH_EXPONENT = 1e-6, 1e21


def number_text(value: float) -> str:
    """Return the fewest digits that give a number, laid out as ITK does."""
    if value == 0 or LEAST_WITHOUT_EXPONENT <= abs(value) < LEAST_WITH_EXPONENT:
        return np.format_float_positional(value + 0.0, trim="-")
    return np.format_float_scientific(value, trim="-", exp_digits=1)
