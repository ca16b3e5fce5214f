"""Integer images stay integer; a type can be chosen; SimpleITK, nibabel and gzip judge."""

import gzip
import subprocess

import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk

from regkit import Grid, LabelMap, Volume, read_volume, resample, rigid, write_volume
from regkit.errors import FileFormatError, ParameterError

GRID = Grid((9, 10, 11), (3.0, 2.0, 2.0), (-8.0, -7.0, -6.0))
TURN = rigid((5, -8, 12), (1, -2, 3))
SUFFIXES = (".nii", ".nii.gz", ".mha", ".mhd", ".nrrd", ".nhdr", ".mgh", ".mgz")
KINDS = ("uint8", "int16", "uint16", "int32")


def kind_of(path) -> str:
    """Return the type in a file's header, as nibabel or SimpleITK reads it."""
    if path.name.endswith((".mgh", ".mgz")):
        return mgh(path).get_data_dtype().newbyteorder("=").name
    if path.name.endswith((".nii", ".nii.gz")):
        return nib.load(path).get_data_dtype().name
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path))).dtype.name


def mgh(path) -> nib.MGHImage:
    content = path.read_bytes()
    return nib.MGHImage.from_bytes(gzip.decompress(content) if path.suffix == ".mgz" else content)


def values_of(path) -> np.ndarray:
    if path.name.endswith((".mgh", ".mgz")):
        return np.asarray(mgh(path).dataobj).T
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


def whole_numbers(kind: str) -> np.ndarray:
    limits = np.iinfo(kind)
    low, high = max(limits.min, -30000), min(limits.max, 60000)
    return np.random.default_rng(0).integers(low, high, GRID.shape_zyx).astype(kind)


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_resampled_integer_image_keeps_its_type(tmp_path, kind, suffix):
    source = tmp_path / "in.nii.gz"
    nib.save(nib.Nifti1Image(whole_numbers(kind).T, np.diag([2.0, 2.0, 3.0, 1.0])), source)
    moving = read_volume(source)
    assert moving.file_dtype == kind
    turned = resample(moving, moving.grid, TURN)
    write_volume(turned, tmp_path / f"out{suffix}")
    mgh = "mg" in suffix and kind == "uint16"  # FreeSurfer has no such type
    assert kind_of(tmp_path / f"out{suffix}") == ("int32" if mgh else kind)
    np.testing.assert_array_equal(values_of(tmp_path / f"out{suffix}"), np.rint(turned.array))


@pytest.mark.parametrize("suffix", [".mha", ".nrrd", ".mgz"])
def test_the_type_is_known_from_other_formats(tmp_path, suffix):
    path = tmp_path / f"in{suffix}"
    write_volume(LabelMap(whole_numbers("int16"), GRID), path)
    assert read_volume(path).file_dtype == "int16"
    write_volume(Volume(whole_numbers("int16"), GRID), path)
    assert read_volume(path).file_dtype == ""


@pytest.mark.parametrize(
    ("slope", "intercept", "kind"),
    [(1, 0, "int16"), (2, -1024, "int16"), (0.5, 0, ""), (1, 0.25, "")],
)
def test_a_scaling_that_makes_fractions_makes_floats(tmp_path, slope, intercept, kind):
    image = nib.Nifti1Image(np.arange(60, dtype=np.int16).reshape(3, 4, 5), np.eye(4))
    image.header.set_slope_inter(slope, intercept)
    path = tmp_path / "in.nii"
    image.to_filename(path)
    stored = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    content = bytearray(path.read_bytes())
    content[352:] = stored.tobytes(order="F")  # nibabel unscales while it writes
    content[112:120] = np.array([slope, intercept], "<f4").tobytes()
    path.write_bytes(content)
    volume = read_volume(path)
    assert volume.file_dtype == kind
    np.testing.assert_allclose(volume.array.T, stored * slope + intercept)
    write_volume(volume, tmp_path / "out.nii")
    assert kind_of(tmp_path / "out.nii") == (kind or "float32")


def test_a_float_image_and_a_new_array_are_written_as_floats(tmp_path):
    volume = Volume(np.random.default_rng(0).normal(size=GRID.shape_zyx), GRID)
    write_volume(volume, tmp_path / "a.nii")
    assert kind_of(tmp_path / "a.nii") == "float32"
    write_volume(LabelMap(whole_numbers("int16"), GRID), tmp_path / "b.nii")
    read = read_volume(tmp_path / "b.nii")
    write_volume(read.with_array(read.array / 3), tmp_path / "c.nii")
    assert kind_of(tmp_path / "c.nii") == "float32"


