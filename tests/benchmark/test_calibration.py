from regkit.benchmark.calibration import calibration, calibration_markdown
from regkit.benchmark.records import new_record


def record(number, method, verdict, within):
    status = "ok" if verdict else "failed"
    scores = {} if within is None else {"within_voxel": within}
    return new_record("d", f"c{number}", method, status, verdict=verdict, scores=scores)


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
