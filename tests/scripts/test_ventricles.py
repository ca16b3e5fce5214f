"""What the script that measures reoriented ventricles writes."""

import sys

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.transform import Rotation

import records
import ventricles


def test_r_squared_is_scipys() -> None:
    rng = np.random.default_rng(0)
    true = rng.normal(size=(30, 6))
    found = true + rng.normal(size=(30, 6)) * 0.5
    expected = [stats.pearsonr(a, b).statistic ** 2 for a, b in zip(found.T, true.T, strict=True)]
    np.testing.assert_allclose(ventricles.r_squared(found, true), expected)


@pytest.mark.slow
def test_a_method_is_measured_once(tmp_path, monkeypatch, capsys) -> None:
    out = tmp_path / "poses.jsonl"
    command = ["x", "identity", "--data", "lv-pet", "--cases", "2", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", command)
    for _ in range(2):
        ventricles.main()
    rows = records.read(out)
    assert [row["case"] for row in rows] == ["p0000", "p0001"]
    assert all(-1.5 < row["true"][1] < -0.4 for row in rows)
    # The identity has no turn, in the set of angles that is nearest to the truth.
    for row in rows:
        turn = np.cos(row["found"][0]) * np.cos(row["found"][1])
        assert turn == pytest.approx(1.0)
    table = out.with_suffix(".md").read_text()
    assert table in capsys.readouterr().out
    assert "| `identity` | lv-pet | 2 | - | - |" in table


@pytest.mark.slow
def test_the_truth_is_the_best_that_labels_of_voxels_can_be(tmp_path, monkeypatch) -> None:
    out = tmp_path / "truth.jsonl"
    command = ["x", "truth", "--data", "lv-pet", "--cases", "1", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", command)
    ventricles.main()
    (row,) = records.read(out)
    assert row["found"] == pytest.approx(row["true"])
    assert row["scores"]["rot_mse"] == pytest.approx(0, abs=1e-12)
    assert row["scores"]["lv_my_image_dice"] == row["scores"]["lv_bp_image_dice"] == 1
    assert 0.9 < row["scores"]["lv_my_seg_dice"] < row["scores"]["lv_bp_seg_dice"] < 0.99
    assert row["myocardium_ml"][0] == row["myocardium_ml"][1]


def test_the_table_tells_how_volumes_differ() -> None:
    true = np.array([100.0, 150.0, 120.0])
    found = true * (1.02, 0.99, 1.05)
    scores = dict.fromkeys(ventricles.SCORES, 0.5)
    six = np.random.default_rng(0).normal(size=(3, 6))
    records_ = [
        {"row": "x", "data": "lv-pet", "found": six[i].tolist(), "true": (2 * six[i]).tolist(),
         "scores": scores, "myocardium_ml": (found[i], true[i]), "seconds": 1.0 + i}
        for i in range(3)
    ]  # fmt: skip
    (row,) = ventricles.rows([*records_, {"row": "x", "data": "lv-pet", "error": "no"}])
    cells = dict(zip(ventricles.COLUMNS, row, strict=True))
    r2 = stats.pearsonr(found, true).statistic ** 2
    assert cells["R² MY ml"] == f"{r2:.4f}"
    assert cells["MY ml, % off"] == "+2.00 ± 3.00"
    assert cells["R² BP ml"] == cells["BP ml, % off"] == "-"
    assert cells["rotation MSE 10⁻² rad²"] == "50.00 ± 0.00"
    assert (cells["R² alpha"], cells["median s"], cells["failed"]) == ("1.000", "2.0", 1)


def test_a_pose_is_off_by_the_turn_of_its_axis_and_the_shift_of_its_centre() -> None:
    turn = Rotation.from_euler("YXZ", [-0.8, -1.1, 1.2])
    leaning = Rotation.from_rotvec(np.deg2rad(10) * turn.as_matrix()[:, 0]) * turn
    found = [*leaning.as_euler("YXZ"), 0.1, 0.2, 0.3]
    tilt, shift = ventricles.pose_error([-0.8, -1.1, 1.2, 0.1, 0.2, 0.3 + 3 / 217.6], found)
    assert (tilt, shift) == (pytest.approx(10), pytest.approx(3, rel=0.02))
    about_axis = turn * Rotation.from_euler("z", 0.5)
    tilt, _ = ventricles.pose_error(
        [-0.8, -1.1, 1.2, 0, 0, 0], [*about_axis.as_euler("YXZ"), 0, 0, 0]
    )
    assert tilt == pytest.approx(0, abs=1e-5)


def test_a_wrong_pose_that_is_called_right_is_counted() -> None:
    true = [-0.8, -1.1, 1.2, 0.0, 0.0, 0.0]
    record = {"row": "x", "data": "lv-pet", "true": true, "scores": {}, "seconds": 1.0}
    leaning = [-0.8, -1.1 + np.deg2rad(9), 1.2, 0.0, 0.0, 0.0]
    found = [(true, "OK"), (leaning, "OK"), (leaning, "CHECK")]
    some = [{**record, "found": pose, "verdict": status} for pose, status in found]
    (row,) = ventricles.rows(some)
    cells = dict(zip(ventricles.COLUMNS, row, strict=True))
    counts = [cells[name] for name in ("OK", "CHECK", "FAIL", "wrong and OK")]
    assert counts == ["2", "1", "0", "1"]
    assert cells["greatest"] == "9.0"
    (row,) = ventricles.rows([{**r, "method": "truth"} for r in some])
    assert dict(zip(ventricles.COLUMNS, row, strict=True))["wrong and OK"] == "-"


def test_failures_alone_are_a_row_too() -> None:
    (row,) = ventricles.rows([{"row": "x", "data": "lv-pet", "error": "no"}] * 5)
    cells = dict(zip(ventricles.COLUMNS, row, strict=True))
    assert (cells["cases"], cells["failed"], cells["MY Dice"], cells["R² beta"]) == (
        5,
        5,
        "-",
        "-",
    )


def test_other_parameters_are_another_row(monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "argv", ["x", "ms-st-unet", "--set", "passes=2"])
    with pytest.raises(SystemExit):
        ventricles.main()
    assert "give it a name by --row" in capsys.readouterr().err