@pytest.mark.parametrize(
    ("kind", "outside", "wider"),
    [
        *(("uint8", -1000, "int16"), ("uint8", 300, "int16"), ("uint16", -1, "int32")),
        *(("int16", -40000, "int32"), ("int16", 1e12, "float32"), ("uint16", 0, "uint16")),
    ],
)
def test_a_fill_value_widens_the_type(tmp_path, kind, outside, wider):
    write_volume(LabelMap(whole_numbers(kind), GRID), tmp_path / "in.nii", kind)
    moving = read_volume(tmp_path / "in.nii")
    turned = resample(moving, moving.grid, TURN, outside)
    write_volume(turned, tmp_path / "out.nii")
    assert kind_of(tmp_path / "out.nii") == wider
    assert np.float32(outside) in values_of(tmp_path / "out.nii")


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("kind", [*KINDS, "float32"])
def test_a_chosen_type_is_written(tmp_path, kind, suffix):
    array = np.linspace(0.3, 200.2, 990)
    volume = Volume(array.reshape(GRID.shape_zyx), GRID)
    path = tmp_path / f"a{suffix}"
    if kind == "uint16" and "mg" in suffix:
        with pytest.raises(FileFormatError, match="MGH cannot hold uint16; use one of uint8"):
            write_volume(volume, path, kind)
        return
    write_volume(volume, path, kind)
    assert kind_of(path) == kind
    expected = volume.array if kind == "float32" else np.rint(volume.array)
    np.testing.assert_array_equal(values_of(path), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_values_beyond_a_chosen_type_are_clipped_and_said(tmp_path, kind, caplog):
    array = np.full(GRID.shape_zyx, 7.4)
    array[0, 0, :4] = np.nan, 1e12, -1e12, np.inf
    write_volume(Volume(array, GRID), tmp_path / "a.nii", kind)
    limits = np.iinfo(kind)
    written = values_of(tmp_path / "a.nii")
    assert written[0, 0, :5].tolist() == [0, limits.max, limits.min, limits.max, 7]
    (said,) = caplog.messages
    assert f"4 of {array.size} values are outside {kind} ({limits.min} to {limits.max})" in said
    assert "clipped" in said


def test_labels_are_never_clipped(tmp_path):
    labels = LabelMap(np.arange(990).reshape(GRID.shape_zyx), GRID)
    with pytest.raises(ParameterError, match="uint8 cannot hold the labels, 0 to 989"):
        write_volume(labels, tmp_path / "a.nii", "uint8")
    write_volume(labels, tmp_path / "a.nii", "int32")
    assert kind_of(tmp_path / "a.nii") == "int32"
    write_volume(labels, tmp_path / "a.nii")
    assert kind_of(tmp_path / "a.nii") == "int16"


def test_an_unknown_type_is_refused(tmp_path):
    with pytest.raises(ParameterError, match="unknown voxel type 'half'; use one of uint8"):
        write_volume(Volume(np.zeros((2, 2, 2)), Grid((2, 2, 2))), tmp_path / "a.nii", "half")


@pytest.mark.parametrize(
    ("slope", "modality", "kind"), [(1, "CT", "int16"), (0.5, "CT", "float32")]
)
def test_a_dicom_series_of_whole_numbers_stays_int16(tmp_path, slope, modality, kind):
    folder = tmp_path / "series"
    folder.mkdir()
    series = pydicom.uid.generate_uid()
    pixels = np.random.default_rng(0).integers(0, 4000, (3, 8, 9)).astype(np.uint16)
    for number, slice_pixels in enumerate(pixels):
        _dicom_slice(slice_pixels, number, slope, modality, series).save_as(
            folder / f"{number}.dcm", enforce_file_format=True
        )
    write_volume(read_volume(folder), tmp_path / "out.nii.gz")
    assert kind_of(tmp_path / "out.nii.gz") == kind
    np.testing.assert_allclose(
        values_of(tmp_path / "out.nii.gz"), slope * pixels.astype(float) - 1024
    )


def _dicom_slice(pixels, number, slope, modality, series):
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset.SOPClassUID = pydicom.uid.CTImageStorage
    dataset.SOPInstanceUID = pydicom.uid.generate_uid()
    dataset.SeriesInstanceUID, dataset.Modality = series, modality
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
    dataset.PixelRepresentation = 0
    dataset.ImagePositionPatient = [0, 0, 3.0 * number]
    dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    dataset.PixelSpacing = [2, 2]
    dataset.RescaleSlope, dataset.RescaleIntercept = slope, -1024
    dataset.PixelData = pixels.tobytes()
    return dataset


@pytest.mark.parametrize("suffix", [".nii.gz", ".mgz", ".mha", ".nrrd"])
def test_compressed_files_are_read_elsewhere_and_repeat_to_the_byte(tmp_path, suffix):
    array = np.rint(9 * np.random.default_rng(0).normal(size=(40, 50, 60))).astype(np.float32)
    volume = Volume(array, Grid(array.shape, (3.0, 2.0, 2.0), (5.0, 6.0, 7.0)))
    paths = [tmp_path / f"{name}{suffix}" for name in "ab"]
    for path in paths:
        write_volume(volume, path)
        np.testing.assert_array_equal(values_of(path), array)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert paths[0].stat().st_size < array.nbytes
    if suffix in (".nii.gz", ".mgz"):
        head = paths[0].read_bytes()[:10]
        assert head[3] == 0, "no name in the gzip header"
        assert head[4:8] == bytes(4), "no time in the gzip header"
        assert len(gzip.decompress(paths[0].read_bytes())) > array.nbytes
        copy = paths[0].rename(tmp_path / "copy.gz")
        assert subprocess.run(["gzip", "-t", copy], check=False).returncode == 0
