"""Intervals cover and tests reject as often as they say, with dependent cases of one patient.

``benchmarks/statistics_calibration.py`` does the same for more patients, distributions and runs.
"""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy import stats

from regkit.statistics.bootstrap import Means, draw_patients
from regkit.statistics.paired_tests import sign_flips, wilcoxon
from statistics_records import clustered

pytestmark = pytest.mark.simulation

RUNS = 2000
PATIENTS = 25


def binomial_range(p: float) -> tuple[float, float]:
    """Where a share of RUNS lies in all but one of 10,000 repetitions."""
    low, high = stats.binom.ppf((5e-5, 1 - 5e-5), RUNS, p) / RUNS
    return float(low), float(high)


@dataclass
class Simulated:
    """RUNS experiments on the same patients: values (cases, RUNS) and their true mean."""

    patient: np.ndarray
    values: np.ndarray
    truth: float

    @property
    def sizes(self) -> np.ndarray:
        return np.repeat(np.bincount(self.patient)[:, None], RUNS, axis=1).astype(float)

    def sums(self, shift: float = 0.0) -> np.ndarray:
        columns = [np.bincount(self.patient, column + shift) for column in self.values.T]
        return np.stack(columns, axis=1)

    def means(self, shift: float = 0.0) -> Means:
        return Means(self.sums(shift), self.sizes, draw_patients(PATIENTS, 999, 0))


def simulate(kind: str, seed: int) -> Simulated:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 5, PATIENTS)
    draws = [clustered(rng, sizes, kind) for _ in range(RUNS)]
    return Simulated(draws[0][0], np.stack([values for _, values, _ in draws], 1), draws[0][2])


def coverage(means: Means, truth: float) -> float:
    low, high = means.interval(0.95)
    return float(((low <= truth) & (truth <= high)).mean())


@pytest.mark.parametrize("kind", ["normal", "lognormal"])
def test_intervals_cover_the_truth(kind: str) -> None:
    data = simulate(kind, 0)
    low, high = binomial_range(0.93)[0], binomial_range(0.97)[1]
    assert low <= coverage(data.means(), data.truth) <= high


def test_cases_taken_for_patients_do_not_cover_the_truth() -> None:
    """Were this not seen, the test above would be blind."""
    data = simulate("normal", 0)
    cases = len(data.patient)
    naive = Means(data.values, np.ones(data.values.shape), draw_patients(cases, 999, 0))
    assert coverage(naive, data.truth) < binomial_range(0.93)[0]


def test_tests_rarely_find_what_is_not_there() -> None:
    data = simulate("normal", 1)
    most = binomial_range(0.055)[1]
    assert float((sign_flips(data.sums(), 999, 0) < 0.05).mean()) <= most
    assert float((wilcoxon(data.sums() / data.sizes) < 0.05).mean()) <= most
    assert float((sign_flips(data.values, 999, 0) < 0.05).mean()) > most, "patients must matter"


def test_tests_find_what_is_there() -> None:
    data = simulate("normal", 2)
    shifted = data.sums(0.8)
    assert float((sign_flips(shifted, 999, 0) < 0.05).mean()) > 0.85
    assert float((wilcoxon(shifted / data.sizes) < 0.05).mean()) > 0.85


def test_equivalence_is_rarely_claimed_at_the_margin() -> None:
    at_margin = simulate("normal", 3).means(1.5)
    assert float((at_margin.p_beyond(1.5) < 0.05).mean()) <= binomial_range(0.055)[1]
    assert float((at_margin.p_beyond(2.5) < 0.05).mean()) > 0.85
