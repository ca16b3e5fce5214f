"""What is written is read back, by us and by others, on any grid."""

import gzip
import os

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from regkit import Grid, LabelMap, Volume, read_labels, read_volume, write_volume
from regkit.errors import FileFormatError

SUFFIXES = (".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd", ".mgz", ".mgh")
RAS_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


@st.composite
def grids(draw) -> Grid:
    """Any grid: oblique, flipped, anisotropic, far from the origin."""
    angles = draw(st.tuples(*[st.floats(-180, 180)] * 3))
    signs = draw(st.tuples(*[st.sampled_from([-1.0, 1.0])] * 3))
    direction = Rotation.from_euler("xyz", angles, degrees=True).as_matrix() * signs
    spacing = draw(st.tuples(*[st.floats(0.2, 7.0)] * 3))
    origin = draw(st.tuples(*[st.floats(-900, 900)] * 3))
    shape = draw(st.tuples(*[st.integers(2, 6)] * 3))
    return Grid(shape, spacing, origin, tuple(direction.ravel().tolist()))


def _volume(grid: Grid) -> Volume:
    return Volume(np.random.default_rng(0).normal(size=grid.shape_zyx).astype(np.float32), grid)


def _seen_by_others(path) -> tuple[np.ndarray, np.ndarray]:
    """Values (z, y, x) and the affine from (x, y, z) to LPS of a file, without regkit."""
    if path.name.endswith((".mgz", ".mgh")):
        content = path.read_bytes()
        image = nib.MGHImage.from_bytes(
            gzip.decompress(content) if path.suffix == ".mgz" else content
        )
        return np.asarray(image.dataobj).T, RAS_LPS @ image.affine
    image = sitk.ReadImage(str(path))
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    return sitk.GetArrayFromImage(image), affine


@pytest.mark.parametrize("suffix", SUFFIXES)
@settings(max_examples=15, deadline=None)
@given(grid=grids())
def test_a_volume_comes_back_and_others_see_the_same(suffix, grid, tmp_path_factory):
    path = tmp_path_factory.mktemp("trip") / f"image{suffix}"
    volume = _volume(grid)
    write_volume(volume, path)
    again = read_volume(path)
    assert again.grid.matches(grid)
    np.testing.assert_array_equal(again.array, volume.array)
    array, affine = _seen_by_others(path)
    np.testing.assert_array_equal(array, volume.array)
    # Headers of NIfTI and MGH hold float32.
    np.testing.assert_allclose(affine[:, [2, 1, 0, 3]], grid.affine, rtol=0, atol=2e-4)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize(
    ("labels", "kind"),
    [([0, 200], np.uint8), ([-1, 300], np.int16), ([0, 60000], np.int32)],
)
def test_labels_keep_their_values_in_a_small_type(suffix, labels, kind, tmp_path):
    path = tmp_path / f"labels{suffix}"
    array = np.resize(np.array(labels, dtype=np.int64), (3, 4, 5))
    write_volume(LabelMap(array, Grid((3, 4, 5), (1, 2, 3))), path)
    again = read_labels(path)
    np.testing.assert_array_equal(again.array, array)
    assert _seen_by_others(path)[0].dtype.newbyteorder("=") == kind


def test_a_nifti_states_its_place_twice_in_scanner_coordinates(tmp_path):
    grid = Grid((3, 4, 5), (1.5, 2, 3), (10, -20, 30), (-1, 0, 0, 0, 0, 1, 0, 1, 0))
    write_volume(_volume(grid), tmp_path / "image.nii.gz")
    header = nib.load(tmp_path / "image.nii.gz").header
    sform, qform = header.get_sform(coded=True), header.get_qform(coded=True)
    assert sform[1] == qform[1] == 1
    np.testing.assert_allclose(sform[0], qform[0], atol=1e-5)
    np.testing.assert_allclose(sform[0], (RAS_LPS @ grid.affine)[:, [2, 1, 0, 3]], atol=1e-5)
    assert header.get_xyzt_units()[0] == "mm"


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_the_same_volume_gives_the_same_bytes(suffix, tmp_path):
    written = []
    for folder in ("a", "b"):
        write_volume(_volume(Grid((3, 4, 5))), tmp_path / folder / f"image{suffix}")
        written.append([file.read_bytes() for file in sorted((tmp_path / folder).iterdir())])
    assert written[0] == written[1]


def test_upper_case_suffixes_are_known(tmp_path):
    write_volume(_volume(Grid((3, 4, 5))), tmp_path / "image.nii.gz")
    (tmp_path / "image.nii.gz").rename(tmp_path / "IMAGE.NII.GZ")
    assert read_volume(tmp_path / "IMAGE.NII.GZ").grid == Grid((3, 4, 5))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image, nib.Nifti1Pair])
