"""Two landmark files meet: points are paired by label, and undefined ones do not count."""

import json

import numpy as np
import pytest

from regkit import Grid, Volume, read_landmarks, write_landmarks, write_volume
from regkit.datasets.case import Case
from regkit.datasets.folder import read_dataset
from regkit.errors import FileFormatError, RegkitError
from regkit.geometry.transform import IDENTITY
from regkit.io.landmark_pairs import read_landmark_pairs
from regkit.metrics.evaluation import Evaluation, NotKnownError
from regkit.metrics.pose import tre_mm

POINTS = np.array([[10.0, -12, 8], [30, -30, 20], [44, -20, 14], [1, 2, 3]])
LABELS = ["apex", "base", "left", "right"]
ORDER = [2, 3, 0, 1]


def _csv(path, points, labels=None):
    write_landmarks(points, path, labels=labels)
    return path


def _fcsv(path, points, labels, statuses=None):
    """Write what 3D Slicer writes; newer versions add the status and a flag to each line."""
    columns = "# columns = id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID\n"
    start = "# Markups fiducial file version = 4.11\n# CoordinateSystem = LPS\n" + columns
    rows = [
        f"{n},{x},{y},{z},0,0,0,1,1,1,0,{label},," + (f",{statuses[n]},0" if statuses else "")
        for n, ((x, y, z), label) in enumerate(zip(points.tolist(), labels, strict=True))
    ]
    path.write_text(start + "\n".join(rows) + "\n")
    return path


def _json(path, points, labels, statuses=None, unit="mm"):
    states = statuses or ["defined"] * len(points)
    control = [
        {"label": label, "position": point, "positionStatus": status}
        for label, point, status in zip(labels, points.tolist(), states, strict=True)
    ]
    markup = {"coordinateSystem": "LPS", "coordinateUnits": unit, "controlPoints": control}
    path.write_text(json.dumps({"markups": [markup]}))
    return path


WRITERS = {"csv": _csv, "fcsv": _fcsv, "mrk.json": _json}


@pytest.mark.parametrize("fixed", WRITERS)
@pytest.mark.parametrize("moving", WRITERS)
def test_labels_pair_points_whatever_their_order(fixed, moving, tmp_path, caplog):
    first = WRITERS[fixed](tmp_path / f"f.{fixed}", POINTS, LABELS)
    labels = [LABELS[n] for n in ORDER]
    second = WRITERS[moving](tmp_path / f"m.{moving}", POINTS[ORDER] + 5, labels)
    a, b = read_landmark_pairs(first, second)
    np.testing.assert_allclose(a, POINTS)
    np.testing.assert_allclose(b, POINTS + 5)
    assert caplog.text == ""


def test_points_without_labels_keep_their_order(tmp_path, caplog):
    first = _csv(tmp_path / "f.csv", POINTS, LABELS)
    _, b = read_landmark_pairs(first, _csv(tmp_path / "m.csv", POINTS[ORDER]))
    np.testing.assert_allclose(b, POINTS[ORDER])
    with pytest.raises(FileFormatError, match="4 and 3 landmarks cannot be paired by their order"):
        read_landmark_pairs(first, _csv(tmp_path / "n.csv", POINTS[:3]))


def test_labels_of_one_file_only_are_left_out_and_named(tmp_path, caplog):
    first = _csv(tmp_path / "f.csv", POINTS, LABELS)
    second = _csv(tmp_path / "m.csv", POINTS[[3, 1, 0]], ["right", "base", "top"])
    a, b = read_landmark_pairs(first, second)
    np.testing.assert_allclose(a, POINTS[[1, 3]])
    np.testing.assert_allclose(b, a)
    assert "landmarks of one file only are left out: apex, left, top" in caplog.text


@pytest.mark.parametrize(
    ("labels", "says"),
    [(["a", "b", "c", "d"], "no label agrees"), (["F", "F", "c", "d"], "'F' is not unique")],
)
def test_labels_that_cannot_pair_are_told(labels, says, tmp_path, caplog):
    first = _csv(tmp_path / "f.csv", POINTS, LABELS)
    _, b = read_landmark_pairs(first, _csv(tmp_path / "m.csv", POINTS[ORDER], labels))
    np.testing.assert_allclose(b, POINTS[ORDER])
    assert f"{says}, so landmarks are paired by their order" in caplog.text


@pytest.mark.parametrize("status", ["0", "1", "3", "undefined", "missing"])
def test_undefined_points_of_fcsv_do_not_count(status, tmp_path, caplog):
    statuses = ["2", status, "2", "2"]
    first = _fcsv(tmp_path / "f.fcsv", POINTS, LABELS, statuses)
    assert len(read_landmarks(first)) == 3
    a, b = read_landmark_pairs(first, _fcsv(tmp_path / "m.fcsv", POINTS[ORDER], ["", "", "", ""]))
    np.testing.assert_allclose(b, POINTS[ORDER][[0, 2, 3]])
    np.testing.assert_allclose(a, POINTS[[0, 2, 3]])
    assert "1 of 4 pairs of landmarks are left out, undefined in one file" in caplog.text


