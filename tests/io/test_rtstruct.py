"""RT Structure Sets as masks and labels: which regions, on which grid, with which remarks."""

import numpy as np
import pytest

import regkit
from dicom_objects import write_ct, write_structures
from regkit.errors import FileFormatError
from regkit.geometry.grid import Grid
from regkit.io import read_labels, read_mask, read_volume
from regkit.io.labeled_image import LabeledImage
from regkit.io.region import number_like

GRID = Grid((8, 30, 40), (1.5, 1.5, 3.0), (-30.0, -20.0, 100.0))
IMAGE = LabeledImage(GRID)


def _box(x: float, y: float, size: float, slice_index: int) -> np.ndarray:
    """Return a square contour around whole voxels, off their centers by a quarter of a voxel."""
    corners = np.array([[y, x], [y, x + size], [y + size, x + size], [y + size, x]]) - 0.25
    return GRID.to_physical(np.insert(corners, 0, slice_index, axis=1))


def _boxes(x, y, size, slices) -> list[np.ndarray]:
    return [_box(x, y, size, z) for z in slices]


BODY = (1, "Body", _boxes(2, 2, 25, range(8)))
TUMOR = (4, "GTV Mass left", _boxes(8, 6, 5, (2, 3)))
OTHER = (5, "GTV node", _boxes(20, 20, 3, (4,)))
MARKER = (7, "Isocenter", [("POINT", np.array([[0.0, 0.0, 106.0]]))])


def _voxels(x, y, size, slices) -> np.ndarray:
    mask = np.zeros(GRID.shape_zyx, bool)
    mask[list(slices), y : y + size, x : x + size] = True
    return mask


def test_labels_have_the_numbers_and_names_of_the_regions(tmp_path):
    file = write_structures(tmp_path / "RS.dcm", [TUMOR, OTHER])
    labels = read_labels(file, image=IMAGE)
    expected = 4 * _voxels(8, 6, 5, (2, 3)) + 5 * _voxels(20, 20, 3, (4,))
    np.testing.assert_array_equal(labels.array, expected)
    assert labels.names == {4: "GTV Mass left", 5: "GTV node"}
    assert labels.grid == GRID


def test_the_only_region_of_a_file_is_the_mask(tmp_path, caplog):
    write_structures(tmp_path / "RS.dcm", [TUMOR, MARKER, (9, "empty", [])])
    mask = read_mask(tmp_path, image=IMAGE)  # the folder names its only file
    np.testing.assert_array_equal(mask.array > 0, _voxels(8, 6, 5, (2, 3)))
    assert "ROI 7 'Isocenter': contours left out that enclose no area: 1 POINT" in caplog.text
    assert "ROI 9 'empty' has no contours: left out" in caplog.text


def test_one_of_several_regions_must_be_chosen(tmp_path):
    file = write_structures(tmp_path / "RS.dcm", [BODY, TUMOR, OTHER])
    with pytest.raises(FileFormatError) as error:
        read_mask(file, image=IMAGE)
    assert str(error.value) == (
        f"{file}: holds 3 regions: 1 'Body', 4 'GTV Mass left', 5 'GTV node'; choose by number or "
        "words of the name, 'all' for all"
    )


@pytest.mark.parametrize(
    ("choice", "labels"),
    [
        ("4", [4]),
        ("gtv node", [5]),
        ("left mass", [4]),
        ("body", [1]),
        ("node, 4", [4, 5]),
        ("all", [1, 4, 5]),
    ],
)
def test_regions_are_chosen_by_number_or_words(choice, labels, tmp_path):
    file = write_structures(tmp_path / "RS.dcm", [BODY, TUMOR, OTHER])
    assert list(read_mask(file, choice, IMAGE).labels) == labels


