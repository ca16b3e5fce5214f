"""Summaries of small benchmarks worked out by hand."""

import csv
import io
import json
import math

import numpy as np
import pytest

from regkit.errors import ParameterError
from regkit.statistics import StatisticsSettings, Summary, summarize
from regkit.statistics.number_text import format_value
from regkit.statistics.overview import overview
from regkit.statistics.ranking import critical_difference
from regkit.statistics.summary import Comparison, MethodRow, ScoreSummary
from regkit.statistics.summary_files import (
    summary_csv,
    summary_json,
    summary_markdown,
)
from statistics_records import record, table

QUICK = StatisticsSettings(draws=400, flips=500)


def tre(summary: Summary) -> ScoreSummary:
    [found] = [score for score in summary.scores if score.score == "tre_mm"]
    return found


def row(score: ScoreSummary, method: str) -> MethodRow:
    [found] = [row for row in score.methods if row.method == method]
    return found


def pair(score: ScoreSummary, a: str, b: str) -> Comparison:
    [found] = [pair for pair in score.comparisons if (pair.a, pair.b) == (a, b)]
    return found


def test_every_figure_of_a_method() -> None:
    values = [3.0, 1.0, 2.0, 5.0, 4.0, 6.0, 8.0, 7.0, 10.0, 9.0]
    found = row(tre(summarize(table({"a": values}), QUICK)), "a")
    assert (found.cases, found.patients, found.failed, found.missing) == (10, 10, 0, 0)
    assert found.mean == pytest.approx(5.5)
    assert found.sd == pytest.approx(np.std(values, ddof=1))
    assert found.median == pytest.approx(np.median(values))
    assert found.q70 == pytest.approx(np.quantile(values, 0.7))
    assert found.q95 == pytest.approx(np.quantile(values, 0.95))
    assert found.worst == 10
    assert found.low is not None
    assert found.high is not None
    assert found.low < 5.5 < found.high


def test_quantiles_count_towards_the_worse_end() -> None:
    values = [0.1 * i for i in range(1, 11)]
    score = tre(summarize(table({"a": values}), QUICK, {"tre_mm": "higher"}))
    found = row(score, "a")
    assert found.q95 == pytest.approx(np.quantile(values, 0.05))
    assert found.worst == pytest.approx(0.1)


def test_a_failure_counts_as_worst_and_is_said() -> None:
    columns = {"a": [1.0, 2.0, 3.0, 4.0, None], "b": [2.0, 3.0, 4.0, 9.0, 5.0]}
    score = tre(summarize(table(columns), QUICK))
    a, b = row(score, "a"), row(score, "b")
    assert (a.cases, a.failed, b.failed) == (5, 1, 0)
    assert a.mean == pytest.approx((1 + 2 + 3 + 4 + 9) / 5)
    assert a.mean_of_completed == pytest.approx(2.5)
    assert a.median == 3
    assert a.worst is None
    assert a.q95 is None
    assert b.worst == 9
    assert pair(score, "a", "b").win_rate == pytest.approx(4 / 5)
    assert score.failure_value == 9
    assert "failures count as 9" in " ".join(score.notes)


def test_a_failure_ranks_behind_the_worst_value() -> None:
    columns = {"a": [None] * 6, "b": [7.0] * 6}
    ranking = tre(summarize(table(columns), QUICK)).ranking
    assert ranking is not None
    assert ranking.methods == ("b", "a")
    assert ranking.mean_rank == (1.0, 2.0)


def test_a_score_that_is_not_a_number_is_a_failure() -> None:
    columns = {"a": [1.0, math.nan, 3.0], "b": [1.0, 2.0, math.inf]}
    score = tre(summarize(table(columns), QUICK))
    assert (row(score, "a").failed, row(score, "b").failed) == (1, 1)
    assert row(score, "a").mean == pytest.approx((1 + 3 + 3) / 3)


def test_when_everything_failed_that_is_said() -> None:
    summary = summarize(
        [
            *table({"a": [None] * 6, "b": [None] * 6}),
            record("c9", "a", None, scores={"tre_mm": math.nan}, status="ok"),
        ],
        QUICK,
    )
    score = tre(summary)
    assert row(score, "a").mean is None
    assert row(score, "a").failed == 7
    assert score.comparisons == ()
    assert score.ranking is None
    assert "every case of every method failed" in " ".join(score.notes)
    assert "a: 6 of 7 cases failed" in summary.datasets[0].notes
    assert_no_nan(summary)


def test_when_no_method_ever_gave_a_score_failures_are_still_said() -> None:
    summary = summarize(table({"a": [None] * 3}), QUICK)
    assert summary.scores == ()
    assert summary.datasets[0].notes == ("a: 3 of 3 cases failed",)


def test_one_patient_has_no_interval_and_no_test() -> None:
    columns = {"a": [1.0, 2.0, 3.0], "b": [2.0, 3.0, 5.0]}
    summary = summarize(table(columns, groups=["p1"] * 3), QUICK)
    score = tre(summary)
    assert row(score, "a").low is None
    assert pair(score, "a", "b").p_permutation is None
    assert pair(score, "a", "b").difference == pytest.approx(-4 / 3)
    assert "1 patient is too few for intervals" in " ".join(score.notes)
    assert_no_nan(summary)


