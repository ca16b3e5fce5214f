"""Agreement of measurements with their true values, after Bland and Altman.

Bland & Altman 1986, doi:10.1016/S0140-6736(86)90837-8, and 1999,
doi:10.1177/096228029900800204: differences, here in percent of the mean of both, against that
mean; their mean is the bias, and 95 % of normal differences lie between the limits of agreement.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

import numpy as np
from scipy.stats import t as student

from regkit.geometry.grid import FloatArray
from regkit.statistics.safe_text import markdown_text
from regkit.statistics.score_table import DatasetRecords, Record, by_dataset
from regkit.statistics.summary import number

# Standard deviations to either side of the mean that hold 95 % of normal differences.
LIMIT = 1.96
CONFIDENCE = 0.95
FEWEST = 3  # cases; two always lie on a line
HEADER = (
    "\n## Measurements against their true values\n\n"
    "| dataset | measurement | method | cases | without | bias ± SD (%) "
    "| limits of agreement (%) | R² |\n|---|---|---|--:|--:|--:|--:|--:|\n"
)

Interval = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Agreement:
    """A method's measurements beside the true ones.

    Parameters
    ----------
    dataset, measure, method, unit
        Names of the dataset, the measurement and the method, and the unit.
    found, true
        The values of the cases that have both, shape (cases,), positive.
    failed
        Number of cases without a value, because the method failed or measured nothing.
    """

    dataset: str
    measure: str
    method: str
    unit: str
    found: FloatArray
    true: FloatArray
    failed: int

    @property
    def cases(self) -> int:
        """Number of cases that have both values."""
        return len(self.found)

    @property
    def means(self) -> FloatArray:
        """Means of measured and true value, in their unit, shape (cases,)."""
        return np.asarray((self.found + self.true) / 2)

    @property
    def differences(self) -> FloatArray:
        """Measured less true value in percent of their mean, shape (cases,)."""
        return np.asarray(100 * (self.found - self.true) / self.means)

    @property
    def bias(self) -> float | None:
        """Mean difference, percent; None with fewer than three cases, as are those below."""
        return float(self.differences.mean()) if self.cases >= FEWEST else None

    @property
    def sd(self) -> float | None:
        """Standard deviation of the differences, percent."""
        return float(self.differences.std(ddof=1)) if self.cases >= FEWEST else None

    @property
    def low(self) -> float | None:
        """Lower limit of agreement, percent."""
        return None if self.bias is None or self.sd is None else self.bias - LIMIT * self.sd

    @property
    def high(self) -> float | None:
        """Upper limit of agreement, percent."""
        return None if self.bias is None or self.sd is None else self.bias + LIMIT * self.sd

    @property
    def intervals(self) -> tuple[Interval, Interval, Interval] | None:
        """95 % intervals of lower limit, bias and upper limit, for independent cases."""
        if self.low is None or self.bias is None or self.high is None or self.sd is None:
            return None
        n = self.cases
        wide = float(student.ppf((1 + CONFIDENCE) / 2, n - 1)) * self.sd
        around_bias = wide * (1 / n) ** 0.5
        around_limit = wide * (1 / n + LIMIT**2 / (2 * (n - 1))) ** 0.5
        return (
            (self.low - around_limit, self.low + around_limit),
            (self.bias - around_bias, self.bias + around_bias),
            (self.high - around_limit, self.high + around_limit),
        )

    @property
    def r_squared(self) -> float | None:
        """Squared correlation of measured and true values; None where one does not vary."""
        if self.cases < FEWEST or np.ptp(self.found) == 0 or np.ptp(self.true) == 0:
            return None
        return number(np.corrcoef(self.found, self.true)[0, 1] ** 2)

    def as_data(self) -> dict[str, Any]:
        """Return everything as plain data that JSON can hold."""
        names = ("dataset", "measure", "method", "unit", "cases", "failed", "bias", "sd")
        more = ("low", "high", "intervals", "r_squared")
        return {name: getattr(self, name) for name in (*names, *more)} | {
            "found": self.found.tolist(),
            "true": self.true.tolist(),
        }


def agreements(
    records: Iterable[Record], true_values: Mapping[str, str], units: Mapping[str, str]
) -> list[Agreement]:
    """Return the agreement for every dataset, measurement and method with values.

    Parameters
    ----------
    records
        Records of a benchmark.
    true_values
        Names: measurement -> its true value.
    units
        Units of the measurements by name.
    """
    return [
        agreement
        for dataset in by_dataset(records)
        for measure, true in true_values.items()
        for agreement in _of_methods(dataset, measure, true, units.get(measure, ""))
    ]


def agreement_markdown(agreed: Iterable[Agreement]) -> str:
    """Return a Markdown table; empty without agreements."""
    rows = "".join(_row(agreement) for agreement in agreed)
    return HEADER + rows if rows else ""


def _of_methods(
    dataset: DatasetRecords, measure: str, true: str, unit: str
) -> Iterator[Agreement]:
    for method in dataset.methods:
        mine = [record for (_, name), record in dataset.records.items() if name == method]
        pairs = [pair for record in mine if (pair := _pair(record, measure, true)) is not None]
        if pairs:
            found, real = np.array(pairs, np.float64).T
            yield Agreement(
                dataset.name, measure, method, unit, found, real, len(mine) - len(pairs)
            )


def _pair(record: Record, measure: str, true: str) -> tuple[float, float] | None:
    """Return the measured and the true value of a record that has both."""
    scores = record.get("scores") or {}
    found, real = scores.get(measure), scores.get(true)
    if record["status"] != "ok" or found is None or real is None:
        return None
    pair = float(found), float(real)
    return pair if all(isfinite(v) and v >= 0 for v in pair) and sum(pair) > 0 else None


def _row(a: Agreement) -> str:
    spread = "-" if a.bias is None else f"{a.bias:.2f} ± {a.sd:.2f}"
    limits = "-" if a.low is None else f"{a.low:.2f} to {a.high:.2f}"
    square = "-" if a.r_squared is None else f"{a.r_squared:.4f}"
    names = " | ".join(markdown_text(name) for name in (a.dataset, a.measure, a.method))
    return f"| {names} | {a.cases} | {a.failed} | {spread} | {limits} | {square} |\n"
