"""ITK's types of transforms: SimpleITK is the judge, of good files and of what it wrote."""

import numpy as np
import pytest
import SimpleITK as sitk

from regkit import read_transform, write_transform
from regkit.errors import FileFormatError, TransformError
from regkit.geometry.grid import Grid
from regkit.geometry.transform import AffineTransform, DisplacementField

RNG = np.random.default_rng(0)
POINTS = RNG.normal(size=(6, 3)) * 50
CENTER = (4.0, -5.0, 6.0)


def _euler(by_zyx):
    turn = sitk.Euler3DTransform(CENTER, 0.3, -0.2, 0.5, (1, 2, 3))
    turn.SetComputeZYX(by_zyx)
    return turn


def _made(kind, parameters):
    made = getattr(sitk, kind)()
    if hasattr(made, "SetCenter"):
        made.SetCenter(CENTER)
    made.SetParameters(parameters)
    return made


def _affine():
    made = sitk.AffineTransform(3)
    made.SetCenter(CENTER)
    made.SetMatrix((np.eye(3) + RNG.normal(size=(3, 3)) * 0.1).ravel().tolist())
    made.SetTranslation((1, 2, 3))
    return made


TURN = [0.1, -0.2, 0.3]
JUDGES = {
    "affine": _affine(),
    "euler": _euler(False),
    "euler by z, y, x": _euler(True),
    "translation": sitk.TranslationTransform(3, (1, 2, 3)),
    "scale": sitk.ScaleTransform(3, (0.9, 1.1, 1.2)),
    "versor": _made("VersorTransform", TURN),
    "versor rigid": _made("VersorRigid3DTransform", [*TURN, 1, 2, 3]),
    "half turn": _made("VersorRigid3DTransform", [0, 0, 1, 1, 2, 3]),
    "similarity": _made("Similarity3DTransform", [*TURN, 1, 2, 3, 1.2]),
    "scale versor": _made("ScaleVersor3DTransform", [*TURN, 1, 2, 3, 0.9, 1.1, 1.2]),
    "scale skew versor": _made(
        "ScaleSkewVersor3DTransform", [*TURN, 1, 2, 3, 0.9, 1.1, 1.2, *[0.01, 0.02, -0.03] * 2]
    ),
}


def _expected(judge):
    return np.array([judge.TransformPoint(point.tolist()) for point in POINTS])


@pytest.mark.parametrize("suffix", ["tfm", "h5", "mat"])
@pytest.mark.parametrize("name", JUDGES)
def test_linear_types_mean_what_simpleitk_says(name, suffix, tmp_path):
    path = tmp_path / f"t.{suffix}"
    sitk.WriteTransform(JUDGES[name], str(path))
    found = read_transform(path)
    np.testing.assert_allclose(found.map_points(POINTS), _expected(JUDGES[name]), atol=1e-9)


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [("QuaternionRigidTransform", [0.1, 0.2, 0.3, np.sqrt(1 - 0.14), 1, 2, 3]),
     ("ScaleLogarithmicTransform", [0.1, -0.2, 0.3]),
     ("MatrixOffsetTransformBase", [1.1, 0, 0.1, 0, 1, 0, 0, 0.2, 0.9, 1, 2, 3])],
)  # fmt: skip
@pytest.mark.parametrize("number", ["double", "float"])
def test_types_that_simpleitk_only_reads(kind, number, parameters, tmp_path):
    text = " ".join(map(str, parameters))
    (tmp_path / "t.tfm").write_text(
        f"#Insight Transform File V1.0\n#Transform 0\nTransform: {kind}_{number}_3_3\n"
        f"Parameters: {text}\nFixedParameters: 4 -5 6\n"
    )
    judge = sitk.ReadTransform(str(tmp_path / "t.tfm"))
    found = read_transform(tmp_path / "t.tfm").map_points(POINTS)
    tolerance = 1e-9 if number == "double" else 1e-4
    np.testing.assert_allclose(found, _expected(judge), atol=tolerance)


def test_a_sheared_versor_of_simpleitk(tmp_path):
    """SimpleITK writes this type and crashes when it reads it; the object itself is the judge."""
    judge = _made(
        "ComposeScaleSkewVersor3DTransform", [*TURN, 1, 2, 3, 0.9, 1.1, 1.2, 0.01, 0.02, -0.03]
    )
    sitk.WriteTransform(judge, str(tmp_path / "t.tfm"))
    found = read_transform(tmp_path / "t.tfm").map_points(POINTS)
    np.testing.assert_allclose(found, _expected(judge), atol=1e-9)