def test_few_patients_cannot_give_small_p_values() -> None:
    columns = {"a": [1.0, 2.0, 3.0, 1.0], "b": [9.0, 9.0, 9.0, 9.0]}
    score = tre(summarize(table(columns), QUICK))
    assert pair(score, "a", "b").p_permutation == pytest.approx(2 / 16)
    assert (
        "with 4 patients and 1 pair of methods no corrected permutation p can be below 0.12"
        in " ".join(score.notes)
    )


def test_one_method_is_described_and_not_compared() -> None:
    score = tre(summarize(table({"a": [1.0, 2.0, 3.0, 4.0, 5.0]}), QUICK))
    assert score.comparisons == ()
    assert score.ranking is None
    assert "one method: there is nothing to compare" in score.notes


def test_equal_methods_tie() -> None:
    values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    summary = summarize(table({"a": values, "b": values, "c": values}), QUICK)
    score = tre(summary)
    found = pair(score, "a", "c")
    assert (found.difference, found.win_rate, found.cohens_d) == (0, 0.5, 0)
    assert (found.p_permutation, found.p_wilcoxon) == (1, 1)
    assert score.ranking is not None
    assert score.ranking.mean_rank == (2, 2, 2)
    assert score.ranking.friedman_p == 1
    assert score.ranking.groups == (("a", "b", "c"),)
    assert_no_nan(summary)


def test_pairs_are_compared_where_both_have_a_result() -> None:
    records = table({"a": [1.0] * 8, "b": [3.0] * 8})
    records = [r for r in records if (r["method"], r["case"]) not in {("b", "c0"), ("b", "c1")}]
    score = tre(summarize(records, QUICK))
    assert row(score, "b").missing == 2
    assert row(score, "b").failed == 0
    assert pair(score, "a", "b").cases == 6
    assert pair(score, "a", "b").difference == pytest.approx(-2)
    assert "no result of some method" in " ".join(score.notes)


def test_cases_that_do_not_support_a_score_are_no_failures() -> None:
    records = table({"a": [1.0] * 6, "b": [2.0] * 6})
    for one in records:
        if one["case"] in {"c0", "c1"}:
            one["scores"] = {"dice": 0.5}
    summary = summarize([*records, record("c0", "c", None)], QUICK)
    assert tre(summary).cases == 4
    assert row(tre(summary), "a").missing == 0


def test_patients_of_unequal_size() -> None:
    groups = ["p0"] * 10 + ["p1", "p2", "p3", "p4", "p5"]
    columns = {"a": [1.0] * 10 + [2.0] * 5, "b": [2.0] * 15}
    score = tre(summarize(table(columns, groups), QUICK))
    assert score.patients == 6
    assert row(score, "a").mean == pytest.approx(20 / 15)
    assert score.ranking is not None
    assert score.ranking.mean_rank == pytest.approx(((1 + 5 * 1.5) / 6, (2 + 5 * 1.5) / 6))


def test_a_method_that_could_not_run_is_no_failure() -> None:
    gone = [record(f"c{i}", "x", None, status="unavailable", error="no GPU") for i in range(6)]
    summary = summarize([*table({"a": [1.0] * 6}), *gone], QUICK)
    assert summary.datasets[0].unavailable == {"x": "no GPU"}
    assert summary.datasets[0].methods == ("a",)
    assert [r.method for r in tre(summary).methods] == ["a"]


def test_of_repeated_records_the_last_counts() -> None:
    summary = summarize([*table({"a": [1.0] * 6}), *table({"a": [2.0] * 6})], QUICK)
    assert row(tre(summary), "a").mean == 2
    assert "6 records are repeated; the last of each counts" in summary.datasets[0].notes


def test_datasets_are_kept_apart() -> None:
    other = [{**r, "dataset": "other"} for r in table({"a": [5.0] * 6})]
    summary = summarize([*table({"a": [1.0] * 6}), *other], QUICK)
    assert [(s.dataset, s.methods[0].mean) for s in summary.scores] == [("toy", 1), ("other", 5)]


def test_equivalence_within_a_clinical_margin() -> None:
    rng = np.random.default_rng(0)
    a = rng.uniform(1, 2, 20)
    columns = {"a": a.tolist(), "b": (a + rng.normal(0, 0.3, 20)).tolist(), "c": (a + 5).tolist()}
    settings = StatisticsSettings(draws=400, flips=500, margins={"tre_mm": 3.4})
    score = tre(summarize(table(columns), settings))
    same, other = pair(score, "a", "b").equivalence, pair(score, "a", "c").equivalence
    assert same is not None
    assert other is not None
    assert same.equivalent
    assert same.p is not None
    assert same.p < 0.05
    assert not other.equivalent
    assert row(score, "a").within_margin == 1
    assert row(score, "c").within_margin == 0


