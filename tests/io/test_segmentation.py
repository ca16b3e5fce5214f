"""DICOM segmentations: made by highdicom and by hand, written, judged by pydicom and dciodvfy."""

from pathlib import Path

import highdicom as hd
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.sr.codedict import codes
from pydicom.uid import generate_uid

import regkit
from dciodvfy import assert_conformant
from dicom_objects import FRAME, write_ct
from regkit.errors import FileFormatError
from regkit.geometry.grid import Grid
from regkit.geometry.volume import LabelMap
from regkit.io import read_labels, read_mask, read_volume
from regkit.io.dicom_source import read_dicom_source
from regkit.io.labeled_image import LabeledImage
from regkit.io.segmentation_writer import write_seg

TURNED = np.array([[0.8, -0.48, 0.36], [0.6, 0.64, -0.48], [0.0, 0.6, 0.8]])
GRID = Grid((10, 24, 30), (1.5, 1.25, 3.0), (-30.0, -20.0, 100.0), tuple(TURNED.ravel()))
IMAGE = LabeledImage(GRID)
NAMES = {1: "liver", 2: "left kidney", 3: "tumor"}


def _array() -> np.ndarray:
    """Return three labels that leave out the outer slices and one between."""
    array = np.zeros(GRID.shape_zyx, np.uint8)
    array[2:5, 3:9, 4:20], array[6:8, 10:20, 2:9], array[3, 15:18, 22:27] = 1, 2, 3
    return array


def _describe(number: int, name: str) -> hd.seg.SegmentDescription:
    tissue = codes.SCT.Tissue
    return hd.seg.SegmentDescription(number, name, tissue, tissue, "MANUAL")


def _make(folder: Path, array, kind="BINARY", names=NAMES, grid=GRID, **options) -> Path:
    """Write a segmentation with highdicom, of a CT series beside it."""
    write_ct(folder / "ct", GRID)
    headers = [pydicom.dcmread(file) for file in sorted((folder / "ct").iterdir())]
    channels = {"SegmentNumber": sorted(names)} if array.ndim == 4 else None
    seg = hd.seg.Segmentation(
        headers,
        hd.Volume(
            array, grid.affine, "PATIENT", frame_of_reference_uid=FRAME, channels=channels
        ),
        kind,
        [_describe(number, name) for number, name in names.items()],
        generate_uid(), 900, generate_uid(), 1, "m", "m", "1", "1",
        **options,
    )  # fmt: skip
    seg.save_as(folder / "seg.dcm")
    return folder / "seg.dcm"


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
@pytest.mark.parametrize("omit", [True, False])
def test_segments_keep_number_name_and_place(kind, omit, tmp_path, caplog):
    file = _make(tmp_path, _array(), kind, omit_empty_frames=omit)
    labels = read_labels(file, image=LabeledImage(GRID, tmp_path / "ct"))
    np.testing.assert_array_equal(labels.array, _array())
    assert labels.grid == GRID
    assert {n: labels.names[n] for n in (1, 2, 3)} == NAMES
    assert not caplog.text


def test_without_an_image_the_grid_is_that_of_the_frames(tmp_path):
    labels = read_labels(_make(tmp_path, _array()))
    for number in (1, 2, 3):
        expected = GRID.to_physical(np.argwhere(_array() == number))
        found = labels.grid.to_physical(np.argwhere(labels.array == number))
        np.testing.assert_allclose(_sorted(found), _sorted(expected), atol=1e-4)


def _sorted(points: np.ndarray) -> np.ndarray:
    return points[np.lexsort(points.round(2).T)]


def test_frames_in_another_order(tmp_path):
    file = _make(tmp_path, _array())
    seg = pydicom.dcmread(file)
    frames = seg.pixel_array
    order = np.random.default_rng(0).permutation(len(frames))
    groups = [seg.PerFrameFunctionalGroupsSequence[i] for i in order]
    seg.PerFrameFunctionalGroupsSequence = groups
    seg.PixelData = pydicom.pixels.pack_bits(frames[order], pad=True)
    seg.save_as(file)
    np.testing.assert_array_equal(read_labels(file, image=IMAGE).array, _array())


