"""Bias and limits of agreement are Bland and Altman's, failures are counted."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from regkit.benchmark.records import new_record
from regkit.statistics import summarize
from regkit.statistics.agreement import Agreement, agreement_markdown, agreements

PAIRS = {"ml": "true_ml"}
VOLUMES = st.lists(
    st.tuples(st.floats(40, 300), st.floats(40, 300)), min_size=3, max_size=40, unique=True
)


def agreement(found, true) -> Agreement:
    return Agreement("d", "ml", "m", "ml", np.array(found), np.array(true), 0)


def record(case, method, *, found=None, true=None, status="ok"):
    scores = {name: v for name, v in (("ml", found), ("true_ml", true)) if v is not None}
    home = {"dataset": "d", "case": case, "method": method, "group": case}
    return new_record(**home, status=status, scores=scores | {"dice": 0.9})


def test_an_example_worked_by_hand():
    # Differences +10, -10, +20 % of means 100, 200, 50.
    it = agreement([105, 190, 55], [95, 210, 45])
    np.testing.assert_allclose(it.means, [100, 200, 50])
    np.testing.assert_allclose(it.differences, [10, -10, 20])
    assert it.bias == pytest.approx(20 / 3)
    sd = np.sqrt(((10 - 20 / 3) ** 2 + (-10 - 20 / 3) ** 2 + (20 - 20 / 3) ** 2) / 2)
    assert it.sd == pytest.approx(sd)
    assert (it.low, it.high) == pytest.approx((20 / 3 - 1.96 * sd, 20 / 3 + 1.96 * sd))


@given(VOLUMES)
def test_the_laws_of_agreement(pairs):
    found, true = np.array(pairs).T
    it, swapped, litres = (
        agreement(*v) for v in ((found, true), (true, found), (found / 1000, true / 1000))
    )
    assert it.bias == pytest.approx(-swapped.bias, abs=1e-9)
    assert it.sd == pytest.approx(litres.sd, rel=1e-6, abs=1e-9)
    if it.r_squared is not None:
        expected = stats.linregress(true, found).rvalue ** 2
        assert it.r_squared == pytest.approx(expected, abs=1e-9)
    (low, _), (bias_low, bias_high), (_, high) = it.intervals
    assert low <= it.low <= it.bias <= it.high <= high
    expected = stats.ttest_1samp(it.differences, 0).confidence_interval(0.95)
    if it.sd > 1e-6:
        assert (bias_low, bias_high) == pytest.approx((expected.low, expected.high))


def test_intervals_of_the_limits_hold_what_they_promise():
    rng = np.random.default_rng(1)
    held = []
    for _ in range(400):
        means, off = rng.uniform(80, 200, 30), rng.normal(-0.2, 3.0, 30) / 100
        (low, high), *_ = agreement(means * (1 + off / 2), means * (1 - off / 2)).intervals
        held.append(low <= -0.2 - 1.96 * 3.0 <= high)
    assert np.mean(held) == pytest.approx(0.95, abs=0.03)


def test_every_method_has_its_own_and_failures_are_counted():
    records = [
        *(record(f"p{i}", "good", found=100 + i, true=100 + i) for i in range(5)),
        *(record(f"p{i}", "poor", found=110 + i, true=100 + i) for i in range(3)),
        record("p3", "poor", status="failed"),
        record("p4", "poor", true=104.0),
        *(record(f"p{i}", "none") for i in range(5)),
    ]
    good, poor = agreements(records, PAIRS, {"ml": "ml"})
    assert (good.method, good.cases, good.failed, good.bias) == ("good", 5, 0, 0.0)
    assert good.r_squared == pytest.approx(1)
    assert (poor.method, poor.cases, poor.failed) == ("poor", 3, 2)
    assert poor.bias == pytest.approx(9.4, abs=0.1)
    json.dumps([good.as_data(), poor.as_data()], allow_nan=False)
    table = agreement_markdown([good, poor])
    assert table.count("\n| d | ml |") == 2
    assert "| poor | 3 | 2 | 9.43 ± 0.09 |" in table


def test_two_cases_tell_no_limits():
    it = agreement([100.0, 110.0], [100.0, 100.0])
    assert (it.bias, it.sd, it.low, it.high, it.intervals, it.r_squared) == (None,) * 6
    assert "| 2 | 0 | - | - | - |" in agreement_markdown([it])
    assert agreement_markdown([]) == ""


def test_measurements_are_not_ranked():
    records = [record(f"p{i}", m, found=100.0, true=99.0) for i in range(4) for m in "ab"]
    scores = {s.score for s in summarize(records, better={"ml": "", "true_ml": ""}).scores}
    assert scores == {"dice"}
