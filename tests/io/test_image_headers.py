"""What a header says of unit, place and scaling is honoured, or told."""

import logging
import re

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from header_files import (
    PLACED_METAIMAGE,
    PLACED_NRRD,
    VOXELS,
    write_metaimage,
    write_mgh,
    write_nifti,
    write_nrrd,
)
from regkit import read_volume
from regkit.errors import FileFormatError, GeometryError
from regkit.geometry.sitk_bridge import grid_from_sitk

EXPECTED = VOXELS.reshape(3, 4, 5)
# Rotations whose quaternion is, or is a hair over, of norm 1.
HALF_TURNS = [(0.70711, 0.70711, 0), (0.57736, 0.57736, 0.57736), (0, 0, 1.0000001), (0, 1.5, 0)]


def _read(path, caplog):
    with caplog.at_level(logging.WARNING):
        volume = read_volume(path)
    np.testing.assert_array_equal(volume.array, EXPECTED)
    return volume


def _matches_itk(volume, path) -> bool:
    return volume.grid.matches(grid_from_sitk(sitk.ReadImage(str(path))))


@pytest.mark.parametrize(
    ("unit", "mm"),
    [("um", 1e-3), ("microns", 1e-3), ("Micrometers", 1e-3), ("µm", 1e-3), ("μm", 1e-3),
     ("mm", 1), ("millimetre", 1), ("cm", 10), ("m", 1000), ("inches", 25.4), ("", 1)],
)  # fmt: skip
def test_units_of_nrrd(unit, mm, tmp_path, caplog):
    units = f'space units: "{unit}" "{unit}" "{unit}"'
    volume = _read(write_nrrd(tmp_path / "a.nrrd", *PLACED_NRRD, units), caplog)
    np.testing.assert_allclose(volume.grid.spacing, np.multiply((2, 2, 3), mm))
    np.testing.assert_allclose(volume.grid.origin, np.multiply((-30, 40, 5), mm))
    assert ("check the unit" in caplog.text) == (mm == 1000)
    assert "guess" not in caplog.text


def test_each_axis_of_a_nrrd_has_its_own_unit(tmp_path, caplog):
    lines = ["space: RAS", "space directions: (0,2,0) (2,0,0) (0,0,3)", "space origin: (30,-40,5)"]
    path = write_nrrd(tmp_path / "a.nrrd", *lines, 'space units: "um" "mm" "cm"')
    volume = _read(path, caplog)
    # Along the first axis of the array lies y of the space, and so on.
    np.testing.assert_allclose(volume.grid.spacing, (2, 0.002, 30))
    np.testing.assert_allclose(volume.grid.origin, (-0.03, 40, 50))


def test_units_of_spacings_without_a_space(tmp_path, caplog):
    lines = ["spacings: 2 2 3", 'units: "cm" "cm" "um"']
    volume = _read(write_nrrd(tmp_path / "a.nrrd", *lines), caplog)
    np.testing.assert_allclose(volume.grid.spacing, (20, 20, 0.003))
    assert "states no position, no orientation; assumed, as a guess: first voxel at" in caplog.text


@pytest.mark.parametrize(
    ("lines", "says"),
    [([], "states no voxel size, no position, no orientation; assumed, as a guess: voxels of 1"),
     (["spacings: nan nan nan"], "states no voxel size"),
     (PLACED_NRRD[:2], "states no position; assumed, as a guess: first voxel at zero$"),
     (["space dimension: 3", *PLACED_NRRD[1:]], "does not name its space: read as LPS"),
     (["space: scanner-xyz", *PLACED_NRRD[1:]], "not in a patient space"),
     ([*PLACED_NRRD, 'space units: "parsec" "mm" "mm"'], "unknown unit 'parsec': millimeters")],
)  # fmt: skip
def test_what_a_nrrd_does_not_say(lines, says, tmp_path, caplog):
    path = write_nrrd(tmp_path / "a.nrrd", *lines)
    volume = _read(path, caplog)
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith(str(path))
    assert re.search(says, caplog.messages[0])
    assert _matches_itk(volume, path)


@pytest.mark.parametrize(("unit", "mm"), [("um", 1e-3), ("mm", 1), ("cm", 10), ("m", 1000)])
def test_units_of_metaimage(unit, mm, tmp_path, caplog):
    path = write_metaimage(tmp_path / "a.mha", *PLACED_METAIMAGE, f"DistanceUnits = {unit}")
    volume = _read(path, caplog)
    np.testing.assert_allclose(volume.grid.spacing, np.multiply((2, 2, 3), mm))
    np.testing.assert_allclose(volume.grid.origin, np.multiply((-30, 40, 5), mm))