@pytest.mark.parametrize(
    ("choice", "match"),
    [
        ("gtv", "has several for 'gtv': 4 'GTV Mass left', 5 'GTV node'; choose by number"),
        ("heart", "holds no region 'heart' but 1 'Body', 4 'GTV Mass left', 5 'GTV node'"),
        ("4,,5", "holds no region '' but"),
    ],
)
def test_choices_that_fit_no_region_or_several(choice, match, tmp_path):
    file = write_structures(tmp_path / "RS.dcm", [BODY, TUMOR, OTHER])
    with pytest.raises(FileFormatError, match=match):
        read_mask(file, choice, IMAGE)


@pytest.mark.parametrize("order", [1, -1])
def test_the_smaller_of_two_regions_keeps_the_voxels_of_both(order, tmp_path, caplog):
    file = write_structures(tmp_path / "RS.dcm", [BODY, TUMOR][::order])
    labels = read_labels(file, image=IMAGE)
    np.testing.assert_array_equal(labels.array == 4, _voxels(8, 6, 5, (2, 3)))
    np.testing.assert_array_equal(labels.array > 0, _voxels(2, 2, 25, range(8)))
    assert "overlap: the smaller keeps the voxels" in caplog.text


def test_a_region_numbered_0_becomes_a_free_label(tmp_path, caplog):
    file = write_structures(tmp_path / "RS.dcm", [(0, "A", TUMOR[2]), (1, "B", OTHER[2])])
    labels = read_labels(file, image=IMAGE)
    assert labels.names == {2: "A", 1: "B"}
    assert "region 0 'A' becomes label 2: labels start at 1" in caplog.text


def test_numbers_beyond_a_byte(tmp_path):
    file = write_structures(tmp_path / "RS.dcm", [(70_000, "A", TUMOR[2])])
    assert read_labels(file, image=IMAGE).labels == (70_000,)


def test_contours_need_an_image(tmp_path):
    file = write_structures(tmp_path / "RS.dcm", [TUMOR])
    with pytest.raises(FileFormatError, match="contours have no voxels; name the image they were"):
        read_labels(file)


def test_a_structure_set_is_no_image(tmp_path):
    file = write_structures(tmp_path / "RS.dcm", [TUMOR])
    with pytest.raises(FileFormatError, match="RTSTRUCT"):
        read_volume(file)


def test_only_points_and_open_curves(tmp_path, caplog):
    curve = (8, "Catheter", [("OPEN_NONPLANAR", np.arange(12.0).reshape(4, 3))])
    file = write_structures(tmp_path / "RS.dcm", [MARKER, curve])
    with pytest.raises(FileFormatError, match="RT Structure Set without a closed planar contour"):
        read_labels(file, image=IMAGE)
    assert "1 OPEN_NONPLANAR" in caplog.text


def test_contours_of_the_type_that_says_xor(tmp_path):
    ring = [("CLOSEDPLANAR_XOR", _box(5, 5, 12, 3)), ("CLOSEDPLANAR_XOR", _box(8, 8, 4, 3))]
    file = write_structures(tmp_path / "RS.dcm", [(1, "ring", ring)])
    expected = _voxels(5, 5, 12, [3]) & ~_voxels(8, 8, 4, [3])
    np.testing.assert_array_equal(read_labels(file, image=IMAGE).array, expected)


@pytest.mark.parametrize("damage", [b"1.0\\nan\\3.0", b"1.0\\2.0e3.0"])
def test_damaged_coordinates(damage, tmp_path):
    triangle = np.array([[1.0, 2.0, 3.0], [7.0, 2.0, 3.0], [7.0, 9.0, 3.0]])
    file = write_structures(tmp_path / "RS.dcm", [(4, "GTV", [triangle])])
    file.write_bytes(file.read_bytes().replace(b"1.0\\2.0\\3.0", damage))
    with pytest.raises(FileFormatError, match=r"RS\.dcm: .*(ROI 'GTV' has a contour|damaged)"):
        read_labels(file, image=IMAGE)


