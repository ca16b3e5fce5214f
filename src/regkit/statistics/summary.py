"""The data of a summary; a value that cannot be computed is None, and a note says why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import isfinite
from typing import Any

from regkit.statistics.ranking import Ranking

FAILURE_RULE = (
    "A failed case, or one whose score is not a number, is never dropped: it enters means, "
    "intervals and tests with the worst value that any method has on any case of the dataset, "
    "wins, ranks and quantiles as worse than every value. A case without a record is missing, "
    "not failed."
)


@dataclass(frozen=True)
class StatisticsSettings:
    """The settings of a summary.

    Parameters
    ----------
    confidence
        Confidence of the intervals, 0 to 1.
    draws
        Number of bootstrap draws of patients.
    flips
        Number of random sign patterns of the permutation test.
    seed
        Seed of the draws and the patterns.
    margins
        Clinical margins by score: differences within a margin do not matter to a patient.
    """

    confidence: float = 0.95
    draws: int = 2000
    flips: int = 10_000
    seed: int = 0
    margins: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class MethodRow:
    """The statistics of one method on one score.

    Parameters
    ----------
    method
        Name of the method.
    cases, patients
        Numbers with a result, failures included.
    failed, missing
        Numbers of cases that failed, and that have no record.
    mean, low, high
        Mean over cases and the ends of its interval, with failures at the worst value.
    mean_of_completed
        Mean over the cases that did not fail.
    sd
        Standard deviation over cases.
    median, q70, q95, worst
        Values that 50, 70, 95 and 100 % of the cases do not exceed (fall below, where higher is
        better); None for a failure.
    within_margin
        Fraction of the cases whose error is within the clinical margin.
    """

    method: str
    cases: int
    patients: int
    failed: int
    missing: int
    mean: float | None
    low: float | None
    high: float | None
    mean_of_completed: float | None
    sd: float | None
    median: float | None
    q70: float | None
    q95: float | None
    worst: float | None
    within_margin: float | None


@dataclass(frozen=True)
class Equivalence:
    """The test that two methods differ by less than a clinical margin.

    Parameters
    ----------
    margin
        Margin in the unit of the score.
    low, high
        Ends of the 90 % interval of the difference.
    p
        p-value of the hypothesis that the difference reaches the margin, the larger of two
        one-sided tests.
    equivalent
        True if the interval lies within the margin; None without an interval.
    """

    margin: float
    low: float | None
    high: float | None
    p: float | None
    equivalent: bool | None


@dataclass(frozen=True)
class Comparison:
    """The comparison of two methods on the cases that both have.

    Parameters
    ----------
    a, b
        Names of the methods.
    cases, patients
        Numbers that both have.
    difference, low, high
        Mean of a minus mean of b, and its interval.
    p_permutation, p_wilcoxon
        Two-sided p-values over patients; the same after Holm's correction for all pairs of
        methods of this score end in ``_holm``.
    cohens_d
        Mean over standard deviation of patients' mean differences.
    win_rate
        Fraction of the cases on which a is better than b, ties counted half.
    equivalence
        Test of equivalence, if the score has a clinical margin.
    """

    a: str
    b: str
    cases: int
    patients: int
    difference: float | None
    low: float | None
    high: float | None
    p_permutation: float | None
    p_permutation_holm: float | None
    p_wilcoxon: float | None
    p_wilcoxon_holm: float | None
    cohens_d: float | None
    win_rate: float | None
    equivalence: Equivalence | None


@dataclass(frozen=True)
class ScoreSummary:
    """The statistics of one score on one dataset; `notes` says why a value is None."""

    dataset: str
    score: str
    unit: str
    better: str
    cases: int
    patients: int
    failure_value: float | None
    methods: tuple[MethodRow, ...]
    comparisons: tuple[Comparison, ...]
    ranking: Ranking | None
    notes: tuple[str, ...]


@dataclass(frozen=True)
class DatasetSummary:
    """The records of one dataset.

    Parameters
    ----------
    dataset
        Name of the dataset.
    cases, patients
        Numbers of those that were run.
    methods
        Names of the methods that ran, in the order of the records.
    unavailable
        Methods that could not run here, with the reason.
    notes
        Remarks on failures, missing and repeated records.
    """

    dataset: str
    cases: int
    patients: int
    methods: tuple[str, ...]
    unavailable: Mapping[str, str]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Summary:
    """The statistics of a benchmark."""

    settings: StatisticsSettings
    datasets: tuple[DatasetSummary, ...]
    scores: tuple[ScoreSummary, ...]
    failure_rule: str = FAILURE_RULE

    def as_data(self) -> dict[str, Any]:
        """Return the summary as plain data that JSON can hold."""
        return asdict(self)


def number(value: Any) -> float | None:
    """Return a value as a Python float; None if it is not finite."""
    return float(value) if isfinite(value) else None