@pytest.mark.parametrize(
    ("lines", "says"),
    [([], "states no voxel size, no position, no orientation; assumed, as a guess"),
     (["ElementSize = 2 2 3"], "states no position, no orientation;"),
     (["ElementSpacing = 2 2 3"], "states no position, no orientation;"),
     (["ElementSpacing = 2 2 3", "AnatomicalOrientation = LPI"], "no orientation;"),
     (["ElementSpacing = 2 2 3", "Position = 1 2 3", "Orientation = 0 1 0 1 0 0 0 0 1"], ""),
     (["ElementSpacing = 2 2 3", "Origin = 1 2 3", "Rotation = 0 1 0 -1 0 0 0 0 1"], ""),
     ([*PLACED_METAIMAGE, "CenterOfRotation = 0 0 0"], ""),
     ([*PLACED_METAIMAGE, "CenterOfRotation = 10 20 30"], "CenterOfRotation: it is ignored"),
     ([*PLACED_METAIMAGE, "ElementToIntensityFunctionSlope = 2"], "IntensityFunction: it is ig"),
     ([*PLACED_METAIMAGE, "DistanceUnits = ?"], ""),
     ([*PLACED_METAIMAGE, "DistanceUnits = furlong"], "unknown unit 'furlong'")],
)  # fmt: skip
def test_what_a_metaimage_says(lines, says, tmp_path, caplog):
    path = write_metaimage(tmp_path / "a.mha", *lines)
    volume = _read(path, caplog)
    assert len(caplog.messages) == bool(says)
    assert says in caplog.text
    assert _matches_itk(volume, path)


@pytest.mark.parametrize("first", ["Comment = by hand", "Name = a", "ObjectType = Image"])
def test_a_metaimage_may_begin_with_any_field(first, tmp_path, caplog):
    path = write_metaimage(tmp_path / "a.mha", *PLACED_METAIMAGE, first=first)
    assert _matches_itk(_read(path, caplog), path)
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("name", "modality"),
    [("MET_MOD_CT", "ct"), ("MET_MOD_MR", "mr"), ("MET_MOD_US", "us"), ("MET_MOD_UNKNOWN", "")],
)
def test_a_metaimage_states_its_modality(name, modality, tmp_path):
    path = write_metaimage(tmp_path / "a.mha", *PLACED_METAIMAGE, f"Modality = {name}")
    assert read_volume(path).modality == modality
    assert read_volume(path, "pet").modality == "pet"


def test_a_nrrd_states_its_modality(tmp_path):
    path = write_nrrd(tmp_path / "a.nrrd", *PLACED_NRRD, "modality:=CT")
    assert read_volume(path).modality == "ct"


def test_fields_that_nrrd_forbids_are_not_called_damage(tmp_path):
    write_nrrd(tmp_path / "a.nrrd", *PLACED_NRRD, 'units: "mm" "mm" "mm"')
    with pytest.raises(FileFormatError, match=r"'units' beside .*remove the line"):
        read_volume(tmp_path / "a.nrrd")


@pytest.mark.parametrize("vector", HALF_TURNS)
def test_a_quaternion_over_one_is_normalized(vector, tmp_path, caplog):
    fields = dict(zip(("quatern_b", "quatern_c", "quatern_d"), vector, strict=True))
    path = write_nifti(tmp_path / "a.nii", sform_code=0, **fields)
    assert _matches_itk(_read(path, caplog), path)
    assert ("has a quaternion of norm 1.5" in caplog.text) == (vector[1] == 1.5)


@pytest.mark.parametrize("code", [0, 2, 10, 18, 4, 5, 6, 7, 255])
def test_unit_codes_beside_a_valid_sform(code, tmp_path, caplog):
    path = write_nifti(tmp_path / "a.nii", xyzt_units=code)
    assert _read(path, caplog).grid.spacing == (2, 2, 3)
    assert ("unknown unit code" in caplog.text) == (code & 7 not in (0, 2))


@pytest.mark.parametrize(("code", "mm"), [(1, 1000), (3, 1e-3), (3 + 8, 1e-3)])
@pytest.mark.parametrize("forms", [(0, 1), (1, 0), (1, 1), (0, 0)])
def test_units_of_nifti(code, mm, forms, tmp_path, caplog):
    sform, qform = forms
    fields = {"xyzt_units": code, "sform_code": sform, "qform_code": qform}
    volume = _read(write_nifti(tmp_path / "a.nii", **fields), caplog)
    np.testing.assert_allclose(volume.grid.spacing, np.multiply((2, 2, 3), mm))
    assert "apart" not in caplog.text


