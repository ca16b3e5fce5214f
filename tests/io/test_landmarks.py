"""Landmark files: the convention is in the file, and is honoured."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from regkit import read_landmarks, write_landmarks
from regkit.errors import FileFormatError, GeometryError

POINTS = np.array([[12.5, -30.25, 101.0], [0.0, 4.0, -7.125]])
FLIP = np.array([-1.0, -1.0, 1.0])


@given(
    points=arrays(float, st.tuples(st.integers(1, 5), st.just(3)), elements=st.floats(-1e4, 1e4)),
    convention=st.sampled_from(["LPS", "RAS"]),
)
def test_points_come_back_exactly(points, convention, tmp_path_factory):
    path = tmp_path_factory.mktemp("points") / "points.csv"
    write_landmarks(points, path, convention)
    np.testing.assert_array_equal(read_landmarks(path), points)


def test_the_file_states_its_convention_and_holds_plain_numbers(tmp_path):
    write_landmarks(POINTS, tmp_path / "a.csv", labels=["apex", "base, left"])
    assert (tmp_path / "a.csv").read_text() == (
        "# regkit landmarks, LPS mm\nx,y,z,label\n12.5,-30.25,101.0,apex\n"
        '0.0,4.0,-7.125,"base, left"\n'
    )
    write_landmarks(POINTS, tmp_path / "b.csv", "RAS")
    lines = (tmp_path / "b.csv").read_text().splitlines()
    assert lines[0] == "# regkit landmarks, RAS mm"
    np.testing.assert_array_equal(np.loadtxt(lines[2:], delimiter=","), POINTS * FLIP)


@pytest.mark.parametrize(
    "text",
    [
        "# points, RAS mm\nx,y,z\n-1,-2,3\n-4,-5,6\n",
        "# LPS\n1,2,3\n\n4,5,6",
        "\ufeff# made by hand\n# LPS, mm\r\nlabel, z, y, x\r\na, 3, 2, 1\r\nb, 6, 5, 4\r\n",
        "# LPS\nX,Y,Z,label\n1,2,3\n4,5,6,seven\n",
        "# LPS mm\nname\tx\ty\tz\na, left\t1\t2\t3\nb\t4\t5\t6\n",
    ],
)
def test_what_people_write(text, tmp_path):
    (tmp_path / "points.csv").write_text(text, encoding="utf-8")
    np.testing.assert_array_equal(read_landmarks(tmp_path / "points.csv"), [[1, 2, 3], [4, 5, 6]])


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("x,y,z\n1,2,3\n", "add the first line '# regkit landmarks, LPS mm'"),
        ("# LPS or RAS\n1,2,3\n", "states neither LPS nor RAS"),
        ("# LPS\nx,y,z\n1,2,3\n1,2\n", "line 4 is not a point x,y,z: '1,2'"),
        ("# LPS\n1,two,3\n", "line 2 is not a point x,y,z: '1,two,3'"),
        ("# LPS\n\n1,2,nan\n", "line 3 is not a point"),
        ("# LPS\nx,y,z\n", "holds no points"),
        ("", "states neither LPS nor RAS"),
    ],
)
def test_bad_files_are_named_with_the_line(text, match, tmp_path):
    (tmp_path / "points.csv").write_text(text)
    with pytest.raises(FileFormatError, match=match) as caught:
        read_landmarks(tmp_path / "points.csv")
    assert str(caught.value).startswith(f"{tmp_path / 'points.csv'}: ")
    assert "\n" not in str(caught.value)


def test_missing_and_binary_files(tmp_path):
    with pytest.raises(FileFormatError, match=r"none\.csv: cannot be read \(No such file"):
        read_landmarks(tmp_path / "none.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(FileFormatError, match="it is not a text file"):
        read_landmarks(tmp_path / "binary.csv")


@pytest.mark.parametrize("system", ["LPS", "RAS", "0", "1"])
def test_slicer_fcsv(system, tmp_path):
    ras = system in ("RAS", "0")
    points = (POINTS * FLIP if ras else POINTS).tolist()
    rows = [f"node_{n},{x},{y},{z},0,0,0,1,1,1,0,F-{n},," for n, (x, y, z) in enumerate(points)]
    header = f"# Markups fiducial file version = 4.11\n# CoordinateSystem = {system}\n"
    columns = "# columns = id,x,y,z,ow,ox,oy,oz,vis,sel,lock,label,desc,associatedNodeID\n"
    (tmp_path / "F.fcsv").write_text(header + columns + "\n".join(rows) + "\n")
    np.testing.assert_array_equal(read_landmarks(tmp_path / "F.fcsv"), POINTS)


@pytest.mark.parametrize("system", ["LPS", "RAS"])
def test_slicer_json(system, tmp_path):
    points = POINTS if system == "LPS" else POINTS * FLIP
    control = [{"id": str(n), "position": point} for n, point in enumerate(points.tolist())]
    markup = {"type": "Fiducial", "coordinateSystem": system, "coordinateUnits": "mm"}
    content = {"markups": [markup | {"controlPoints": control}]}
    (tmp_path / "F.mrk.json").write_text(json.dumps(content))
    np.testing.assert_array_equal(read_landmarks(tmp_path / "F.mrk.json"), POINTS)


@pytest.mark.parametrize(
    ("name", "text", "match"),
    [
        ("a.fcsv", "# CoordinateSystem = IJK\nid,1,2,3\n", "coordinate system is 'IJK'"),
        ("a.fcsv", "id,1,2,3\n", "coordinate system is 'not stated'"),
        ("a.fcsv", "# CoordinateSystem = LPS\nid,1,2\n", "line 2 is not a point"),
        ("a.mrk.json", "{}", "is not a 3D Slicer markups file"),
        ("a.mrk.json", "[1", "is not a 3D Slicer markups file"),
        ("a.mrk.json", '{"markups": [{"controlPoints": []}]}', "'not stated'"),
        ("a.mrk.json", '{"markups": [{"coordinateSystem": "LPS", "controlPoints": [{}]}]}',
         "control point 1 has no position"),
        ("a.mrk.json", '{"markups": [{"coordinateUnits": "voxel", "controlPoints": []}]}',
         "its points are in voxel"),
    ],
)  # fmt: skip
def test_bad_slicer_files(name, text, match, tmp_path):
    (tmp_path / name).write_text(text)
    with pytest.raises(FileFormatError, match=match):
        read_landmarks(tmp_path / name)


def test_what_cannot_be_written(tmp_path):
    path = tmp_path / "points.csv"
    with pytest.raises(GeometryError, match=r"must be \(N, 3\) finite numbers, got shape \(3,\)"):
        write_landmarks([1, 2, 3], path)
    with pytest.raises(GeometryError, match="finite"):
        write_landmarks([[1, 2, np.nan]], path)
    with pytest.raises(GeometryError, match="2 landmarks need as many labels, got 1"):
        write_landmarks(POINTS, path, labels=["one"])
    with pytest.raises(FileFormatError, match="unknown landmark convention 'IJK'"):
        write_landmarks(POINTS, path, "IJK")
    assert list(tmp_path.iterdir()) == []


def test_markups_that_are_nested_without_end_are_refused(tmp_path):
    (tmp_path / "F.mrk.json").write_text('{"markups": ' + "[" * 100_000)
    with pytest.raises(FileFormatError, match="is not a 3D Slicer markups file"):
        read_landmarks(tmp_path / "F.mrk.json")
