"""Comparison of pairs of methods on one score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from regkit.geometry.grid import FloatArray
from regkit.statistics.bootstrap import Means
from regkit.statistics.paired_tests import cohens_d, holm, sign_flips, wilcoxon
from regkit.statistics.score_table import Bools, ScoreTable
from regkit.statistics.summary import Comparison, Equivalence, StatisticsSettings, number

# Of the interval that belongs to two one-sided tests at 5 % (Schuirmann 1987).
EQUIVALENCE_CONFIDENCE = 0.90


def compare_methods(
    score: ScoreTable,
    pairs: Sequence[tuple[int, int]],
    counts: FloatArray,
    settings: StatisticsSettings,
) -> tuple[Comparison, ...]:
    """Compare pairs of methods on the cases that both have.

    Parameters
    ----------
    score
        Table of the score.
    pairs
        Pairs of columns of the table.
    counts
        Multiplicity of each patient in each bootstrap draw, shape (draws, patients).
    settings
        Confidence, permutations, seed and margins.
    """
    if not pairs:
        return ()
    a, b = np.transpose(pairs)
    both = score.known[:, a] & score.known[:, b]
    differences = np.where(both, score.filled[:, a] - score.filled[:, b], 0)
    sums, sizes = score.per_patient(differences), score.per_patient(both.astype(np.float64))
    means = Means(sums, sizes, counts)
    of_patients = np.where(sizes > 0, sums / np.maximum(sizes, 1), np.nan)
    enough = means.patients >= 2
    low, high = means.interval(settings.confidence)
    p_permutation = np.where(enough, sign_flips(sums, settings.flips, settings.seed), np.nan)
    p_wilcoxon = np.where(enough, wilcoxon(of_patients), np.nan)
    columns = {
        "difference": means.estimate,
        "low": low,
        "high": high,
        "p_permutation": p_permutation,
        "p_permutation_holm": holm(p_permutation),
        "p_wilcoxon": p_wilcoxon,
        "p_wilcoxon_holm": holm(p_wilcoxon),
        "cohens_d": cohens_d(of_patients),
        "win_rate": _win_rate(score.order[:, a], score.order[:, b], both),
    }
    equivalences = _equivalences(means, settings.margins.get(score.name))
    return tuple(
        Comparison(
            a=score.methods[a[i]],
            b=score.methods[b[i]],
            cases=int(both[:, i].sum()),
            patients=int(means.patients[i]),
            equivalence=equivalences[i],
            **{name: number(column[i]) for name, column in columns.items()},
        )
        for i in range(len(pairs))
    )


def _win_rate(a: FloatArray, b: FloatArray, both: Bools) -> FloatArray:
    """Return the fraction of the cases on which a beats b, ties counted half."""
    wins = (both & (a < b)).sum(axis=0) + 0.5 * (both & (a == b)).sum(axis=0)
    cases = both.sum(axis=0)
    return np.where(cases > 0, wins / np.maximum(cases, 1), np.nan)


def _equivalences(means: Means, margin: float | None) -> list[Equivalence | None]:
    if margin is None:
        return [None] * means.sums.shape[1]
    low, high = means.interval(EQUIVALENCE_CONFIDENCE)
    p = means.p_beyond(margin)
    within = (-margin < low) & (high < margin)
    return [
        Equivalence(
            margin,
            number(low[i]),
            number(high[i]),
            number(p[i]),
            bool(within[i]) if np.isfinite(low[i]) else None,
        )
        for i in range(len(p))
    ]