def test_every_second_slice_is_missing(tmp_path):
    array = np.zeros(GRID.shape_zyx, np.uint8)
    array[[2, 4, 6], 5:9, 5:9] = 1
    file = _make(tmp_path, array, names={1: "stripes"})
    np.testing.assert_array_equal(read_labels(file, image=IMAGE).array, array)


def test_a_single_slice(tmp_path):
    array = np.zeros(GRID.shape_zyx, np.uint8)
    array[4, 5:9, 5:9] = 1
    file = _make(tmp_path, array, names={1: "slice"})
    np.testing.assert_array_equal(read_labels(file, image=IMAGE).array, array)


def test_another_grid_than_the_image(tmp_path):
    fine = Grid((40, 20, 24), (0.9, 1.1, 0.7), GRID.to_physical([1, 3, 4]), GRID.direction)
    array = np.zeros(fine.shape_zyx, np.uint8)
    array[5:20, 4:15, 6:18] = 1
    file = _make(tmp_path, array, names={1: "box"}, grid=fine)
    labels = read_labels(file, image=IMAGE)
    np.testing.assert_allclose(
        _sorted(labels.grid.to_physical(np.argwhere(labels.array))),
        _sorted(fine.to_physical(np.argwhere(array))),
        atol=1e-4,
    )
    corners = GRID.corners()  # its slices go as far as the image
    index = labels.grid.to_index(corners)[:, 0]
    assert index.min() > -1.5
    assert index.max() < labels.grid.shape_zyx[0] + 0.5
    assert labels.grid.shape_zyx[0] * 0.7 >= np.ptp(index) * 0.7 - 0.7


def test_fractions_count_from_one_half(tmp_path, caplog):
    fractions = np.zeros((*GRID.shape_zyx, 1), np.float32)
    fractions[3, 5, 5:10, 0] = [0.1, 0.45, 0.55, 0.9, 1.0]
    file = _make(tmp_path, fractions, "FRACTIONAL", {1: "lesion"})
    labels = read_labels(file, image=IMAGE)
    np.testing.assert_array_equal(labels.array, fractions[..., 0] > 0.5)
    assert "holds fractional segments (probability): present from 0.5" in caplog.text


def test_segments_that_overlap_are_told(tmp_path, caplog):
    both = np.zeros((*GRID.shape_zyx, 2), np.uint8)
    both[2:8, 2:20, 2:20, 0] = both[4:6, 5:9, 5:9, 1] = 1
    file = _make(tmp_path, both, names={1: "liver", 2: "tumor"})
    expected = np.where(both[..., 1], 2, both[..., 0])
    np.testing.assert_array_equal(read_labels(file, image=IMAGE).array, expected)
    assert "regions 1 'liver', 2 'tumor' overlap: the smaller keeps the voxels" in caplog.text


def test_one_segment_is_chosen_as_mask(tmp_path):
    file = _make(tmp_path, _array())
    kidney = read_mask(file, "kidney", IMAGE)
    np.testing.assert_array_equal(kidney.array > 0, _array() == 2)
    with pytest.raises(FileFormatError, match="3 regions: 1 'liver', 2 'left kidney', 3 'tumor'"):
        read_mask(file, image=IMAGE)


def test_another_frame_of_reference_is_told(tmp_path, caplog):
    file = _make(tmp_path, _array())
    write_ct(tmp_path / "other", GRID, frame="1.2.3.4")
    read_labels(file, image=LabeledImage(GRID, tmp_path / "other"))
    assert "has another frame of reference" in caplog.text


def test_a_segmentation_is_no_image(tmp_path):
    with pytest.raises(FileFormatError, match="is a DICOM segmentation object, no image; give it"):
        read_volume(_make(tmp_path, _array()))


def test_surfaces_are_named(tmp_path):
    file = _make(tmp_path, _array())
    seg = pydicom.dcmread(file)
    del seg.Rows, seg.PixelData
    seg.save_as(file)
    with pytest.raises(FileFormatError, match="is a segmentation without voxels"):
        read_labels(file)