def test_another_frame_of_reference_is_told(tmp_path, caplog):
    write_ct(tmp_path / "ct", GRID)
    same = write_structures(tmp_path / "same.dcm", [TUMOR])
    other = write_structures(tmp_path / "other.dcm", [TUMOR], frame="1.2.3.4")
    image = LabeledImage(read_volume(tmp_path / "ct").grid, tmp_path / "ct")
    expected = read_labels(same, image=image).array
    assert not caplog.text
    np.testing.assert_array_equal(read_labels(other, image=image).array, expected)
    assert "other.dcm has another frame of reference (FrameOfReferenceUID) than" in caplog.text


def test_a_region_between_voxel_centers_is_told(tmp_path, caplog):
    small = _box(8, 6, 0.1, 2) + np.array([0.7, 0.7, 0])
    file = write_structures(tmp_path / "RS.dcm", [TUMOR, (9, "speck", [small])])
    assert read_labels(file, image=IMAGE).labels == (4,)
    assert "region 9 'speck' cover no voxel" in caplog.text


def test_a_folder_of_several_label_objects(tmp_path):
    write_structures(tmp_path / "a.dcm", [TUMOR])
    write_structures(tmp_path / "b.dcm", [TUMOR])
    with pytest.raises(FileFormatError, match=r"holds 2 label objects: a\.dcm, b\.dcm; give one"):
        read_labels(tmp_path, image=IMAGE)


def test_a_file_cut_short(tmp_path):
    file = write_structures(tmp_path / "RS.dcm", [BODY, TUMOR])
    content = file.read_bytes()
    for length in range(400, len(content), len(content) // 25):
        file.write_bytes(content[:length])
        try:
            read_labels(file, image=IMAGE)
        except regkit.errors.RegkitError as error:
            assert str(error).startswith(str(file))  # noqa: PT017


@pytest.mark.parametrize("name", ["CT", "PET", "MR_T1"])
def test_real_contours_are_the_mask_of_their_makers(name, shared_data):
    folder = shared_data / "sts_dicom" / "STS_002" / name
    grid = read_volume(folder / "image").grid
    mask = read_mask(folder / "mask", image=LabeledImage(grid, folder / "image"))
    made = read_labels(shared_data / "ibsi_sts" / "STS_002" / f"{name}_mask.nii.gz")
    np.testing.assert_array_equal(mask.array, regkit.resample(made, grid).array)


def test_labels_of_plain_files_are_chosen_by_number(tmp_path):
    array = np.arange(8)[:, None, None] * np.ones((8, 30, 40), int)
    regkit.write_volume(regkit.LabelMap(array, GRID), tmp_path / "labels.nii.gz")
    assert read_labels(tmp_path / "labels.nii.gz", "2, 5").labels == (2, 5)
    assert len(read_mask(tmp_path / "labels.nii.gz").labels) == 7
    with pytest.raises(FileFormatError, match="holds no region '9' but 1, 2, 3, 4, 5, 6, 7"):
        read_mask(tmp_path / "labels.nii.gz", "9")


def test_labels_of_two_files_are_paired_by_name(tmp_path, caplog):
    fixed = write_structures(tmp_path / "fixed.dcm", [TUMOR, OTHER])
    other_numbers = [
        (1, "gtv node", OTHER[2]),
        (4, "Heart", BODY[2]),
        (9, "GTV mass LEFT", TUMOR[2]),
    ]
    moving = write_structures(tmp_path / "moving.dcm", other_numbers)
    fixed_labels, moving_labels = (read_labels(file, image=IMAGE) for file in (fixed, moving))
    paired = number_like(moving_labels, fixed_labels)
    assert paired.names == {5: "gtv node", 2: "Heart", 4: "GTV mass LEFT"}
    np.testing.assert_array_equal(paired.array == 5, fixed_labels.array == 5)
    np.testing.assert_array_equal(paired.array == 4, fixed_labels.array == 4)
    assert "labels are paired by name: gtv node: 1 is 5" in caplog.text
    assert number_like(fixed_labels, fixed_labels) is fixed_labels
    plain = regkit.LabelMap(moving_labels.array, GRID)
    assert number_like(plain, fixed_labels) is plain