@pytest.mark.parametrize("status", ["undefined", "missing", "preview"])
def test_undefined_points_of_json_do_not_count(status, tmp_path):
    statuses = ["defined", "defined", status, "defined"]
    first = _json(tmp_path / "f.mrk.json", POINTS, LABELS, statuses)
    np.testing.assert_allclose(read_landmarks(first), POINTS[[0, 1, 3]])
    a, _ = read_landmark_pairs(first, _csv(tmp_path / "m.csv", POINTS, LABELS))
    np.testing.assert_allclose(a, POINTS[[0, 1, 3]])


def test_a_point_of_json_without_a_position_is_undefined_if_it_says_so(tmp_path):
    path = _json(tmp_path / "f.mrk.json", POINTS, LABELS)
    content = json.loads(path.read_text())
    points = content["markups"][0]["controlPoints"]
    points[0] = {"label": "apex", "positionStatus": "undefined"}
    points[1]["position"] = [float("nan")] * 3
    path.write_text(json.dumps(content))
    np.testing.assert_allclose(read_landmarks(path), POINTS[2:])


@pytest.mark.parametrize("hole", ["nan,nan,nan", "NaN, NaN, NaN", ",,"])
def test_empty_points_of_csv_do_not_count(hole, tmp_path):
    (tmp_path / "f.csv").write_text(f"# LPS\nx,y,z,label\n1,2,3,a\n{hole},b\n4,5,6,c\n")
    np.testing.assert_array_equal(read_landmarks(tmp_path / "f.csv"), [[1, 2, 3], [4, 5, 6]])
    (tmp_path / "n.csv").write_text(f"# LPS\nx,y,z,label\n{hole},b\n")
    with pytest.raises(FileFormatError, match="all its points are marked as undefined or missing"):
        read_landmarks(tmp_path / "n.csv")


def test_nothing_in_common(tmp_path):
    first = _fcsv(tmp_path / "f.fcsv", POINTS[:2], LABELS[:2], ["2", "0"])
    second = _fcsv(tmp_path / "m.fcsv", POINTS[:2], LABELS[:2], ["0", "2"])
    with pytest.raises(FileFormatError, match="no landmark has a position in both files"):
        read_landmark_pairs(first, second)


@pytest.mark.parametrize(("unit", "mm"), [("um", 1e-3), ("cm", 10), (["mm", "mm", "mm"], 1)])
def test_units_of_json(unit, mm, tmp_path):
    points = read_landmarks(_json(tmp_path / "f.mrk.json", POINTS, LABELS, unit=unit))
    np.testing.assert_allclose(points, POINTS * mm)


def _case(tmp_path, fixed, moving) -> Case:
    write_volume(
        Volume(np.random.default_rng(0).random((4, 4, 4)), Grid((4, 4, 4))), tmp_path / "a.nii"
    )
    entry = {"id": "a", "fixed": "a.nii", "moving": "a.nii"}
    entry |= {"fixed_landmarks": fixed.name, "moving_landmarks": moving.name}
    (tmp_path / "dataset.json").write_text(json.dumps({"cases": [entry]}))
    return next(iter(read_dataset(tmp_path)))


class _Result:
    transform = IDENTITY


def test_tre_of_the_identity_is_zero_in_any_order(tmp_path):
    first = _fcsv(tmp_path / "f.fcsv", POINTS, LABELS, ["2", "2", "0", "2"])
    second = _json(tmp_path / "m.mrk.json", POINTS[ORDER], [LABELS[n] for n in ORDER])
    case = _case(tmp_path, first, second)
    assert case.fixed_landmarks.shape == (3, 3)
    assert tre_mm(Evaluation(case, _Result())) == 0


def test_tre_leaves_out_points_that_are_nan(tmp_path):
    case = _case(tmp_path, *[_csv(tmp_path / f"{n}.csv", POINTS, LABELS) for n in "fm"])
    moving = POINTS + np.array([3, 0, 4])
    moving[1] = np.nan
    holed = Case("a", case.pair, fixed_landmarks=POINTS, moving_landmarks=moving)
    assert tre_mm(Evaluation(holed, _Result())) == pytest.approx(5)
    empty = Case("a", case.pair, fixed_landmarks=POINTS, moving_landmarks=moving * np.nan)
    with pytest.raises(NotKnownError, match="no landmark with a position in both"):
        tre_mm(Evaluation(empty, _Result()))
    uneven = Case("a", case.pair, fixed_landmarks=POINTS, moving_landmarks=POINTS[:2])
    with pytest.raises(RegkitError, match="4 fixed and 2 moving landmarks"):
        tre_mm(Evaluation(uneven, _Result()))
