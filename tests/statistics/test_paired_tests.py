"""Tests against scipy, enumeration and worked examples."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from regkit.statistics.bootstrap import Means, draw_patients
from regkit.statistics.paired_tests import cohens_d, holm, sign_flips, wilcoxon


@pytest.mark.parametrize("patients", [2, 5, 9])
def test_sign_flips_agree_with_scipys_permutation_test(patients: int) -> None:
    x = np.random.default_rng(patients).normal(0.6, 1, patients)
    expected = stats.permutation_test(
        (x, np.zeros(patients)),
        lambda a, b: np.sum(a - b),
        permutation_type="samples",
        vectorized=False,
        n_resamples=np.inf,
    )
    assert sign_flips(x[:, None], 100, 0)[0] == pytest.approx(expected.pvalue)


def test_random_sign_flips_agree_with_all_of_them() -> None:
    x = np.random.default_rng(1).normal(0.5, 1, 14)
    sums = [abs(np.dot(signs, x)) for signs in product((1, -1), repeat=14)]
    exact = np.mean(np.array(sums) >= abs(x.sum()) - 1e-12)
    assert sign_flips(x[:, None], 20_000, 0)[0] == pytest.approx(exact, abs=0.01)


def test_equal_methods_have_p_one() -> None:
    zeros = np.zeros((20, 1))
    assert sign_flips(zeros, 100, 0)[0] == 1
    assert wilcoxon(zeros)[0] == 1
    assert cohens_d(zeros)[0] == 0


def test_a_constant_difference_has_no_effect_size() -> None:
    assert np.isnan(cohens_d(np.full((8, 1), 0.3))[0])


def test_patients_without_cases_do_not_matter() -> None:
    x = np.random.default_rng(2).normal(0.5, 1, (9, 1))
    gappy = np.insert(x, 4, np.nan, axis=0)
    assert wilcoxon(gappy) == wilcoxon(x)
    assert cohens_d(gappy) == cohens_d(x)
    assert sign_flips(np.nan_to_num(gappy), 10, 0) == sign_flips(x, 10, 0)


def test_holm_of_a_worked_example() -> None:
    """Holm 1979: multiply by 4, 3, 2, 1 from the smallest, never decreasing."""
    p = np.array([0.04, 0.01, np.nan, 0.03, 0.005])
    assert holm(p) == pytest.approx([0.06, 0.03, np.nan, 0.06, 0.02], nan_ok=True)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_lies_between_p_and_bonferroni(values: list[float]) -> None:
    p = np.array(values)
    adjusted = holm(p)
    assert (adjusted >= p).all()
    assert (adjusted <= np.minimum(1, len(p) * p + 1e-12)).all()
    assert (
        np.argsort(adjusted[np.argsort(p, kind="stable")], kind="stable") == range(len(p))
    ).all()


def test_the_error_of_single_cases_is_the_textbook_standard_error() -> None:
    x = np.random.default_rng(3).normal(size=(30, 1))
    means = Means(x, np.ones((30, 1)), draw_patients(30, 200, 0))
    assert means.estimate[0] == pytest.approx(x.mean())
    assert means.error[0] == pytest.approx(stats.sem(x[:, 0]))


def test_cases_of_one_patient_add_nothing_when_they_are_copies() -> None:
    x = np.random.default_rng(4).normal(size=(15, 1))
    counts = draw_patients(15, 500, 0)
    once = Means(x, np.ones((15, 1)), counts)
    ten_times = Means(10 * x, np.full((15, 1), 10.0), counts)
    np.testing.assert_allclose(ten_times.interval(0.95), once.interval(0.95))


def test_equivalence_is_the_interval_within_the_margin() -> None:
    """p crosses 0.05 where the 90 % interval reaches the margin."""
    x = np.random.default_rng(5).normal(0.2, 1, (40, 1))
    means = Means(x, np.ones((40, 1)), draw_patients(40, 4000, 0))
    low, high = means.interval(0.90)
    reach = max(-low[0], high[0])
    assert means.p_beyond(reach * 1.02)[0] < 0.05 < means.p_beyond(reach * 0.98)[0]
