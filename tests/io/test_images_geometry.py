"""The same anatomy stays at the same place, however its file stores it."""

import logging
import re

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from scipy.ndimage import map_coordinates

from regkit import Grid, LabelMap, Volume, read_labels, read_volume, write_volume
from regkit.errors import GeometryError
from regkit.geometry.sitk_bridge import grid_from_sitk

RAS_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
TILT = np.array([[1.2, 0, 0, -30], [0, 1.1, 0.9, 10], [0, 0, 2.8, 5], [0, 0, 0, 1.0]])


def _sample(volume: Volume, points: np.ndarray, order: int = 1) -> np.ndarray:
    return map_coordinates(volume.array, volume.grid.to_index(points).T, order=order, cval=0)


def _blob(index_to_ras: np.ndarray, centre_ras: np.ndarray, size=(40, 36, 24)) -> np.ndarray:
    """A Gaussian at a place in RAS mm, stored on the axes of an affine (i, j, k)."""
    index = np.indices(size).reshape(3, -1)
    places = index_to_ras[:3, :3] @ index + index_to_ras[:3, 3:]
    distance = ((places - centre_ras[:, None]) ** 2).sum(axis=0)
    return np.exp(-distance / (2 * 4.0**2)).reshape(size).astype(np.float32)


def _centroid_lps(volume: Volume) -> np.ndarray:
    weight = volume.array.astype(np.float64).ravel()
    places = volume.grid.to_physical(np.indices(volume.array.shape).reshape(3, -1).T)
    return weight @ places / weight.sum()


def test_48_orientations_are_one_image(shared_data):
    files = sorted((shared_data / "niivue_orient" / "nifti_space").glob("*.nii.gz"))
    assert len(files) == 48
    reference = read_volume(files[0])
    low, high = reference.grid.corners().min(axis=0) + 8, reference.grid.corners().max(axis=0) - 8
    points = np.random.default_rng(0).uniform(low, high, (4000, 3))
    expected = _sample(reference, points)
    assert expected.std() > 10
    for file in files:
        np.testing.assert_allclose(_sample(read_volume(file), points), expected, atol=0.02)


@pytest.mark.parametrize(
    "name",
    ["niivue_orient/mha.mha", "ibsi_sts/STS_002/PET_image.nii.gz", "niivue_orient/ras.hdr",
     "rire_partial/training_001_mr_T1.mha", "polaffini_t1_dkt/target_t1.nii.gz"],
)  # fmt: skip
def test_grids_and_values_are_those_of_simpleitk(shared_data, name):
    volume = read_volume(shared_data / name)
    judge = sitk.ReadImage(str(shared_data / name))
    assert volume.grid.matches(grid_from_sitk(judge))
    np.testing.assert_array_equal(volume.array, sitk.GetArrayFromImage(judge).astype(np.float32))


def test_an_mgz_is_where_nibabel_sees_it(shared_data):
    path = shared_data / "mne_t1_aseg" / "aseg.mgz"
    labels, judge = read_labels(path), nib.load(path)
    np.testing.assert_array_equal(labels.array, np.asarray(judge.dataobj).T)
    index = np.random.default_rng(0).uniform(0, 255, (50, 3))
    ras = nib.affines.apply_affine(judge.affine, index)
    np.testing.assert_allclose(
        labels.grid.to_physical(index[:, ::-1]), ras * [-1, -1, 1], atol=1e-4
    )


