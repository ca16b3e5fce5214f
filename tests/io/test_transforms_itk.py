"""ITK's and ANTs' files: SimpleITK, SciPy and hand-made files are the judges."""

import struct

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given
from scipy.io import loadmat

from regkit import AffineTransform, read_transform, rigid, write_transform
from regkit.errors import FileFormatError, TransformError
from strategies import POINTS, affines, chains, fields

HEADER = "#Insight Transform File V1.0\n#Transform 0\n"
AFFINE = "Transform: AffineTransform_double_3_3\n"
NUMBERS = "Parameters: 1 0 0 0 1 0 0 0 1 2 3 4\nFixedParameters: 0 0 0\n"


@pytest.mark.parametrize("name", ["t.tfm", "t.txt", "t.h5"])
@given(transform=affines() | fields() | chains(), points=POINTS)
def test_simpleitk_maps_points_through_our_files_alike(tmp_path_factory, name, transform, points):
    path = tmp_path_factory.getbasetemp() / name
    write_transform(transform, path)
    judge = sitk.ReadTransform(str(path))
    expected = [judge.TransformPoint(p.tolist()) for p in points]
    np.testing.assert_allclose(transform.map_points(points), expected, atol=1e-6)


@pytest.mark.parametrize("seed", range(20))
def test_text_of_a_linear_transform_is_that_of_simpleitk(seed, tmp_path):
    rng = np.random.default_rng(seed)
    matrix = np.eye(4)
    matrix[:3] += rng.normal(size=(3, 4)) * 10.0 ** rng.integers(-12, 24, size=(3, 4))
    matrix[:3] = matrix[:3] if seed % 3 else np.round(rng.normal(size=(3, 4)), 1)
    matrix[:3, :3] += 0.25 * np.eye(3)
    judge = sitk.AffineTransform(3)
    judge.SetMatrix(matrix[:3, :3].ravel().tolist())
    judge.SetTranslation(matrix[:3, 3].tolist())
    sitk.WriteTransform(judge, str(tmp_path / "judge.tfm"))
    write_transform(AffineTransform(matrix), tmp_path / "ours.tfm")
    assert (tmp_path / "ours.tfm").read_bytes() == (tmp_path / "judge.tfm").read_bytes()


@given(transform=affines(), points=POINTS)
def test_ants_files_are_what_simpleitk_reads(tmp_path_factory, transform, points):
    path = tmp_path_factory.getbasetemp() / "judged.mat"
    write_transform(transform, path, format="ants")
    judge = sitk.ReadTransform(str(path))
    expected = [judge.TransformPoint(p.tolist()) for p in points]
    np.testing.assert_allclose(transform.map_points(points), expected, atol=1e-6)


def test_ants_files_hold_matrix_and_translation_row_by_row(tmp_path):
    transform = rigid((10, 20, 30), (1, 2, 3))
    write_transform(transform, tmp_path / "t.mat", format="ants")
    held = loadmat(tmp_path / "t.mat")
    expected = [*transform.matrix[:3, :3].ravel(), *transform.matrix[:3, 3]]
    np.testing.assert_allclose(held["AffineTransform_double_3_3"].ravel(), expected)
    np.testing.assert_allclose(held["fixed"].ravel(), 0)


def matlab_4(name: str, values: list[float], single: bool) -> bytes:
    """Lay out a column of numbers as MATLAB 4 does: type, rows, columns, real, length of name."""
    numbers = np.array(values, "<f4" if single else "<f8")
    header = struct.pack("<5i", 10 if single else 0, len(values), 1, 0, len(name) + 1)
    return header + name.encode() + b"\0" + numbers.tobytes()


@pytest.mark.parametrize(
    ("kind", "single"),
    [
        ("AffineTransform_double_3_3", False),
        ("AffineTransform_float_3_3", True),
        ("MatrixOffsetTransformBase_double_3_3", False),
    ],
)
def test_a_hand_made_ants_file_turns_about_its_centre(tmp_path, kind, single):
    """A quarter turn about the axis through (10, 0, 0), then 1, 2, 3 mm."""
    parameters = [0, -1, 0, 1, 0, 0, 0, 0, 1, 1, 2, 3]
    content = matlab_4(kind, parameters, single) + matlab_4("fixed", [10, 0, 0], single)
    (tmp_path / "t.mat").write_bytes(content)
    found = read_transform(tmp_path / "t.mat")
    np.testing.assert_allclose(found.map_points((12, 0, 0)), (11, 4, 3), atol=1e-6)


