"""How well numbers found agree with true ones over a cohort: R^2, and Bland and Altman's limits.

Bland and Altman 1986, doi:10.1016/S0140-6736(86)90837-8.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from regkit.grid import FloatArray

# Deviations to either side that hold 95 % of normal differences.
LIMITS = 1.96


@dataclass(frozen=True, eq=False)
class Agreement:
    """Differences of paired numbers against their means.

    Parameters
    ----------
    means, differences
        Of each pair, shape (cases,); differences in percent of the means.
    bias, deviation
        Mean of the differences and their standard deviation (of a sample).
    """

    means: FloatArray
    differences: FloatArray
    bias: float
    deviation: float

    @property
    def limits(self) -> tuple[float, float]:
        """Between which 95 % of the differences lie, if they are normal."""
        reach = LIMITS * self.deviation
        return self.bias - reach, self.bias + reach


def agreement(found: ArrayLike, true: ArrayLike) -> Agreement:
    """Return how positive numbers found differ from true ones, in percent of both's mean.

    Parameters
    ----------
    found, true
        Volumes, say, of two cases or more, shape (cases,).
    """
    pairs = np.stack([np.asarray(found, np.float64), np.asarray(true, np.float64)])
    means = pairs.mean(axis=0)
    differences = 100 * (pairs[0] - pairs[1]) / means
    return Agreement(means, differences, float(differences.mean()), float(differences.std(ddof=1)))


def r_squared(found: ArrayLike, true: ArrayLike) -> FloatArray:
    """Return the squared correlation of numbers found and true ones.

    Parameters
    ----------
    found, true
        Shape (cases,) or (cases, numbers).

    Returns
    -------
    FloatArray
        One for each of the numbers; NaN where one side does not vary.
    """
    one, other = (np.atleast_2d(np.asarray(values, np.float64).T) for values in (found, true))
    one, other = (values - values.mean(axis=1, keepdims=True) for values in (one, other))
    both = (one**2).sum(axis=1) * (other**2).sum(axis=1)
    with np.errstate(invalid="ignore"):
        return np.asarray((one * other).sum(axis=1) ** 2 / both)
