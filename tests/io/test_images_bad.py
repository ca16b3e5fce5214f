"""Every bad image gives one clear line that names the file, and nothing else."""

import gzip

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image

from regkit import Grid, Volume, read_labels, read_volume, write_volume
from regkit.errors import FileFormatError, GeometryError, RegkitError
from regkit.io import images

SHAPE = (6, 7, 8)


def _write(path) -> None:
    values = np.random.default_rng(0).normal(size=SHAPE)
    write_volume(Volume(values, Grid(SHAPE, (1, 2, 3))), path)


def _write_with_itk(path) -> None:
    image = sitk.GetImageFromArray(np.zeros(SHAPE, np.float32))
    image.SetSpacing((1, 2, 3))
    sitk.WriteImage(image, str(path))


def _nifti(path, array=None, **fields) -> None:
    array = np.zeros((4, 5, 6), np.float32) if array is None else array
    image = nib.Nifti1Image(array, np.eye(4))
    content = image.to_bytes()
    header = nib.Nifti1Header(content[:348], check=False)
    for name, value in fields.items():  # unmended, as nibabel would not write them
        header[name] = value
    path.write_bytes(header.binaryblock + content[348:])


def _refused(path, match, kind=FileFormatError, read=read_volume) -> None:
    with pytest.raises(kind, match=match) as caught:
        read(path)
    assert "\n" not in str(caught.value)
    assert path.name in str(caught.value)


def test_a_missing_file_suggests_close_names(tmp_path):
    _write(tmp_path / "patient_pet.nii.gz")
    _refused(tmp_path / "patient_ct.nii.gz", r"did you mean patient_pet\.nii\.gz\?")
    _refused(tmp_path / "zzzz", "no such file$")
    _refused(tmp_path / "nowhere" / "image.nii", "the folder .*nowhere does not exist")


@pytest.mark.parametrize("suffix", ["nii", "nii.gz", "nrrd", "mha", "mgz", "dcm"])
def test_an_empty_file(suffix, tmp_path):
    path = tmp_path / f"image.{suffix}"
    path.touch()
    _refused(path, r"the file is empty \(0 bytes\)")


