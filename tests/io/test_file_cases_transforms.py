"""The transform files of shared/cases/files, all of one map; see the README there."""

import numpy as np
import pytest
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from regkit import AffineTransform, read_transform
from regkit.errors import RegkitError
from regkit.io.transforms import load_transform

RAS = np.eye(4)
RAS[:3, :3] = Rotation.from_euler("xyz", [5, -8, 12], degrees=True).as_matrix()
RAS[:3, 3] = (4, -7, 9)
TRUTH = AffineTransform(np.diag([-1, -1, 1, 1]) @ RAS @ np.diag([-1, -1, 1, 1]))
POINTS = np.random.default_rng(0).uniform(-60, 60, (100, 3))


def images(folder, pair):
    return {role: folder / f"fsl_{pair}_{role}.nii.gz" for role in ("fixed", "moving")}


@pytest.mark.parametrize(
    ("name", "form", "pair"),
    [
        ("fsl_rad_neu.mat", None, "rad_neu"),
        ("fsl_rad_shear.mat", None, "rad_shear"),
        ("fsl_shear_rad.mat", None, "shear_rad"),
        ("fsl_hex.mat", None, "rad_rad"),
        ("flirt_omat.txt", "fsl", "rad_rad"),
        ("greedy_affine.mat", "ras", "rad_rad"),
    ],
)
def test_matrices_encode_the_map(shared_files, name, form, pair):
    found = read_transform(shared_files / name, format=form, **images(shared_files, pair))
    np.testing.assert_allclose(found.map_points(POINTS), TRUTH.map_points(POINTS), atol=1e-5)


@pytest.mark.parametrize("name", ["flirt_omat.txt", "greedy_affine.mat"])
def test_a_matrix_that_does_not_name_its_convention_is_remarked_on(shared_files, name):
    found = load_transform(shared_files / name, **images(shared_files, "rad_rad"))
    assert "assumed" in found.assumption


def test_a_dicom_folder_is_refused_and_its_nifti_file_read(shared_files):
    matrix, moving = shared_files / "fsl_dicom.mat", shared_files / "fsl_dicom_moving.nii.gz"
    with pytest.raises(RegkitError, match=r"FSL reads no DICOM.*give the NIfTI file"):
        read_transform(matrix, fixed=shared_files / "fsl_dicom_fixed", moving=moving)
    converted = shared_files / "fsl_dicom_fixed_dcm2niix.nii.gz"
    found = read_transform(matrix, fixed=converted, moving=moving)
    np.testing.assert_allclose(found.map_points(POINTS), TRUTH.map_points(POINTS), atol=1e-5)


def test_files_of_other_programs_are_read_or_named(shared_files):
    """Judges: SimpleITK's Euler transform and displacement field."""
    euler = sitk.Euler3DTransform((10, 20, 30), 0.1, -0.2, 0.3, (4, 5, 6))
    image = sitk.ReadImage(str(shared_files / "i_1Warp.nii.gz"), sitk.sitkVectorFloat64)
    inside = np.random.default_rng(0).uniform(-20, 20, (20, 3))
    warp = sitk.DisplacementFieldTransform(image)
    for name, judge in (("TransformParameters.0.txt", euler), ("i_1Warp.nii.gz", warp)):
        found = read_transform(shared_files / name).map_points(inside)
        expected = [judge.TransformPoint(point.tolist()) for point in inside]
        np.testing.assert_allclose(found, expected, atol=1e-5)
    with pytest.raises(RegkitError, match=r"is an MNI transform \(\.xfm\)"):
        read_transform(shared_files / "i_e.xfm")