def test_uneven_slices_are_refused(tmp_path):
    file = _make(tmp_path, _array(), names=NAMES)
    seg = pydicom.dcmread(file)
    for group in seg.PerFrameFunctionalGroupsSequence[::3]:
        plane = group.PlanePositionSequence[0]
        plane.ImagePositionPatient = [float(v) + 0.8 for v in plane.ImagePositionPatient]
    seg.save_as(file)
    with pytest.raises(FileFormatError, match="stack of evenly spaced, parallel slices"):
        read_labels(file)


def _write(labels: LabelMap, path: Path, source: Path) -> None:
    write_seg(labels, path, read_dicom_source(source))


def test_a_written_segmentation_in_the_eyes_of_pydicom(tmp_path):
    write_ct(tmp_path / "ct", GRID)
    labels = LabelMap(_array(), GRID, names=NAMES)
    _write(labels, tmp_path / "out" / "labels.dcm", tmp_path / "ct")
    seg = pydicom.dcmread(tmp_path / "out" / "labels.dcm")
    assert [(s.SegmentNumber, s.SegmentLabel) for s in seg.SegmentSequence] == list(NAMES.items())
    source = pydicom.dcmread(tmp_path / "ct" / "000.dcm")
    for name in ("PatientID", "PatientName", "StudyInstanceUID", "FrameOfReferenceUID"):
        assert seg[name] == source[name]
    assert seg.SeriesInstanceUID != source.SeriesInstanceUID
    marked = {number: [] for number in NAMES}
    for pixels, group in zip(seg.pixel_array, seg.PerFrameFunctionalGroupsSequence, strict=True):
        corner = np.array(group.PlanePositionSequence[0].ImagePositionPatient, float)
        number = group.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        rows, columns = np.nonzero(pixels)
        marked[number].append(
            corner + np.outer(columns, 1.5 * TURNED[:, 0]) + np.outer(rows, 1.25 * TURNED[:, 1])
        )
    for number, parts in marked.items():
        expected = GRID.to_physical(np.argwhere(_array() == number))
        np.testing.assert_allclose(
            _sorted(np.concatenate(parts)), _sorted(expected), rtol=0, atol=1e-4
        )


def test_a_written_segmentation_has_no_errors(tmp_path):
    write_ct(tmp_path / "ct", GRID)
    _write(LabelMap(_array(), GRID, names=NAMES), tmp_path / "labels.dcm", tmp_path / "ct")
    assert_conformant(tmp_path / "labels.dcm")


def test_itk_sees_the_pixels_of_a_written_segmentation(tmp_path):
    write_ct(tmp_path / "ct", GRID)
    array = (_array() == 1).astype(np.uint8)
    _write(LabelMap(array, GRID), tmp_path / "labels.dcm", tmp_path / "ct")
    frames = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "labels.dcm"))) > 0
    np.testing.assert_array_equal(frames.sum(axis=0), array.sum(axis=0))


@pytest.mark.parametrize(
    "grid",
    [GRID, Grid((40, 20, 24), (0.9, 1.1, 0.7), GRID.to_physical([1, 3, 4]), GRID.direction)],
    ids=["grid of the series", "another grid"],
)
def test_written_labels_are_read_again(grid, tmp_path):
    write_ct(tmp_path / "ct", GRID)
    array = np.zeros(grid.shape_zyx, np.uint8)
    array[3:6, 3:9, 4:20], array[5:7, 10:20, 2:9] = 1, 2
    _write(LabelMap(array, grid, names={1: "a"}), tmp_path / "labels.dcm", tmp_path / "ct")
    labels = read_labels(tmp_path / "labels.dcm", image=LabeledImage(grid))
    np.testing.assert_array_equal(labels.array, array)
    assert labels.names == {1: "a", 2: "label 2"}
    assert labels.grid == grid