@pytest.mark.parametrize("axes", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
def test_anatomy_of_a_tilted_scan_stays_where_it_is(axes, tmp_path, caplog):
    size = np.array([40, 36, 24])
    centre = nib.affines.apply_affine(TILT, [21.3, 16.7, 12.4])
    array = _blob(TILT, centre).transpose(axes)
    affine = TILT[:, [*axes, 3]]
    nib.Nifti1Image(array, affine).to_filename(tmp_path / "tilted.nii.gz")
    with caplog.at_level(logging.WARNING):
        volume = read_volume(tmp_path / "tilted.nii.gz", "ct")
    assert "tilted.nii.gz is sheared by 17.8 degrees" in caplog.text
    np.testing.assert_allclose(_centroid_lps(volume), centre * [-1, -1, 1], atol=0.05)
    assert volume.array.max() == pytest.approx(array.max(), rel=0.05)
    assert volume.modality == "ct"
    # Every corner of the tilted block is on the new grid, which is not much larger.
    corners = np.array(np.meshgrid(*[(0, n - 1) for n in size])).reshape(3, -1).T
    assert volume.grid.contains(nib.affines.apply_affine(TILT, corners) * [-1, -1, 1]).all()
    assert sorted(volume.grid.spacing) == pytest.approx([1.1, 1.2, 2.8], abs=1e-4)
    assert volume.array.size < 1.8 * array.size


def test_a_tilted_scan_is_filled_with_its_minimum_and_labels_with_zero(tmp_path):
    array = np.full((20, 22, 10), 7, np.int16)
    array[:, :, 5:] = 9
    nib.Nifti1Image(array, TILT).to_filename(tmp_path / "tilted.nii")
    assert set(np.unique(read_labels(tmp_path / "tilted.nii").array)) == {0, 7, 9}
    assert read_volume(tmp_path / "tilted.nii").array.min() == 7


@pytest.mark.parametrize("suffix", ["mha", "nrrd"])
def test_tilted_headers_of_other_formats_are_seen_too(suffix, tmp_path, caplog):
    centre = nib.affines.apply_affine(TILT, [21.3, 16.7, 12.4])
    array = _blob(TILT, centre).T
    path = tmp_path / f"tilted.{suffix}"
    write_volume(Volume(array, Grid(array.shape, (1.2, 1.1, 3.0))), path)
    step = TILT[:3, 2] * [-1, -1, 1]
    unit = step / np.linalg.norm(step)
    lines = {
        "mha": [
            b"TransformMatrix = -1 0 0 0 -1 0 %f %f %f" % tuple(unit),
            b"Offset = 30 -10 5",
            b"ElementSpacing = 1.2 1.1 %f" % np.linalg.norm(step),
        ],
        "nrrd": [
            b"space directions: (-1.2,0,0) (0,-1.1,0) (%f,%f,%f)" % tuple(step),
            b"space origin: (30,-10,5)",
        ],
    }[suffix]
    content = path.read_bytes()
    for line in lines:
        key = re.split(b"[=:]", line)[0]
        content, count = re.subn(b"(?m)^" + key + b".*$", line, content, count=1)
        assert count == 1
    path.write_bytes(content)
    volume = read_volume(path)
    np.testing.assert_allclose(_centroid_lps(volume), centre * [-1, -1, 1], atol=0.05)
    assert "sheared by 17.8 degrees" in caplog.text


def test_a_real_tilted_scan_agrees_with_its_affine(shared_data):
    path = shared_data / "niivue_orient" / "shear.nii.gz"
    volume, judge = read_volume(path), nib.load(path)
    values = np.asarray(judge.dataobj)
    # Voxel centres of the file: new slices lie in the old ones, so only one axis interpolates.
    index = np.random.default_rng(0).integers(
        [5, 5, 1], np.array(values.shape) - [5, 5, 1], (5000, 3)
    )
    seen = _sample(volume, nib.affines.apply_affine(judge.affine, index) * [-1, -1, 1])
    stored = values[tuple(index.T)].astype(float)
    assert np.corrcoef(seen, stored)[0, 1] > 0.995


def test_rounding_in_a_header_is_no_shear(tmp_path, caplog):
    affine = np.eye(4)
    affine[0, 1] = 5e-4
    nib.Nifti1Image(np.zeros((3, 4, 5), np.float32), affine).to_filename(tmp_path / "image.nii")
    assert read_volume(tmp_path / "image.nii").grid.shape_zyx == (5, 4, 3)
    assert caplog.text == ""


def test_a_shear_beyond_any_gantry_is_refused(tmp_path):
    affine = np.eye(4)
    affine[0, 1] = 5
    nib.Nifti1Image(np.zeros((3, 4, 5), np.float32), affine).to_filename(tmp_path / "image.nii")
    with pytest.raises(GeometryError, match=r"image\.nii: .*sheared by 79 degrees"):
        read_volume(tmp_path / "image.nii")


def test_labels_are_labels(tmp_path):
    write_volume(
        LabelMap(np.eye(4, dtype=int)[None].repeat(3, 0), Grid((3, 4, 4))), tmp_path / "a.nii"
    )
    assert read_labels(tmp_path / "a.nii").labels == (1,)