@pytest.mark.parametrize("suffix", ["tfm", "h5"])
def test_a_composite_of_many_steps(suffix, tmp_path):
    """More than eight, which HDF5 stores in another way."""
    judge = sitk.CompositeTransform([*JUDGES.values()])
    sitk.WriteTransform(judge, str(tmp_path / f"t.{suffix}"))
    found = read_transform(tmp_path / f"t.{suffix}").map_points(POINTS)
    np.testing.assert_allclose(found, _expected(judge), atol=1e-8)


@pytest.mark.parametrize("suffix", ["tfm", "h5"])
def test_a_composite_without_steps_is_not_the_identity(suffix, tmp_path):
    path = tmp_path / f"t.{suffix}"
    sitk.WriteTransform(sitk.CompositeTransform(3), str(path))
    with pytest.raises(FileFormatError, match="its composite transform holds no transform"):
        read_transform(path)


def test_a_composite_cut_between_its_steps_is_refused(tmp_path):
    sitk.WriteTransform(
        sitk.CompositeTransform([JUDGES["affine"], JUDGES["euler"]]), str(tmp_path / "t.tfm")
    )
    text = (tmp_path / "t.tfm").read_text()
    for place in (text.index("#Transform 1"), text.index("Parameters"), text.rindex("Fixed")):
        (tmp_path / "cut.tfm").write_text(text[:place])
        with pytest.raises(FileFormatError, match="truncated"):
            read_transform(tmp_path / "cut.tfm")


@pytest.mark.parametrize("fixed", ["1000000 1000000 1000000", "-1 -1 -1", "1.5 2 2", "1e30 1 1"])
@pytest.mark.parametrize("kind", ["BSplineTransform", "DisplacementFieldTransform"])
def test_claims_of_a_size_are_refused_before_memory_is_taken(kind, fixed, tmp_path):
    (tmp_path / "t.tfm").write_text(
        f"#Insight Transform File V1.0\n#Transform 0\nTransform: {kind}_double_3_3\n"
        f"Parameters: 0.1 0.1 0.1\nFixedParameters: {fixed} 0 0 0 1 1 1 1 0 0 0 1 0 0 0 1\n"
    )
    with pytest.raises((FileFormatError, TransformError), match=r"not supported|impossible|needs"):
        read_transform(tmp_path / "t.tfm")


@pytest.mark.parametrize("suffix", ["nii", "nii.gz", "nrrd", "nhdr", "mha", "mhd"])
def test_fields_as_images_are_those_of_simpleitk(suffix, tmp_path):
    direction = sitk.Euler3DTransform((0, 0, 0), 0.3, -0.2, 0.5).GetMatrix()
    grid = Grid((4, 5, 6), (2, 3, 4), (-5, -6, -7), direction)
    field = DisplacementField(RNG.normal(size=(4, 5, 6, 3)), grid)
    write_transform(field, tmp_path / f"ours.{suffix}", format="warp")
    image = sitk.ReadImage(str(tmp_path / f"ours.{suffix}"), sitk.sitkVectorFloat64)
    np.testing.assert_allclose(sitk.GetArrayFromImage(image), field.displacement)
    np.testing.assert_allclose(image.GetOrigin(), grid.origin, atol=1e-5)
    np.testing.assert_allclose(image.GetDirection(), grid.direction, atol=1e-6)
    for compressed in (False, True):
        sitk.WriteImage(image, str(tmp_path / f"theirs.{suffix}"), compressed)
        found = read_transform(tmp_path / f"theirs.{suffix}", format="warp")
        np.testing.assert_allclose(found.displacement, field.displacement)
        assert found.grid.matches(grid)


def test_linear_transforms_of_ants_are_byte_for_byte_those_of_simpleitk(tmp_path):
    sitk.WriteTransform(JUDGES["affine"], str(tmp_path / "judge.mat"))
    read = read_transform(tmp_path / "judge.mat")
    write_transform(read, tmp_path / "ours.mat", format="ants")
    centered = sitk.AffineTransform(3)
    centered.SetMatrix(read.matrix[:3, :3].ravel().tolist())
    centered.SetTranslation(read.matrix[:3, 3].tolist())
    sitk.WriteTransform(centered, str(tmp_path / "zero.mat"))
    assert (tmp_path / "ours.mat").read_bytes() == (tmp_path / "zero.mat").read_bytes()
    assert isinstance(read, AffineTransform)