def test_margins_of_what_is_not_scored_are_refused() -> None:
    with pytest.raises(ParameterError, match=r"no record has the score 'dt'.*choose from tre_mm"):
        summarize(table({"a": [1.0]}), StatisticsSettings(margins={"dt": 3.4}))
    with pytest.raises(ParameterError, match="margin of tre_mm must be positive, got 0"):
        summarize(table({"a": [1.0]}), StatisticsSettings(margins={"tre_mm": 0}))


def test_scores_that_could_not_be_computed_are_told() -> None:
    records = [
        record(f"c{i}", "a", 1.0, score_errors={"odd": f"ValueError: case {i}"}) for i in range(3)
    ]
    [dataset] = summarize(records, QUICK).datasets
    assert dataset.notes == (
        "the score odd could not be computed for 3 results; the first error: ValueError: case 0",
    )


@pytest.mark.parametrize(
    ("value", "words"),
    [(1e30, "1.0e+30"), (123456.7, "123457"), (2, "2.00"), (-0.0, "0.00")],
)
def test_numbers_of_any_size_are_short(value: float, words: str) -> None:
    assert format_value(value) == words


def test_costs_are_of_completed_runs_and_not_tested() -> None:
    records = table({"a": [1.0, None, 1.0], "b": [1.0, 1.0, 1.0]})
    for seconds, one in enumerate(records):
        one["runtime_s"] = float(seconds)
    [runtime] = [s for s in summarize(records, QUICK).scores if s.score == "runtime_s"]
    assert (row(runtime, "a").cases, row(runtime, "a").mean) == (2, 1)
    assert runtime.comparisons == ()
    assert runtime.unit == "s"


def test_ranking_is_sure_of_a_clear_winner_and_unsure_of_equals() -> None:
    rng = np.random.default_rng(1)
    base = rng.uniform(1, 2, 30)
    noise = [rng.normal(0, 0.1, 30) for _ in range(2)]
    columns = {"bad": base + 5, "x": base + noise[0], "y": base + noise[1]}
    ranking = tre(summarize(table({k: v.tolist() for k, v in columns.items()}), QUICK)).ranking
    assert ranking is not None
    assert ranking.methods[2] == "bad"
    assert ranking.position_share[2] == (0, 0, 1)
    assert 0.02 < ranking.position_share[0][1] < 0.6
    assert ranking.groups == (ranking.methods[:2],)
    assert ranking.low[0] <= ranking.mean_rank[0] <= ranking.high[0]


def test_critical_difference_of_demsar() -> None:
    """Demsar 2006, section 3.2.2: four classifiers, 14 data sets, CD = 2.569 sqrt(20 / 84)."""
    assert critical_difference(4, 14) == pytest.approx(2.569 * math.sqrt(20 / 84), abs=1e-3)


def test_the_same_records_in_another_order_give_the_same_means_and_tests() -> None:
    rng = np.random.default_rng(2)
    records = table({m: rng.gamma(2, 1, 12).tolist() for m in "ab"}, groups=[*"aabbccddeeff"])
    first, second = tre(summarize(records, QUICK)), tre(summarize(records[::-1], QUICK))
    one, other = pair(first, "a", "b"), pair(second, "b", "a")
    assert one.p_permutation == pytest.approx(other.p_permutation)
    assert one.difference == pytest.approx(-other.difference)


def test_a_summary_repeats() -> None:
    records = table({m: [1.0, 2.0, 4.0, 3.0, 7.0] for m in "ab"})
    assert summary_json(summarize(records)) == summary_json(summarize(records))


def test_files_say_the_same() -> None:
    columns = {"a|b": [1.0, 2.0, 3.0, 4.0, None], "c": [2.0, 3.0, 4.0, 5.0, 6.0]}
    summary = summarize(table(columns), StatisticsSettings(draws=400, margins={"tre_mm": 3.4}))
    data = json.loads(summary_json(summary))
    [line, _] = csv.DictReader(io.StringIO(summary_csv(summary)))
    [score] = data["scores"]
    assert float(line["mean"]) == score["methods"][0]["mean"]
    assert line["worst"] == ""
    assert line["method"] == "a|b"
    text = summary_markdown(summary)
    first = text[: text.index("###")]
    assert "| method | failed | tre_mm |" in first
    assert first.count("| a\\|b | 1 of 5 cases | 3.20 [") == 1
    assert "| c | 0 of 5 cases | 4.00 [" in first
    assert "| a\\|b | 5 | 1 | 3.20 [" in text
    assert "failed |" in text
    assert "within 3.4" in text
    assert data["failure_rule"] in text


def test_an_overview_tells_that_every_method_failed() -> None:
    summary = summarize(table({"a": [None, None], "b": [None, None]}), QUICK)
    assert overview(summary, summary.datasets[0]) == (
        ["method", "failed"],
        [["a", "no score of 2 cases"], ["b", "no score of 2 cases"]],
    )
    assert any("failed" in note for note in summary.datasets[0].notes)


def assert_no_nan(summary: Summary) -> None:
    """JSON refuses NaN and infinity; tables must not hold them either."""
    summary_json(summary)
    for text in (summary_csv(summary), summary_markdown(summary)):
        assert "nan" not in text
        assert "inf" not in text.replace("information", "")
