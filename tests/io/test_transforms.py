"""Transforms survive every format, and a file is known by its content."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regkit import IDENTITY, DisplacementField, Grid, read_transform, rigid, write_transform
from regkit.errors import FileFormatError, OutputError, TransformError
from regkit.io.transforms import FORMATS
from strategies import POINTS, affines, chains, fields, grids

TRUTH = rigid((10, 20, 30), (1, 2, 3), (4, 5, 6))
FIXED = Grid((10, 12, 14), (1.0, 2.0, 3.0), (4.0, -5.0, 6.0))
MOVING = Grid((20, 12, 24), (2.0, 2.0, 3.0), direction=(-1, 0, 0, 0, 0, 1, 0, 1, 0))
IMAGES = {"fixed": FIXED, "moving": MOVING}
FILES = {
    "t.tfm": "itk",
    "t.txt": "itk",
    "t.h5": "itk",
    "ants.mat": "ants",
    "t.lta": "lta",
    "fsl.mat": "fsl",
    "greedy.txt": "ras",
    "t.json": "json",
}


@pytest.mark.parametrize(("name", "form"), FILES.items())
@given(transform=affines(), images=st.fixed_dictionaries({"fixed": grids(), "moving": grids()}))
def test_affine_transforms_survive_every_format(tmp_path_factory, name, form, transform, images):
    path = tmp_path_factory.getbasetemp() / name
    write_transform(transform, path, format=form, **images)
    back = read_transform(path, **images)
    np.testing.assert_allclose(back.matrix, transform.matrix, rtol=1e-9, atol=1e-8)


@pytest.mark.parametrize("suffix", [".tfm", ".h5"])
@given(transform=fields() | chains(), points=POINTS)
def test_other_transforms_survive_itk(tmp_path_factory, suffix, transform, points):
    path = tmp_path_factory.getbasetemp() / f"other{suffix}"
    write_transform(transform, path)
    back = read_transform(path)
    assert type(back) is type(transform)
    np.testing.assert_allclose(
        back.map_points(points), transform.map_points(points), rtol=1e-9, atol=1e-8
    )


@pytest.mark.parametrize("form", [f.name for f in FORMATS if f.linear_only and f.write])
def test_a_displacement_field_needs_itk(tmp_path, form):
    field = DisplacementField(np.zeros((2, 2, 2, 3)), Grid((2, 2, 2)))
    with pytest.raises(TransformError, match=r"not linear; write it as ITK \.h5 or \.tfm"):
        write_transform(field, tmp_path / "field.mat", format=form, **IMAGES)
    assert list(tmp_path.iterdir()) == []


def test_the_suffix_chooses_the_format_to_write(tmp_path):
    write_transform(TRUTH, tmp_path / "t.txt")
    assert (tmp_path / "t.txt").read_text().startswith("#Insight Transform File")
    write_transform(TRUTH, tmp_path / "T.LTA")
    assert "LINEAR_RAS_TO_RAS" in (tmp_path / "T.LTA").read_text()


def test_a_suffix_of_two_formats_asks(tmp_path):
    with pytest.raises(FileFormatError, match="is a suffix of 'ants' and 'fsl'"):
        write_transform(TRUTH, tmp_path / "t.mat")


def test_an_unknown_suffix_lists_the_known(tmp_path):
    with pytest.raises(
        FileFormatError, match=r"unknown suffix '\.xyz'.* use one of \.dcm, \.h5, "
    ):
        write_transform(TRUTH, tmp_path / "t.xyz")


def test_an_unknown_format_lists_the_known(tmp_path):
    words = "unknown transform format 'spm'; use one of itk, "
    with pytest.raises(TransformError, match=words):
        write_transform(TRUTH, tmp_path / "t.tfm", format="spm")
    write_transform(TRUTH, tmp_path / "t.tfm")
    with pytest.raises(TransformError, match=words):
        read_transform(tmp_path / "t.tfm", format="spm")


@pytest.mark.parametrize(
    ("name", "form"), [("t.mat", "lta"), ("t.dat", "ras"), ("t.dat", "json"), ("lta.txt", "lta")]
)
def test_content_counts_more_than_the_name(tmp_path, name, form):
    write_transform(TRUTH, tmp_path / name, format=form)
    np.testing.assert_allclose(read_transform(tmp_path / name).matrix, TRUTH.matrix, atol=1e-9)


def test_a_text_mat_is_fsls_unless_told(tmp_path):
    path = tmp_path / "affine.mat"
    write_transform(TRUTH, path, format="ras")
    np.testing.assert_allclose(read_transform(path, format="ras").matrix, TRUTH.matrix, atol=1e-9)
    assert not np.allclose(read_transform(path, **IMAGES).matrix, TRUTH.matrix)


def test_a_ras_matrix_is_the_lps_matrix_with_x_and_y_turned_round(tmp_path):
    """By hand: 5 mm to the left is +5 in LPS and -5 in RAS; superior is + in both."""
    path = tmp_path / "t.txt"
    path.write_text("# greedy\n1 0 0 -5\n\n0 1 0 0\n0 0 1 7\n0 0 0 1\n")
    assert read_transform(path).map_points((0, 0, 0)).tolist() == [5, 0, 7]


@given(points=POINTS)
def test_json_says_what_it_maps(tmp_path_factory, points):
    path = tmp_path_factory.getbasetemp() / "says.json"
    write_transform(TRUTH, path)
    record = json.loads(path.read_text())
    assert (record["frame"], record["maps"], record["unit"]) == ("LPS", "fixed to moving", "mm")
    homogeneous = np.c_[points, np.ones(len(points))]
    expected = (homogeneous @ np.transpose(record["matrix"]))[:, :3]
    np.testing.assert_allclose(TRUTH.map_points(points), expected, atol=1e-9)


def test_the_record_of_a_registration_is_read(tmp_path):
    path = tmp_path / "registration.json"
    path.write_text(json.dumps({"method": "mi", "transform": {"matrix": TRUTH.matrix.tolist()}}))
    assert read_transform(path) == TRUTH


def test_nothing_is_left_when_writing_fails(tmp_path):
    path = tmp_path / "t.mat"
    path.write_text("precious")
    with pytest.raises(TransformError, match="undefined without its images"):
        write_transform(TRUTH, path, format="fsl")
    assert [p.name for p in tmp_path.iterdir()] == ["t.mat"]
    assert path.read_text() == "precious"


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"folder .*file"):
        write_transform(IDENTITY, tmp_path / "file" / "t.tfm")
