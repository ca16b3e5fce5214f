"""What a summary holds: plain data, with None and a sentence where a number cannot be had."""

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
    """How a summary is made.

    Parameters
    ----------
    confidence
        Of the intervals.
    draws
        Number of draws of patients.
    flips
        Number of random sign patterns of the permutation test.
    seed
        Same seed, same summary.
    margins
        Clinical margin of a score: differences within it do not matter to a patient.
    """

    confidence: float = 0.95
    draws: int = 2000
    flips: int = 10_000
    seed: int = 0
    margins: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class MethodRow:
    """One method by one score.

    Parameters
    ----------
    method
        Its name.
    cases, patients
        How many have a result, failures included.
    failed, missing
        How many cases failed, and how many have no record.
    mean, low, high
        Mean over cases and the ends of its interval, failures at the worst value.
    mean_of_completed
        Mean over the cases that did not fail.
    sd
        Standard deviation over cases.
    median, q70, q95, worst
        Values that 50, 70, 95 and 100 % of the cases are not worse than; None where that is a
        failure.
    within_margin
        Share of the cases whose error is within the clinical margin.
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
    """Whether two methods differ by less than a clinical margin.

    Parameters
    ----------
    margin
        The margin, in the unit of the score.
    low, high
        The 90 % interval of the difference.
    p
        Of a difference at or beyond the margin; the larger of two one-sided tests.
    equivalent
        The interval lies within the margin.
    """

    margin: float
    low: float | None
    high: float | None
    p: float | None
    equivalent: bool | None


@dataclass(frozen=True)
class Comparison:
    """Two methods on the cases that both have.

    Parameters
    ----------
    a, b
        The methods.
    cases, patients
        How many both have.
    difference, low, high
        Mean of a minus mean of b, and its interval.
    p_permutation, p_wilcoxon
        Two-sided p-values over patients; the same after Holm's correction for all pairs of
        methods of this score end in ``_holm``.
    cohens_d
        Mean over standard deviation of patients' mean differences.
    win_rate
        Share of the cases on which a is better than b, ties counted half.
    equivalence
        Where the score has a clinical margin.
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
    """One score of one dataset; `notes` says why a number is None."""

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
        Its name.
    cases, patients
        How many were run.
    methods
        Those that ran, in the order of the records.
    unavailable
        Methods that could not run here, with the reason.
    notes
        What a reader should know.
    """

    dataset: str
    cases: int
    patients: int
    methods: tuple[str, ...]
    unavailable: Mapping[str, str]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Summary:
    """Everything that is said about a benchmark."""

    settings: StatisticsSettings
    datasets: tuple[DatasetSummary, ...]
    scores: tuple[ScoreSummary, ...]
    failure_rule: str = FAILURE_RULE

    def as_data(self) -> dict[str, Any]:
        """Return the summary as plain data that JSON can hold."""
        return asdict(self)


def number(value: Any) -> float | None:
    """Return a number as Python has it; None for one that is not finite."""
    return float(value) if isfinite(value) else None
