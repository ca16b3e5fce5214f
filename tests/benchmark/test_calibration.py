import pytest

from regkit.benchmark.calibration import calibration, calibration_markdown, verdict_scores
from regkit.benchmark.records import new_record


def record(number, method, verdict, within, **more):
    status = "ok" if verdict else "failed"
    scores = {} if within is None else {"within_voxel": within}
    scores |= more.pop("scores", {})
    return new_record("d", f"c{number}", method, status, verdict=verdict, scores=scores, **more)


def test_each_verdict_says_how_often_the_truth_was_near():
    rows = calibration(
        [
            record(0, "a|b", "OK", 1.0),
            record(1, "a|b", "FAIL", 0.0),
            record(2, "a|b", "OK", 1.0),
            record(3, "a|b", "OK", 0.0),
            record(4, "a|b", None, None),
            record(5, "a|b", "CHECK", None),  # no truth
            record(0, "c", "CHECK", 1.0),
        ]
    )
    assert [(r["method"], r["verdict"], r["cases"], r["within_voxel"]) for r in rows] == [
        ("a|b", "OK", 3, 2 / 3),
        ("a|b", "FAIL", 1, 0.0),
        ("c", "CHECK", 1, 1.0),
    ]
    assert "| d | a\\|b | OK | 3 | 67% |" in calibration_markdown(rows)
    assert calibration_markdown([]) == ""


def told(number, method, error_mm, probability):
    estimate = {
        "expected_error_mm": 2.0,
        "interval_mm": [1.0, 4.0],
        "probability_bad": probability,
    }
    scores = {"tre_mm": error_mm}
    return record(number, method, "CHECK", 1.0, scores=scores, tolerance_mm=3.0, **estimate)


def test_verdicts_are_scored_by_their_estimates():
    records = [
        *(told(0, "a", 2.0, 0.1), told(1, "a", 3.5, 0.3), told(2, "a", 9.0, 0.2)),
        told(0, "b", 0.2, 0.0),
        record(1, "b", "OK", 1.0),  # as an older version wrote it
    ]
    first, second = verdict_scores(records)
    assert first["verdict_auc"] == 0.5
    assert first["verdict_coverage"] == pytest.approx(2 / 3)
    assert first["verdict_brier"] == pytest.approx((0.1**2 + 0.3**2 + 0.8**2) / 3)
    assert (first["wrong"], second["cases"], second["verdict_auc"]) == (1, 1, None)
    text = calibration_markdown(calibration(records), [first, second])
    assert "| d | a | 3 | 1 | 0.50 | 0.25 | 67% |" in text
    assert "| d | b | 1 | 0 | - | 0.00 | 0% |" in text