def test_names_beyond_the_character_set_of_the_series(tmp_path):
    write_ct(tmp_path / "ct", GRID)
    for file in (tmp_path / "ct").iterdir():
        dataset = pydicom.dcmread(file)
        dataset.SpecificCharacterSet, dataset.PatientName = "ISO_IR 100", "Müller^Zoë"
        dataset.save_as(file)
    names = {1: "Läsion 肝", 2: "x" * 100, 3: "tumor"}
    _write(LabelMap(_array(), GRID, names=names), tmp_path / "l.dcm", tmp_path / "ct")
    seg = pydicom.dcmread(tmp_path / "l.dcm")
    assert str(seg.PatientName) == "Müller^Zoë"
    assert [s.SegmentLabel for s in seg.SegmentSequence] == ["Läsion 肝", "x" * 64, "tumor"]
    assert_conformant(tmp_path / "l.dcm")


@pytest.mark.parametrize("name", ["NM", "enhanced MR"])
def test_labels_of_a_multiframe_image(name, tmp_path, shared_data):
    file = {
        "NM": shared_data.parent / "cases" / "files" / "nm_no_slicevector.dcm",
        "enhanced MR": shared_data / "niivue_orient" / "enh.dcm",
    }[name]
    grid = read_volume(file).grid
    array = np.zeros(grid.shape_zyx, np.uint8)
    array[1:3, 2:5, 1:4], array[0] = 1, 2
    _write(LabelMap(array, grid), tmp_path / "l.dcm", file)
    labels = read_labels(tmp_path / "l.dcm", image=LabeledImage(grid))
    np.testing.assert_array_equal(labels.array, array)
    other = Grid((9, 8, 7), (1.1, 1.2, 1.3), grid.centre)
    blocks = np.ones(other.shape_zyx, np.uint8)
    _write(LabelMap(blocks, other), tmp_path / "other.dcm", file)
    assert read_labels(tmp_path / "other.dcm", image=LabeledImage(other)).grid == other
    assert_conformant(tmp_path / "l.dcm")


def test_labels_with_gaps_are_renumbered_and_told(tmp_path, caplog):
    write_ct(tmp_path / "ct", GRID)
    array = np.choose(_array(), [0, 1, 40, 1000])
    _write(LabelMap(array, GRID, names={40: "spleen"}), tmp_path / "l.dcm", tmp_path / "ct")
    labels = read_labels(tmp_path / "l.dcm", image=IMAGE)
    np.testing.assert_array_equal(labels.array, _array())
    assert labels.names == {1: "label 1", 2: "spleen", 3: "label 1000"}
    assert "from 1 without gaps: label 40 is 2, 1000 is 3" in caplog.text


def test_label_maps_that_no_segmentation_can_hold(tmp_path):
    write_ct(tmp_path / "ct", GRID)
    empty = LabelMap(np.zeros(GRID.shape_zyx, int), GRID)
    with pytest.raises(FileFormatError, match=r"l\.dcm: the label map is empty"):
        _write(empty, tmp_path / "l.dcm", tmp_path / "ct")
    with pytest.raises(FileFormatError, match="the label map has negative labels"):
        _write(empty.with_array(empty.array - 1), tmp_path / "l.dcm", tmp_path / "ct")


def test_a_source_that_is_not_dicom(tmp_path):
    labels = LabelMap(_array(), GRID)
    regkit.write_volume(labels, tmp_path / "image.nii.gz")
    with pytest.raises(FileFormatError, match=r"image\.nii\.gz: is not DICOM, so patient, study"):
        _write(labels, tmp_path / "l.dcm", tmp_path / "image.nii.gz")
    assert not (tmp_path / "l.dcm").exists()


def test_a_source_without_a_frame_of_reference(tmp_path, caplog):
    write_ct(tmp_path / "ct", GRID)
    for file in (tmp_path / "ct").iterdir():
        dataset = pydicom.dcmread(file)
        del dataset.FrameOfReferenceUID
        dataset.save_as(file)
    _write(LabelMap(_array(), GRID), tmp_path / "l.dcm", tmp_path / "ct")
    assert "names no frame of reference: a new one stands for it" in caplog.text
    source = read_dicom_source(tmp_path / "ct")
    assert pydicom.dcmread(tmp_path / "l.dcm").FrameOfReferenceUID == source.frame_of_reference
    np.testing.assert_array_equal(read_labels(tmp_path / "l.dcm", image=IMAGE).array, _array())
