"""elastix's parameter files and images of displacements are read; other files are named."""

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from regkit import DisplacementField, Grid, read_transform, rigid, write_transform
from regkit.errors import FileFormatError, TransformError
from regkit.io.transforms import load_transform

POINTS = np.random.default_rng(0).uniform(-80, 80, (50, 3))
CENTER = np.array([10.0, 20, 30])


def elastix_file(kind, parameters, center=CENTER, initial="NoInitialTransform", more=""):
    numbers = " ".join(repr(float(p)) for p in parameters)
    rotation = "" if center is None else f"(CenterOfRotationPoint {' '.join(map(str, center))})\n"
    return (
        f'(Transform "{kind}")\n(NumberOfParameters {len(parameters)})\n'
        f"(TransformParameters {numbers})\n"
        f'(InitialTransformParametersFileName "{initial}")\n{rotation}{more}'
        '(HowToCombineTransforms "Compose")\n\n// Image specific\n(FixedImageDimension 3)\n'
        '(UseDirectionCosines "true")\n(Size 10 10 10)\n'
    )


def rotated(matrix, translation):
    return (POINTS - CENTER) @ matrix.T + CENTER + translation


ANGLES, SHIFT = (0.1, -0.2, 0.3), np.array([4.0, 5, 6])
MATRIX = np.array([[1.1, 0.1, 0], [-0.1, 0.9, 0.05], [0, 0.02, 1.2]])
VERSOR = Rotation.from_euler("xyz", ANGLES)
X, Y, Z = (
    Rotation.from_rotvec(angle * axis) for angle, axis in zip(ANGLES, np.eye(3), strict=True)
)
ORDER_ZYX = '(ComputeZYX "true")\n'
ELASTIX = {
    # ITK's Euler3DTransform: Rz Rx Ry, or Rz Ry Rx with ComputeZYX.
    "euler": (
        elastix_file("EulerTransform", (*ANGLES, *SHIFT)),
        rotated((Z * X * Y).as_matrix(), SHIFT),
    ),
    "euler zyx": (
        elastix_file("EulerTransform", (*ANGLES, *SHIFT), more=ORDER_ZYX),
        rotated((Z * Y * X).as_matrix(), SHIFT),
    ),
    "similarity": (
        elastix_file("SimilarityTransform", (*VERSOR.as_quat()[:3], *SHIFT, 1.3)),
        rotated(1.3 * VERSOR.as_matrix(), SHIFT),
    ),
    "affine": (
        elastix_file("AffineTransform", (*MATRIX.ravel(), *SHIFT)),
        rotated(MATRIX, SHIFT),
    ),
    "translation": (elastix_file("TranslationTransform", SHIFT, None), POINTS + SHIFT),
}


@pytest.mark.parametrize("kind", ELASTIX)
def test_elastix_parameters_by_formula(tmp_path, kind, caplog):
    text, expected = ELASTIX[kind]
    (tmp_path / "TransformParameters.0.txt").write_text(text)
    found = load_transform(tmp_path / "TransformParameters.0.txt")
    assert (found.format, found.assumption, caplog.text) == ("elastix", "", "")
    np.testing.assert_allclose(found.transform.map_points(POINTS), expected, atol=1e-9)


def test_elastix_composes_with_the_initial_transform(tmp_path):
    """The initial transform maps first; its folder on another machine does not count."""
    first, expected = ELASTIX["affine"]
    (tmp_path / "TransformParameters.0.txt").write_text(first)
    initial = "/elsewhere/out/TransformParameters.0.txt"
    second = elastix_file("TranslationTransform", (1, 2, 3), None, initial)
    (tmp_path / "TransformParameters.1.txt").write_text(second)
    found = read_transform(tmp_path / "TransformParameters.1.txt")
    np.testing.assert_allclose(found.map_points(POINTS), expected + np.array([1, 2, 3]), atol=1e-9)


EULER = ELASTIX["euler"][0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (EULER.replace("EulerTransform", "BSplineTransform"), "an elastix BSplineTransform; regk"),
        (EULER.replace("NoInitialTransform", "gone.txt"), r"initial transform gone\.txt is missi"),
        (EULER.replace("NoInitialTransform", "t.txt"), "refer to each other without end"),
        (EULER.replace('"Compose"', '"Add"').replace("NoInitialTransform", "t.txt"), "'Compose'"),
        (EULER.replace("5.0 6.0)", "5.0)"), "needs 6 parameters, the file gives 5"),
        (EULER.replace("5.0 6.0)", "5.0 nan)"), "TransformParameters holds NaN"),
        (EULER.replace("5.0 6.0)", "5.0 x)"), "TransformParameters needs numbers"),
        (EULER.replace("(CenterOfRotationPoint", "(Other"), r"no line \(CenterOfRotationPoint"),
        (EULER.replace("Point 10.0 20.0", "Point 20.0"), "CenterOfRotationPoint needs 3 numbers"),
        (EULER.replace('Cosines "true"', 'Cosines "false"'), "UseDirectionCosines false"),
        (EULER.replace("Dimension 3", "Dimension 2"), "must be 3-D, got FixedImageDimension 2"),
    ],
)
def test_elastix_files_that_are_refused(tmp_path, text, words):
    (tmp_path / "t.txt").write_text(text)
    with pytest.raises((FileFormatError, TransformError), match=words) as caught:
        read_transform(tmp_path / "t.txt")
    assert "\n" not in str(caught.value)