def test_scaling_and_byte_order_are_honoured(order, kind, tmp_path):
    values = np.arange(60, dtype=np.int16).reshape(5, 4, 3)
    header = kind.header_class(endianness=order)
    header.set_data_dtype(np.int16)
    image = kind(values, np.eye(4), header)
    image.header.set_slope_inter(0.5, -3)
    path = tmp_path / ("image.img" if kind is nib.Nifti1Pair else "image.nii")
    image.to_filename(path)
    volume = read_volume(path)
    assert volume.array.dtype == np.float32
    judge = np.asarray(nib.load(path).get_fdata()).T
    assert np.ptp(judge) > 0
    np.testing.assert_array_equal(volume.array, judge)


def test_big_endian_labels_become_native(tmp_path):
    header = nib.Nifti1Header(endianness=">")
    header.set_data_dtype(np.int16)
    values = np.arange(24, dtype=">i2").reshape(2, 3, 4)
    nib.Nifti1Image(values, np.eye(4), header).to_filename(tmp_path / "labels.nii")
    labels = read_labels(tmp_path / "labels.nii")
    assert labels.array.dtype.isnative
    np.testing.assert_array_equal(labels.array, values.T)


def test_units_of_a_nifti_are_honoured(tmp_path):
    image = nib.Nifti1Image(np.zeros((3, 4, 5), np.float32), np.diag([0.001, 0.002, 0.003, 1]))
    image.header.set_xyzt_units("meter")
    image.to_filename(tmp_path / "image.nii")
    assert read_volume(tmp_path / "image.nii").grid.spacing == pytest.approx((1, 2, 3))


def test_a_nifti_without_a_place_is_read_as_itk_does_and_says_so(tmp_path, caplog):
    image = nib.Nifti1Image(np.zeros((3, 4, 5), np.float32), None)
    image.header["pixdim"][1:4] = 2, 3, 4
    image.to_filename(tmp_path / "image.nii")
    grid = read_volume(tmp_path / "image.nii").grid
    judge = sitk.ReadImage(str(tmp_path / "image.nii"))
    assert grid == Grid((5, 4, 3), judge.GetSpacing(), judge.GetOrigin(), judge.GetDirection())
    assert "has neither sform nor qform" in caplog.text


def test_a_nrrd_in_no_patient_space_says_so(tmp_path, caplog):
    write_volume(_volume(Grid((3, 4, 5))), tmp_path / "image.nrrd")
    content = (tmp_path / "image.nrrd").read_bytes()
    scanner = content.replace(b"space: left-posterior-superior", b"space: scanner-xyz", 1)
    (tmp_path / "image.nrrd").write_bytes(scanner)
    read_volume(tmp_path / "image.nrrd")
    assert "scanner-xyz" in caplog.text


def test_a_single_fourth_axis_is_accepted(tmp_path):
    nib.Nifti1Image(np.zeros((3, 4, 5, 1), np.float32), np.eye(4)).to_filename(tmp_path / "a.nii")
    four = sitk.Image([3, 4, 5, 1], sitk.sitkFloat32)
    four.SetSpacing((1, 2, 3, 4))
    sitk.WriteImage(four, str(tmp_path / "a.nrrd"))
    assert read_volume(tmp_path / "a.nii").grid.shape_zyx == (5, 4, 3)
    assert read_volume(tmp_path / "a.nrrd").grid.spacing == (1, 2, 3)


def test_the_modality_asked_for_is_set(tmp_path):
    write_volume(_volume(Grid((3, 4, 5))), tmp_path / "image.nii")
    assert read_volume(tmp_path / "image.nii").modality == ""
    assert read_volume(str(tmp_path / "image.nii"), "pet").modality == "pet"


def test_a_path_object_or_text_will_do(tmp_path):
    path = os.fspath(tmp_path / "new" / "folder" / "image.mha")
    write_volume(_volume(Grid((3, 4, 5))), path)
    assert read_volume(path).grid == Grid((3, 4, 5))


def test_an_unknown_suffix_is_not_written(tmp_path):
    with pytest.raises(FileFormatError, match=r"image\.png: cannot write this suffix.*\.nii\.gz"):
        write_volume(_volume(Grid((3, 4, 5))), tmp_path / "image.png")
    assert list(tmp_path.iterdir()) == []


def test_labels_too_large_for_a_format_are_refused(tmp_path):
    labels = LabelMap(np.full((3, 4, 5), 2**40), Grid((3, 4, 5)))
    with pytest.raises(FileFormatError, match=r"labels\.mgz: MGH cannot hold"):
        write_volume(labels, tmp_path / "labels.mgz")
    assert list(tmp_path.iterdir()) == []