def test_the_rire_truth_maps_its_eight_corners(shared_data):
    """The file of the RIRE project lists eight corners of the CT and where they lie in the MR."""
    folder = shared_data / "rire_partial"
    rows = [line.split() for line in (folder / "ct_T1.standard").read_text().splitlines()]
    corners = np.array([row[1:] for row in rows if len(row) == 7 and row[0].isdigit()], float)
    truth = read_transform(folder / "training_001_ct_to_mr_T1_ground_truth.tfm")
    assert truth.is_rigid
    assert corners.shape == (8, 6)
    np.testing.assert_allclose(truth.map_points(corners[:, :3]), corners[:, 3:], atol=1e-3)


def test_a_bspline_is_refused(tmp_path):
    sitk.WriteTransform(sitk.BSplineTransform(3), str(tmp_path / "b.tfm"))
    with pytest.raises(TransformError, match=r"b\.tfm: .*BSplineTransform are not supported"):
        read_transform(tmp_path / "b.tfm")


def test_a_2d_transform_is_refused(tmp_path):
    sitk.WriteTransform(sitk.Euler2DTransform(), str(tmp_path / "flat.tfm"))
    with pytest.raises(
        TransformError, match=r"flat\.tfm: the transform must be 3-D, got a 2-D one"
    ):
        read_transform(tmp_path / "flat.tfm")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("#Insight Transform File V1.0\n", "holds no transform: is it truncated"),
        (HEADER + AFFINE, "truncated: a transform lacks its parameters"),
        (HEADER + AFFINE + "Parameters: 1 0 0 0 1 0 0 0 1 2 3", "truncated: a transform lacks"),
        (
            HEADER + AFFINE + "Parameters: 1 0 0 0 1\nFixedParameters: 0 0 0\n",
            "needs 12 parameters, the file gives 5",
        ),
        (HEADER + AFFINE + "Parameters: 1 nan\nFixedParameters: 0\n", "NaN or infinite"),
        (HEADER + AFFINE + "Parameters: 1 two\nFixedParameters: 0\n", "not a number.*'two'"),
        (
            HEADER + "Transform: SwirlTransform_double_3_3\nParameters: 1\nFixedParameters:\n",
            "of a type that ITK does not know",
        ),
        ((HEADER + AFFINE + NUMBERS) * 2, "2 separate transforms; join them"),
    ],
)
def test_damaged_itk_text_is_refused(tmp_path, content, words):
    """SimpleITK itself takes a file without parameters for the identity."""
    (tmp_path / "t.tfm").write_text(content)
    with pytest.raises(FileFormatError, match=words) as caught:
        read_transform(tmp_path / "t.tfm")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_truncated_hdf5_is_refused_silently(tmp_path, capfd, share):
    path = tmp_path / "t.h5"
    write_transform(AffineTransform.shift((1, 2, 3)), path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(FileFormatError, match=r"is truncated|is not an HDF5 file"):
        read_transform(path)
    assert capfd.readouterr().err == ""


def test_truncated_ants_is_refused(tmp_path):
    path = tmp_path / "t.mat"
    write_transform(AffineTransform.shift((1, 2, 3)), path, format="ants")
    path.write_bytes(path.read_bytes()[:90])
    with pytest.raises(FileFormatError, match="it is truncated: it has 90 of 143 bytes"):
        read_transform(path)


@pytest.mark.parametrize(("form", "good"), [("itk", ".tfm"), ("ants", ".mat")])
def test_itk_needs_its_own_suffixes(tmp_path, form, good):
    with pytest.raises(FileFormatError, match=rf"decides by the suffix.*\{good}"):
        write_transform(AffineTransform.shift((1, 2, 3)), tmp_path / "t.abc", format=form)