def test_elastix_is_not_written(tmp_path):
    with pytest.raises(TransformError, match="reads the format 'elastix' but does not write it"):
        write_transform(rigid((1, 2, 3)), tmp_path / "t.txt", format="elastix")


def vectors(path, intent=1007, name="", code=1):
    """Write a warp as ANTs does: five axes, vectors in LPS mm."""
    data = np.random.default_rng(0).uniform(-3, 3, (6, 5, 4, 1, 3))
    affine = np.diag([-20.0, -25, 40, 1])
    affine[:3, 3] = (50, 60, -90)
    image = nib.Nifti1Image(data, affine)
    image.header.set_xyzt_units("mm")
    image.set_sform(affine, code)
    image.set_qform(affine, code)
    image.to_filename(path)
    loaded = nib.load(path)
    loaded.header["vox_offset"], loaded.header["intent_code"] = 352, intent
    loaded.header["intent_name"] = name.encode()
    content = loaded.header.binaryblock + b"\0" * 4 + np.asarray(data).tobytes("F")
    path.write_bytes(content)
    return data[:, :, :, 0], affine


def test_a_warp_of_ants_adds_its_vectors_in_lps(tmp_path):
    data, affine = vectors(tmp_path / "i_1Warp.nii")
    found = load_transform(tmp_path / "i_1Warp.nii")
    assert (found.format, found.assumption) == ("warp", "")
    voxels = np.array([[0, 0, 0], [5, 4, 3], [2, 1, 3]])
    lps = nib.affines.apply_affine(affine, voxels) * (-1, -1, 1)
    expected = lps + data[tuple(voxels.T)]
    np.testing.assert_allclose(found.transform.map_points(lps), expected, atol=1e-6)


@pytest.mark.parametrize("name", ["w.nii.gz", "w.mha", "w.nrrd"])
def test_a_warp_is_written_as_simpleitk_reads_it(tmp_path, name):
    grid = Grid((4, 5, 6), (20, 25, 40), (-50, -60, 9), (0.6, -0.8, 0, 0.8, 0.6, 0, 0, 0, 1))
    field = DisplacementField(np.random.default_rng(1).uniform(-3, 3, (4, 5, 6, 3)), grid)
    write_transform(field, tmp_path / name, format="warp")
    image = sitk.ReadImage(str(tmp_path / name), sitk.sitkVectorFloat64)
    judge = sitk.DisplacementFieldTransform(image)
    inside = grid.to_physical(np.random.default_rng(2).uniform(0, 3, (20, 3)))
    expected = [judge.TransformPoint(p.tolist()) for p in inside]
    np.testing.assert_allclose(field.map_points(inside), expected, atol=1e-4)
    back = read_transform(tmp_path / name, format="warp")
    np.testing.assert_allclose(back.map_points(inside), expected, atol=1e-4)


def test_only_a_displacement_field_is_written_as_a_warp(tmp_path):
    with pytest.raises(TransformError, match="holds one displacement field only"):
        write_transform(rigid((1, 2, 3)), tmp_path / "w.nii.gz", format="warp")


def test_an_image_of_one_number_per_voxel_is_no_warp(tmp_path):
    nib.Nifti1Image(np.zeros((4, 5, 6), np.float32), np.eye(4)).to_filename(tmp_path / "i.nii")
    with pytest.raises(FileFormatError, match="needs 3 numbers at each voxel"):
        read_transform(tmp_path / "i.nii", format="warp")


XFM = "MNI Transform File\n%made by hand\n\nTransform_Type = {kind};\n"
REGISTER_DAT = "subject\n1.0\n1.0\n0.15\n1 0 0 0\n0 1 0 0\n0 0 1 0\n0 0 0 1\nround\n"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("t.xfm", XFM.format(kind="Linear"), r"an MNI transform \(\.xfm\), whose direction"),
        ("t.xfm", XFM.format(kind="Grid_Transform"), r"an MNI transform \(\.xfm\) with a grid"),
        ("register.dat", REGISTER_DAT, r"FreeSurfer's register\.dat.*lta_convert --inreg"),
        ("spm.mat", "MATLAB 5.0 MAT-file, made by hand" + " " * 100, "a MATLAB file"),
        ("t.aff12.1D", "1 0 0 4 0 1 0 5 0 0 1 6\n", r"AFNI's \.aff12\.1D"),
        ("f.nrrd", "NRRD0004\ntype: float\n", "a NRRD image; if it holds displacements"),
        ("f.mha", "ObjectType = Image\nNDims = 3\n", "a MetaImage image; if it holds displac"),
        ("t.png", "\x89PNG\r\n\x1a\n", "is a PNG picture, not a transform"),
    ],
)
def test_files_of_other_programs_are_named(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content.encode("latin-1"))
    with pytest.raises(FileFormatError, match=words) as caught:
        read_transform(tmp_path / name)
    assert str(caught.value).startswith(f"{tmp_path / name}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("intent", "name", "words"),
    [
        (2006, "", "a warp of FSL's FNIRT.*-from-fnirt"),
        (1007, "Mapping", "a deformation of SPM's"),
        (1007, "NREG_TRANS", "a transform of NiftyReg's"),
        (0, "", "a NIfTI image, not a transform; if it holds.*--from warp"),
    ],
)
def test_nifti_files_that_are_no_warps_of_ants(tmp_path, intent, name, words):
    vectors(tmp_path / "w.nii", intent, name)
    with pytest.raises(FileFormatError, match=words):
        read_transform(tmp_path / "w.nii")
