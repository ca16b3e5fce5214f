"""R^2 of the six numbers of a pose, by the script that measures it."""

import sys

import numpy as np
import pytest
from scipy import stats

import records
import ventricle_poses


def test_r_squared_is_scipys() -> None:
    rng = np.random.default_rng(0)
    true = rng.normal(size=(30, 6))
    found = true + rng.normal(size=(30, 6)) * 0.5
    expected = [stats.pearsonr(a, b).statistic ** 2 for a, b in zip(found.T, true.T, strict=True)]
    np.testing.assert_allclose(ventricle_poses.r_squared(found, true), expected)


@pytest.mark.slow
def test_a_method_is_measured_once(tmp_path, monkeypatch, capsys) -> None:
    out = tmp_path / "poses.jsonl"
    command = ["x", "identity", "--data", "lv-pet", "--cases", "2", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", command)
    for _ in range(2):
        ventricle_poses.main()
    rows = records.read(out)
    assert [row["case"] for row in rows] == ["p0000", "p0001"]
    assert all(-1.5 < row["true"][1] < -0.4 for row in rows)
    # The identity has no turn, in the set of angles that is nearest to the truth.
    for row in rows:
        turn = np.cos(row["found"][0]) * np.cos(row["found"][1])
        assert turn == pytest.approx(1.0)
    assert "| alpha |" in capsys.readouterr().out
