"""Ranking of methods, its uncertainty, and groups of methods that do not differ.

Patients are the blocks: methods are ranked within each patient and ranks are averaged over
patients (Friedman 1937; Nemenyi's critical difference as in Demsar 2006, JMLR 7:1-30).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from regkit.geometry.grid import FloatArray
from regkit.statistics.score_table import Bools, ScoreTable

ALPHA = 0.05  # level of significance
SAME = 1e-9  # difference of average ranks that is rounding


@dataclass(frozen=True)
class Ranking:
    """Methods from best to worst.

    Parameters
    ----------
    methods
        Best first.
    mean_rank
        Average over patients of each method's rank, from 1 for the best.
    low, high
        Ends of the 95 % interval of the average rank over draws of patients.
    position_share
        Fraction of the draws in which a method comes first, second, ..., a row for each method.
    friedman_p
        p-value of the hypothesis that all methods are equal; None for two methods.
    critical_difference
        Least significant difference of average ranks (Nemenyi, 5 %).
    groups
        Methods whose average ranks do not differ significantly.
    patients
        Number of patients with results of every method.
    """

    methods: tuple[str, ...]
    mean_rank: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    position_share: tuple[tuple[float, ...], ...]
    friedman_p: float | None
    critical_difference: float
    groups: tuple[tuple[str, ...], ...]
    patients: int


def rank(score: ScoreTable, counts: FloatArray) -> Ranking | None:
    """Rank the methods of a score.

    Parameters
    ----------
    score
        Table of the score; only cases with a result of every method count.
    counts
        Multiplicity of each patient in each bootstrap draw, shape (draws, patients).

    Returns
    -------
    Ranking or None
        None with fewer than two methods or two patients.
    """
    complete = np.asarray(score.known.all(axis=1))
    sizes = score.per_patient(complete[:, None].astype(np.float64))[:, 0]
    if len(score.methods) < 2 or (sizes > 0).sum() < 2 or score.worst is None:
        return None
    ranks = _ranks(score, complete, sizes)
    order = np.argsort(ranks.mean(axis=0), kind="stable")
    ranks, methods = ranks[:, order], [score.methods[i] for i in order]
    drawn = _drawn_ranks(ranks, counts[:, sizes > 0])
    low, high = np.quantile(drawn, (0.025, 0.975), axis=0)
    critical = critical_difference(len(methods), len(ranks))
    average = ranks.mean(axis=0)
    return Ranking(
        methods=tuple(methods),
        mean_rank=tuple(average.tolist()),
        low=tuple(low.tolist()),
        high=tuple(high.tolist()),
        position_share=tuple(tuple(row) for row in _position_share(drawn).tolist()),
        friedman_p=_friedman(ranks),
        critical_difference=critical,
        groups=_groups(methods, average, critical),
        patients=len(ranks),
    )


def critical_difference(methods: int, patients: int) -> float:
    """Return the least significant difference of average ranks at 5 % (Nemenyi)."""
    q = stats.studentized_range.ppf(1 - ALPHA, methods, np.inf) / np.sqrt(2)
    return float(q * np.sqrt(methods * (methods + 1) / (6 * patients)))


def _ranks(score: ScoreTable, complete: Bools, sizes: FloatArray) -> FloatArray:
    """Rank methods within each patient by their mean; of equal means fewer failures are better."""
    use = complete[:, None]
    sums = score.per_patient(np.where(use, score.sign * score.filled, 0))
    means = sums / np.maximum(sizes, 1)[:, None]
    failed = score.per_patient(np.where(use, score.failed, 0.0)) > 0
    key = means + 1e-12 * np.abs(means) * failed
    return np.asarray(stats.rankdata(key[sizes > 0], axis=1))


def _drawn_ranks(ranks: FloatArray, counts: FloatArray) -> FloatArray:
    """Return the average ranks in every draw, shape (draws, methods)."""
    total = counts.sum(axis=1, keepdims=True)
    kept = total[:, 0] > 0
    return np.asarray(counts[kept] @ ranks / total[kept])


def _position_share(drawn: FloatArray) -> FloatArray:
    """Return the fraction of draws in which each method has each position, equal for ties."""
    better = drawn[:, None, :] < drawn[:, :, None] - SAME
    position = better.sum(axis=2)
    methods = drawn.shape[1]
    return np.stack([(position == p).mean(axis=0) for p in range(methods)], axis=1)


def _friedman(ranks: FloatArray) -> float | None:
    if ranks.shape[1] < 3:
        return None
    if (ranks == ranks[:, :1]).all():
        return 1.0
    return float(stats.friedmanchisquare(*ranks.T).pvalue)


def _groups(
    methods: list[str], average: FloatArray, critical: float
) -> tuple[tuple[str, ...], ...]:
    """Return the longest runs of methods that lie within the critical difference."""
    groups: list[tuple[int, int]] = []
    for first in range(len(methods)):
        last = int(np.flatnonzero(average <= average[first] + critical).max())
        if last > first and (not groups or last > groups[-1][1]):
            groups.append((first, last))
    return tuple(tuple(methods[first : last + 1]) for first, last in groups)