@pytest.mark.parametrize(
    ("fields", "value"),
    [({"scl_inter": np.nan}, 1), ({"scl_slope": 2, "scl_inter": np.inf}, 2),
     ({"scl_slope": np.nan, "scl_inter": 5}, 1), ({"scl_slope": 0, "scl_inter": 5}, 1),
     ({"scl_slope": np.nan, "scl_inter": np.nan}, 1), ({"scl_slope": np.inf}, 1)],
)  # fmt: skip
def test_scaling_that_is_no_number(fields, value, tmp_path, caplog):
    path = write_nifti(tmp_path / "a.nii", **{"scl_slope": 1} | fields)
    volume = read_volume(path)
    np.testing.assert_array_equal(volume.array, value * EXPECTED)
    scaled = np.isfinite(fields.get("scl_slope", 1)) and fields.get("scl_slope", 1) != 0
    assert ("in scl_inter: 0 is assumed" in caplog.text) == bool(scaled)


@pytest.mark.parametrize(
    "fields",
    [{"dim": [4, 5, 4, 3, 0, 1, 1, 1]}, {"dim": [4, 5, 4, 3, -1, 1, 1, 1]},
     {"dim": [5, 5, 4, 3, 1, 0, 0, 0]}, {"dim": [3, 5, 4, 3, 0, 0, 0, 0]},
     {"vox_offset": np.nan}, {"vox_offset": 0}, {"qform_code": -1}, {"pixdim": [0] + [1] * 7,
      "srow_x": [-1, 0, 0, 0], "srow_y": [0, 1, 0, 0], "srow_z": [0, 0, 1, 0], "qform_code": 0}],
)  # fmt: skip
def test_harmless_oddities_of_nifti(fields, tmp_path, caplog):
    _read(write_nifti(tmp_path / "a.nii", **fields), caplog)
    assert caplog.text == ""


def test_sform_and_qform_apart(tmp_path, caplog):
    path = write_nifti(tmp_path / "a.nii", qoffset_x=80)
    volume = _read(path, caplog)
    assert "corners of the image up to 50 mm apart: the sform is used" in caplog.text
    expected = nib.load(path).affine[:3, 3] * [-1, -1, 1]
    np.testing.assert_allclose(volume.grid.origin, expected)


def test_sform_and_qform_apart_in_another_unit(tmp_path, caplog):
    _read(write_nifti(tmp_path / "a.nii", qoffset_x=80, xyzt_units=3), caplog)
    assert "up to 0.05 mm apart" in caplog.text


@pytest.mark.parametrize("shift", [0, 0.05])
def test_rounding_of_a_qform_is_no_conflict(shift, tmp_path, caplog):
    _read(write_nifti(tmp_path / "a.nii", qoffset_x=30 + shift), caplog)
    assert caplog.text == ""


def test_a_turned_qform_and_a_damaged_one(tmp_path, caplog):
    _read(write_nifti(tmp_path / "a.nii", quatern_b=np.nan), caplog)
    assert caplog.text == ""
    _read(write_nifti(tmp_path / "b.nii", quatern_b=1, quatern_c=0), caplog)
    assert "apart: the sform is used" in caplog.text


def test_a_singular_sform_gives_way_to_the_qform(tmp_path, caplog):
    zeros = {f"srow_{axis}": [0, 0, 0, 0] for axis in "xyz"}
    path = write_nifti(tmp_path / "a.nii", **zeros)
    assert _matches_itk(_read(path, caplog), path)
    assert "has a singular sform: its qform is used" in caplog.text
    write_nifti(tmp_path / "b.nii", qform_code=0, **zeros)
    with pytest.raises(GeometryError, match="singular"):
        read_volume(tmp_path / "b.nii")


def test_pixdim_and_sform_of_different_sizes(tmp_path, caplog):
    path = write_nifti(tmp_path / "a.nii", qform_code=0, pixdim=[1, 1, 1, 1, 1, 1, 1, 1])
    assert _read(path, caplog).grid.spacing == (2, 2, 3)
    assert "voxels of 2 x 2 x 3 in its sform and of 1 x 1 x 1 in pixdim" in caplog.text


def test_negative_voxel_sizes_beside_a_valid_sform(tmp_path, caplog):
    path = write_nifti(tmp_path / "a.nii", pixdim=[1, 2, -2, 3, 1, 1, 1, 1])
    assert _read(path, caplog).grid.spacing == (2, 2, 3)
    assert caplog.text == ""


@pytest.mark.parametrize("dimensions", [0, 8, -1])
def test_impossible_numbers_of_dimensions(dimensions, tmp_path):
    write_nifti(tmp_path / "a.nii", dim=[dimensions, 5, 4, 3, 1, 1, 1, 1])
    with pytest.raises(FileFormatError, match=r"dim\[0\], must be 3 to 7, got"):
        read_volume(tmp_path / "a.nii")