@pytest.mark.parametrize("suffix", ["nii", "nii.gz", "nrrd", "mha", "mgz", "mgh"])
@pytest.mark.parametrize("kept", [0.2, 0.6, 0.95])
def test_a_truncated_file(suffix, kept, tmp_path, capfd):
    path = tmp_path / f"image.{suffix}"
    _write(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    _refused(path, "truncated|damaged")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("suffix", ["nii.gz", "mgz"])
@pytest.mark.parametrize("cut", [1, 4, 8, 12])
def test_a_compressed_file_without_its_last_bytes(suffix, cut, tmp_path):
    path = tmp_path / f"image.{suffix}"
    _write(path)
    path.write_bytes(path.read_bytes()[:-cut])
    _refused(path, "truncated")


def test_a_flipped_bit_in_compressed_data(tmp_path):
    path = tmp_path / "image.nii.gz"
    _write(path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)
    _refused(path, "damaged|truncated")


def test_a_header_without_its_voxels(tmp_path):
    _write(tmp_path / "image.mhd")
    (tmp_path / "image.zraw").unlink()
    _refused(tmp_path / "image.mhd", "voxel data are missing")
    _write(tmp_path / "other.nhdr")
    next(tmp_path.glob("other.raw*")).unlink()
    _refused(tmp_path / "other.nhdr", "voxel data are missing")
    nib.Nifti1Pair(np.zeros((3, 4, 5), np.float32), np.eye(4)).to_filename(tmp_path / "pair.img")
    (tmp_path / "pair.img").unlink()
    _refused(tmp_path / "pair.hdr", r"its other half pair\.img is missing")


def test_content_that_belies_the_suffix(tmp_path):
    (tmp_path / "text.nii.gz").write_text("not an image at all\n")
    _refused(tmp_path / "text.nii.gz", "the name says NIfTI but the content is text")
    (tmp_path / "zipped.nii.gz").write_bytes(gzip.compress(b"not an image at all\n"))
    _refused(tmp_path / "zipped.nii.gz", "the name says NIfTI but the content is text")
    for name in ("slice.dcm.gz", "slice.dcm"):
        (tmp_path / name).write_bytes(gzip.compress(bytes(128) + b"DICM" + bytes(64)))
        _refused(tmp_path / name, "its header is cut short|without an image|cut short")
    Image.new("L", (8, 8)).save(tmp_path / "picture.png")
    (tmp_path / "picture.png").rename(tmp_path / "picture.nii.gz")
    _refused(tmp_path / "picture.nii.gz", "the content is a PNG picture")
    _nifti(tmp_path / "image.nrrd")
    _refused(tmp_path / "image.nrrd", "the name says NRRD but the content is NIfTI")
    _write(tmp_path / "image.mha")
    (tmp_path / "image.mha").rename(tmp_path / "image.mgz")
    _refused(tmp_path / "image.mgz", "the name says MGH but the content is MetaImage")
    (tmp_path / "noise.mgh").write_bytes(b"\x07" * 3000)
    _refused(tmp_path / "noise.mgh", "is not MGH")
    (tmp_path / "noise.nii").write_bytes(b"\x07" * 3000)
    _refused(tmp_path / "noise.nii", "is not NIfTI")


def test_an_unknown_suffix_lists_the_known_ones(tmp_path):
    (tmp_path / "image.xyz").write_bytes(b"\x07" * 300)
    _refused(tmp_path / "image.xyz", r"unknown suffix; known ones are \.nii\.gz.*\.nrrd.*\.mha")


def test_analyze_has_no_sides(tmp_path):
    nib.AnalyzeImage(np.zeros((4, 5, 6), np.float32), np.eye(4)).to_filename(tmp_path / "a.img")
    _refused(tmp_path / "a.hdr", "Analyze 7.5, which does not store the orientation")


def test_two_and_four_dimensions(tmp_path):
    _nifti(tmp_path / "flat.nii", np.zeros((4, 5), np.float32))
    _refused(tmp_path / "flat.nii", r"is 2-D \(4 x 5\)")
    _nifti(tmp_path / "slice.nii", np.zeros((4, 5, 1), np.float32))
    _refused(tmp_path / "slice.nii", r"is 2-D \(4 x 5 x 1\)")
    _nifti(tmp_path / "time.nii", np.zeros((4, 5, 6, 7), np.float32))
    _refused(tmp_path / "time.nii", r"holds 7 frames \(4-D, 4 x 5 x 6 x 7\)")
    sitk.WriteImage(sitk.Image([4, 5], sitk.sitkFloat32), str(tmp_path / "flat.mha"))
    _refused(tmp_path / "flat.mha", r"is 2-D \(4 x 5\)")
    sitk.WriteImage(sitk.Image([4, 5, 6, 7], sitk.sitkFloat32), str(tmp_path / "time.nrrd"))
    _refused(tmp_path / "time.nrrd", "holds 7 frames")


def test_colours_and_complex_numbers(tmp_path):
    rgb = np.zeros((4, 5, 6), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    _nifti(tmp_path / "rgb.nii", rgb)
    _refused(tmp_path / "rgb.nii", "holds colors or vectors")
    _nifti(tmp_path / "complex.nii", np.zeros((4, 5, 6), np.complex64))
    _refused(tmp_path / "complex.nii", "holds complex numbers")
    sitk.WriteImage(sitk.Image([4, 5, 6], sitk.sitkVectorUInt8, 3), str(tmp_path / "rgb.mha"))
    _refused(tmp_path / "rgb.mha", "holds colors or vectors")
    sitk.WriteImage(sitk.Image([4, 5, 6], sitk.sitkComplexFloat32), str(tmp_path / "complex.nrrd"))
    _refused(tmp_path / "complex.nrrd", "complex|colors")


@pytest.mark.parametrize(
    ("column", "match"),
    [((0, 0, 0), "singular: an axis has length zero"), ((0, 1, 0), "lie in one plane"),
     ((np.nan, 0, 1), "not finite"), ((np.inf, 0, 1), "not finite")],
)  # fmt: skip
def test_impossible_affines(column, match, tmp_path):
    rows = {f"srow_{axis}": np.eye(4)[row] for row, axis in enumerate("xyz")}
    for axis, value in zip("xyz", column, strict=True):
        rows[f"srow_{axis}"][2] = value
    _nifti(tmp_path / "image.nii", **rows)
    _refused(tmp_path / "image.nii", match, GeometryError)


@pytest.mark.parametrize("qform_code", [0, 1])
@pytest.mark.parametrize("size", [0, -2, np.nan])
def test_impossible_spacing_in_a_nifti(qform_code, size, tmp_path):
    pixdim = np.array([1, 1, size, 1, 1, 1, 1, 1])
    _nifti(tmp_path / "image.nii", sform_code=0, qform_code=qform_code, pixdim=pixdim)
    _refused(tmp_path / "image.nii", "voxel spacing must be positive", GeometryError)


@pytest.mark.parametrize(
    ("old", "new", "match"),
    [(b"ElementSpacing = 1 2 3", b"ElementSpacing = 0 2 3", "spacing must be positive"),
     (b"ElementSpacing = 1 2 3", b"ElementSpacing = nan 2 3", "spacing must be positive"),
     (b"1 0 0 0 1\nOffset", b"1 0 0 0 0\nOffset", "singular"),
     (b"DimSize = 8 7 6", b"DimSize = 8 0 6", "damaged|size|2-D|truncated")],
)  # fmt: skip
def test_impossible_metaimage_headers(old, new, match, tmp_path):
    _write_with_itk(tmp_path / "image.mha")
    content = (tmp_path / "image.mha").read_bytes()
    assert old in content
    (tmp_path / "image.mha").write_bytes(content.replace(old, new, 1))
    _refused(tmp_path / "image.mha", match, RegkitError)


@pytest.mark.parametrize(
    ("directions", "match"),
    [(b"(0,0,0) (0,2,0) (0,0,3)", "positive"), (b"(1,0,0) (1,0,0) (0,0,3)", "singular"),
     (b"(1,0,0) (0,2,0) (0,0,nan)", "a number that is not finite")],
)  # fmt: skip
def test_impossible_nrrd_headers(directions, match, tmp_path):
    _write_with_itk(tmp_path / "image.nrrd")
    content = (tmp_path / "image.nrrd").read_bytes()
    assert b"(1,0,0) (0,2,0) (0,0,3)" in content
    changed = content.replace(b"(1,0,0) (0,2,0) (0,0,3)", directions, 1)
    (tmp_path / "image.nrrd").write_bytes(changed)
    _refused(tmp_path / "image.nrrd", match)


def test_a_size_that_no_file_can_hold(tmp_path):
    _nifti(tmp_path / "image.nii", dim=np.array([3, 30000, 30000, 30000, 1, 1, 1, 1]))
    _refused(tmp_path / "image.nii", "truncated: its header needs 108000000000000 bytes")
    _nifti(tmp_path / "minus.nii", dim=np.array([3, 4, -5, 6, 1, 1, 1, 1]))
    _refused(tmp_path / "minus.nii", "size .* is impossible")


def test_fractions_are_no_labels(tmp_path):
    _write(tmp_path / "image.nii.gz")
    _refused(tmp_path / "image.nii.gz", "needs whole numbers, got fractions", GeometryError,
             read_labels)  # fmt: skip


def test_whole_numbers_stored_as_floats_are_labels(tmp_path):
    write_volume(Volume(np.full(SHAPE, 3.0), Grid(SHAPE)), tmp_path / "labels.nii")
    labels = read_labels(tmp_path / "labels.nii")
    assert labels.labels == (3,)
    assert labels.array.dtype.kind in "iu"


def test_permission_denied(tmp_path, monkeypatch):
    _write(tmp_path / "image.nii")

    def refuse(path, head):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(images, "format_to_read", refuse)
    _refused(tmp_path / "image.nii", "permission denied")


def test_an_unknown_modality(tmp_path):
    _write(tmp_path / "image.nii")
    with pytest.raises(GeometryError, match="unknown modality 'xray'"):
        read_volume(tmp_path / "image.nii", "xray")


def test_real_odd_files_give_a_volume_or_one_line(shared_data, capfd):
    folders = ("nibabel_small", "nibabel_small/tests_data", "nibabel_small/nicom_tests_data",
               "niivue_orient", "dicom_odd", "dicom_odd/data/pydicom")  # fmt: skip
    paths = [path for name in folders for path in sorted((shared_data / name).iterdir())]
    read, refused = [], []
    for path in paths:
        try:
            volume = read_volume(path)
        except RegkitError as error:
            refused.append((path, str(error)))
        else:
            assert min(volume.grid.shape_zyx) >= 2
            read.append(path.name)
    assert capfd.readouterr() == ("", "")
    assert len(refused) > 150
    assert all(line.startswith(f"{path}: ") and "\n" not in line for path, line in refused)
    assert sorted(read) == [
        "anatomical.nii", "dicom_vsseg001_3slices", "enh.dcm", "low_res.nii.gz", "mha.mha",
        "minimal.nii.gz", "philips_mprage.dcm.gz", "ras.hdr", "ras.img",
        "reoriented_anat_moved.nii", "resampled_anat_moved.nii", "rtdose.dcm", "rtdose_expb.dcm",
        "rtdose_rle.dcm", "shear.nii.gz", "someones_anatomy.nii.gz",
        "someones_epi.nii.gz",
        "standard.nii.gz",
    ]  # fmt: skip


@pytest.mark.parametrize("dimension", ["-3", "0", "99", "x"])
def test_a_metaimage_of_impossible_dimension_is_refused(tmp_path, dimension):
    path = tmp_path / "image.mha"
    _write(path)
    damaged = path.read_bytes().replace(b"NDims = 3", b"NDims =" + dimension.encode())
    path.write_bytes(damaged)
    _refused(path, f"NDims must be 3, got '{dimension}'")


def test_impossible_numbers_in_a_header_give_no_warning_of_numpy(tmp_path):
    path = tmp_path / "image.mgh"
    _write(path)
    content = bytearray(path.read_bytes())
    content[30:78] = b"\x7f\x7f\xff\xff" * 12  # spacing and directions: the largest float32
    path.write_bytes(content)
    _refused(path, "geometry|finite|spacing", RegkitError)


def _warp(path, shape, **fields) -> None:
    _nifti(path, np.zeros(shape, np.float32), **fields)


def test_transforms_given_as_images_are_named(tmp_path):
    _warp(tmp_path / "1Warp.nii.gz", (4, 5, 6, 1, 3), intent_code=1007)
    _refused(tmp_path / "1Warp.nii.gz", "is a displacement field .vectors in 5-D, as ANTs and ITK")
    _warp(tmp_path / "fnirt.nii", (4, 5, 6, 3), intent_code=2006)
    _refused(tmp_path / "fnirt.nii", "displacement field .of FSL's fnirt.: a transform, not an im")
    vectors = sitk.Image([4, 5, 6], sitk.sitkVectorFloat32, 3)
    for suffix in ("mha", "nrrd"):
        sitk.WriteImage(vectors, str(tmp_path / f"field.{suffix}"))
        _refused(tmp_path / f"field.{suffix}", "holds vectors of 3 numbers, as a displacement")
    affine = sitk.AffineTransform(3)
    for suffix, kind in (("tfm", "ITK transform file"), ("mat", r"ITK transform file \(.mat\)")):
        sitk.WriteTransform(affine, str(tmp_path / f"a.{suffix}"))
        _refused(tmp_path / f"a.{suffix}", f"is an {kind}, not an image .*transform is asked for")
    sitk.WriteTransform(affine, str(tmp_path / "a.h5"))
    _refused(tmp_path / "a.h5", "is an HDF5 file")


@pytest.mark.parametrize(
    ("name", "text", "kind"),
    [("a.xfm", "MNI Transform File\n%\nTransform_Type = Linear;\n", "an MNI transform file"),
     ("a.txt", '// by hand\n(Transform "EulerTransform")\n', "an elastix transform parameter"),
     ("p.txt", '(Registration "MultiResolutionRegistration")\n', "an elastix parameter file"),
     ("a.lta", "type      = 1\nnxforms   = 1\nmean      = 0 0 0\n", "a FreeSurfer transform"),
     ("a.mat", "1 0 0 4\n0 1 0 -7.5\n0 0 1 9e0\n0 0 0 1\n", "a matrix of numbers"),
     ("h.mat", "0x1p+0 0x0p+0 0x0p+0 -0x1.8p+1\n" * 4, "a matrix of numbers"),
     ("F.fcsv", "# Markups fiducial file version = 4.11\n", "a landmark file of 3D Slicer"),
     ("F.mrk.json", '{"@schema": "x",\n"markups": []}', "a landmark file of 3D Slicer"),
     ("registration.json", '{"regkit": "0.1.0"}', "a record of regkit"),
     ("a.json", '{"Modality": "MR"}', "a JSON file"), ("a.xml", "<?xml version='1'?>", "an XML")],
)  # fmt: skip
def test_text_files_given_as_images_are_named(name, text, kind, tmp_path):
    (tmp_path / name).write_text(text)
    _refused(tmp_path / name, f"is {kind}")
    (tmp_path / "image.nii").write_text(text)
    _refused(tmp_path / "image.nii", f"the name says NIfTI but the content is {kind}")
