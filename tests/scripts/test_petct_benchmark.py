"""The PET/CT benchmark: its data, its records and its tables."""

import json

import numpy as np
import pytest

import petct
import petct_pairs
from regkit import Grid, LabelMap, Pair, Volume
from regkit.datasets.case import Case
from regkit.datasets.folder import read_dataset
from regkit.geometry.transform import AffineTransform
from regkit.registration.pipeline import build_method


def record(case, method, dice, **more):
    scores = {"dice": dice, "hd95_mm": 10 * (1 - dice), "tre_mm": 1.0}
    known = {"dataset": "simulated", "case": f"p{case}", "group": f"p{case}", "method": method}
    return known | {"status": "ok", "scores": scores, "organs": {"liver": dice}} | more


def test_the_table_compares_with_ants_patient_by_patient():
    found = []
    for case in range(6):
        found.append(record(case, "ants-affine", 0.90 + 0.01 * case, cpu_s=200.0))
        found.append(record(case, "ours", 0.91 + 0.01 * case, cpu_s=2.0))
    found.append({**record(6, "ours", 0.0), "status": "failed", "scores": {}, "organs": {}})
    ants, ours = list(petct.rows(found))
    assert ants[:6] == ["simulated", "`ants-affine`", 6, 6, "0.867", "0.9250"]
    # Six patients that all agree: two of the 64 patterns of signs are as far from nought.
    assert ours[-2:] == ["+0.0100", "0.0312"]
    assert (ours[2], ours[4], ours[9], ours[10]) == (7, "-", "2.0", 1)
    assert "| liver | 0.925 | 0.935 |" in petct.every_organ(found)


def test_a_method_is_scored_by_every_organ():
    grid = Grid((10, 12, 14), (2.0, 2.0, 2.0), (0.0, 0.0, 0.0))
    labels = np.zeros(grid.shape_zyx, np.uint8)
    labels[2:8, 2:6, 2:6], labels[2:8, 7:11, 2:8] = 1, 2
    image = Volume(labels.astype(float) + np.arange(14), grid, "ct")
    shifted = AffineTransform.about(np.eye(3), (2.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    organs = LabelMap(labels, grid)
    case = Case("p0", Pair(image, image), shifted, "p0", organs, organs)
    told = petct.attempt(build_method("identity"), case, {1: "liver"})
    assert told["organs"] == {"liver": 1.0, "2": 1.0}
    assert told["scores"] == pytest.approx({"dice": 1.0, "hd95_mm": 0.0, "tre_mm": 2.0})
    assert told["status"] == "ok"
    json.dumps(told)


def test_what_cannot_be_built_is_told_and_left_out(capsys):
    assert list(petct.built(["identity", "no-such-method"])) == ["identity"]
    assert "left out: " in capsys.readouterr().out


def test_real_pairs_become_dataset_folders(shared_data, tmp_path):
    thighs = read_dataset(petct_pairs.aligned("sts", shared_data, tmp_path / "sts"))
    assert len(thighs) == 8
    case = thighs.case(0)
    assert (case.pair.fixed.modality, case.pair.moving.modality) == ("ct", "pet")
    assert case.fixed_labels.labels == case.moving_labels.labels == (1,)
    abdomen = read_dataset(petct_pairs.aligned("abdomen", shared_data, tmp_path / "abdomen"))
    case = abdomen.case(0)
    names = {name: label for label, name in petct_pairs.label_names(shared_data).items()}
    suv = {
        organ: case.pair.moving.array[case.moving_labels.array == names[organ]].mean()
        for organ in ("liver", "spleen", "urinary_bladder")
    }
    assert suv["liver"] == pytest.approx(2.2, rel=0.1)
    assert suv["urinary_bladder"] > 8 > suv["liver"] > suv["spleen"]