def test_voxel_types_that_nobody_reads(tmp_path):
    write_nifti(tmp_path / "a.nii", datatype=1)
    with pytest.raises(FileFormatError, match="voxel type, NIfTI code 1, cannot be read"):
        read_volume(tmp_path / "a.nii")
    write_mgh(tmp_path / "a.mgh", kind=5)
    with pytest.raises(FileFormatError, match="MGH voxel type 5 cannot be read"):
        read_volume(tmp_path / "a.mgh")


def test_unsigned_integers_of_freesurfer(tmp_path, caplog):
    _read(write_mgh(tmp_path / "a.mgh", kind=10), caplog)
    assert caplog.text == ""


@pytest.mark.parametrize("good_ras", [0, -1])
def test_an_mgh_without_a_place(good_ras, tmp_path, caplog):
    volume = _read(write_mgh(tmp_path / "a.mgh", good_ras=good_ras), caplog)
    assert "states no place; assumed, as a guess, as FreeSurfer does: coronal" in caplog.text
    judge = nib.MGHImage.from_bytes(write_mgh(tmp_path / "b.mgh", good_ras=0).read_bytes()).affine
    corner = volume.grid.to_physical(np.zeros((1, 3)))[0]
    np.testing.assert_allclose(corner, judge[:3, 3] * [-1, -1, 1])
    np.testing.assert_allclose(volume.grid.spacing, 1)


def test_an_sform_that_is_not_finite_gives_way_to_the_qform(tmp_path, caplog):
    nothing = {f"srow_{axis}": [np.nan] * 4 for axis in "xyz"}
    path = write_nifti(tmp_path / "a.nii", **nothing)
    assert _matches_itk(_read(path, caplog), write_nifti(tmp_path / "placed.nii"))
    assert "has a sform that is not finite: its qform is used" in caplog.text
    assert "singular" not in caplog.text
    write_nifti(tmp_path / "b.nii", qform_code=0, **nothing)
    with pytest.raises(GeometryError, match="not finite"):
        read_volume(tmp_path / "b.nii")


def _write_nrrd_4d(path, sizes, directions, *lines, dtype="<u2"):
    """Write a NRRD file of four axes with the voxels of the other files."""
    kind = {"<u2": "uint16", "<f4": "float", "<f8": "double"}[dtype]
    header = [
        *("NRRD0004", f"type: {kind}", "encoding: raw", "endian: little", "dimension: 4"),
        *("space: left-posterior-superior", "space origin: (-30,40,5)", f"sizes: {sizes}"),
        *(f"space directions: {directions}", *lines),
    ]
    repeats = np.prod([int(n) for n in sizes.split()]) // VOXELS.size
    voxels = np.tile(VOXELS.ravel(), repeats).astype(dtype).tobytes()
    path.write_bytes(("\n".join(header) + "\n\n").encode() + voxels)
    return path


@pytest.mark.parametrize("dtype", ["<u2", "<f4", "<f8"])
def test_a_list_axis_of_one_number_is_dropped(dtype, tmp_path, caplog):
    kinds = "kinds: list domain domain domain"
    directions = "none (2,0,0) (0,2,0) (0,0,3)"
    path = _write_nrrd_4d(tmp_path / "a.nrrd", "1 5 4 3", directions, kinds, dtype=dtype)
    assert _matches_itk(_read(path, caplog), write_nrrd(tmp_path / "b.nrrd", *PLACED_NRRD))
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("sizes", "directions", "kinds"),
    [
        ("1 5 4 3", "none (2,0,0) (0,2,0) (0,0,3)", ()),
        ("1 5 4 3", "none (2,0,0) (0,2,0) (0,0,3)", ("kinds: time domain domain domain",)),
        ("5 4 3 1", "(2,0,0) (0,2,0) (0,0,3) none", ()),
        ("5 4 3 2", "(2,0,0) (0,2,0) (0,0,3) none", ()),
    ],
)
def test_an_axis_outside_space_is_told_plainly(sizes, directions, kinds, tmp_path):
    path = _write_nrrd_4d(tmp_path / "a.nrrd", sizes, directions, *kinds)
    with pytest.raises(FileFormatError, match="has an axis without a direction in space") as told:
        read_volume(path)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    "lines",
    [
        (*PLACED_NRRD, 'units: "mm" "mm" "mm"'),
        (*PLACED_NRRD, "sizes: 5 4"),
        ("space: left-posterior-superior", "space directions: (2,0) (0,2) (0,0)"),
        (*PLACED_NRRD, "kinds: domain nonsense domain"),
        (*PLACED_NRRD, "centerings: cell"),
        ("spacings: 1 1",),
    ],
)
def test_headers_that_contradict_themselves_are_refused(lines, tmp_path):
    path = write_nrrd(tmp_path / "a.nrrd", *lines)
    with pytest.raises(FileFormatError) as told:
        read_volume(path)
    assert not re.search(r"0x[0-9a-f]{4}|ImageIO|::", str(told.value))
    assert "\n" not in str(told.value)
