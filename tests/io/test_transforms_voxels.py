"""Voxel-based transform files belong to the headers of the image files; nitransforms judges."""

import logging

import nibabel as nib
import numpy as np
import pytest
from nitransforms.io.fsl import FSLLinearTransform
from nitransforms.io.lta import FSLinearTransform, VolumeGeometry
from typer.testing import CliRunner

from nifti_scenes import AFFINES, KINDS, SHAPE, unit_mm, write_nifti_of_kind
from regkit import AffineTransform, Grid, Volume, read_transform, rigid, write_transform
from regkit.cli import app
from regkit.errors import FileFormatError, TransformError
from regkit.io import read_volume, write_volume
from regkit.io.image_header import read_image_header
from regkit.io.transforms import load_transform

TRUTH = AffineTransform(
    rigid((5, -8, 12), (4, -7, 9), (3, 2, 1)).matrix
    @ np.array([[1.05, 0.02, 0, 0], [0, 0.97, 0.01, 0], [0, 0, 1.02, 0], [0, 0, 0, 1]])
)
OTHER = rigid((-14, 3, 6), (-2, 5, 8))
MOVING_SHAPE = (14, 12, 8)
# Each kind as the fixed image and as the moving image of the next.
PAIRS = list(zip(KINDS, (*KINDS[1:], KINDS[0]), strict=True))
# nibabel places images without orientation elsewhere, and does not convert units.
IN_ONE_UNIT = [
    pair for pair in PAIRS if "no orientation" not in pair and unit_mm(pair[0]) == unit_mm(pair[1])
]
TOLERANCE_MM = 1e-5


def voxel_map(transform, fixed, moving):
    """Return the map of voxels (i, j, k) that a transform in LPS mm makes, by regkit's headers."""
    headers = read_image_header(fixed), read_image_header(moving)
    return np.linalg.inv(headers[1].voxel_to_lps) @ transform.matrix @ headers[0].voxel_to_lps


def error_mm(found, expected, target):
    """Return the largest difference of two voxel maps over the fixed image, mm of the target."""
    corners = np.stack(np.meshgrid(*[(0, n - 1) for n in SHAPE], indexing="ij"), -1).reshape(-1, 3)
    apply = nib.affines.apply_affine
    miss = apply(found, corners) - apply(expected, corners)
    return np.abs(miss @ read_image_header(target).voxel_to_lps[:3, :3].T).max()


@pytest.fixture(params=PAIRS, ids=[" to ".join(pair) for pair in PAIRS])
def images(request, tmp_path):
    """Write two images; return their kinds, paths and nibabel's views of them."""
    paths = tmp_path / "fixed.nii.gz", tmp_path / "moving.nii"
    shapes = SHAPE, MOVING_SHAPE
    loaded = [
        write_nifti_of_kind(kind, path, shape)
        for kind, path, shape in zip(request.param, paths, shapes, strict=True)
    ]
    return request.param, paths, loaded


def judged(path, loaded):
    """Return the voxel map of a FLIRT matrix by nitransforms."""
    fsl = FSLLinearTransform.from_string(path.read_text())
    ras = fsl.to_ras(moving=loaded[1], reference=loaded[0])
    return np.linalg.inv(loaded[1].affine) @ ras @ loaded[0].affine


def test_fsl_is_written_as_nitransforms_reads_it(images, tmp_path):
    _, (fixed, moving), loaded = images
    write_transform(TRUTH, tmp_path / "t.mat", format="fsl", fixed=fixed, moving=moving)
    expected = voxel_map(TRUTH, fixed, moving)
    assert error_mm(judged(tmp_path / "t.mat", loaded), expected, moving) < TOLERANCE_MM


def test_fsl_is_read_as_nitransforms_reads_it(images, tmp_path):
    _, (fixed, moving), loaded = images
    np.savetxt(tmp_path / "t.mat", OTHER.matrix, fmt="%.12f")
    found = read_transform(tmp_path / "t.mat", format="fsl", fixed=fixed, moving=moving)
    expected = judged(tmp_path / "t.mat", loaded)
    assert error_mm(voxel_map(found, fixed, moving), expected, moving) < TOLERANCE_MM


@pytest.mark.parametrize("images", IN_ONE_UNIT, indirect=True)
def test_fsl_read_and_written_agree_with_nitransforms_in_ras(images, tmp_path):
    """Where both files are in one unit and have orientation, RAS coordinates agree as well."""
    kinds, (fixed, moving), loaded = images
    ras = np.diag([-1, -1, 1, 1]) @ TRUTH.matrix @ np.diag([-1, -1, 1, 1])
    in_unit = ras.copy()
    in_unit[:3, 3] /= unit_mm(kinds[0])
    written = FSLLinearTransform.from_ras(in_unit, moving=loaded[1], reference=loaded[0])
    np.savetxt(tmp_path / "t.mat", written.structarr["parameters"], fmt="%.15e")
    found = read_transform(tmp_path / "t.mat", format="fsl", fixed=fixed, moving=moving)
    points = np.random.default_rng(0).uniform(-60, 60, (50, 3))
    np.testing.assert_allclose(
        found.map_points(points), TRUTH.map_points(points), atol=TOLERANCE_MM
    )


def run(*words):
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == 0, result.output


def test_fsl_inverted_on_the_command_line(images, tmp_path):
    _, (fixed, moving), loaded = images
    write_transform(TRUTH, tmp_path / "t.mat", format="fsl", fixed=fixed, moving=moving)
    names = tmp_path / "t.mat", tmp_path / "i.mat"
    formats = ("--from", "fsl", "--to", "fsl")
    run("transform", "invert", *names, *formats, "--fixed", fixed, "--moving", moving)
    back = judged(tmp_path / "i.mat", loaded[::-1])
    product = back @ judged(tmp_path / "t.mat", loaded)
    assert error_mm(product, np.eye(4), fixed) < TOLERANCE_MM


def test_fsl_composed_on_the_command_line(images, tmp_path):
    _, (fixed, moving), loaded = images
    middle = tmp_path / "middle.nii"
    between = write_nifti_of_kind("oblique, sheared", middle, (7, 8, 6))
    write_transform(TRUTH, tmp_path / "a.mat", format="fsl", fixed=fixed, moving=middle)
    write_transform(OTHER, tmp_path / "b.mat", format="fsl", fixed=middle, moving=moving)
    names = [tmp_path / name for name in ("a.mat", "b.mat", "ba.mat")]
    options = ("--fixed", fixed, "--middle", middle, "--moving", moving)
    run("transform", "compose", *names, "--from", "fsl", "--to", "fsl", *options)
    a = judged(names[0], (loaded[0], between))
    b = judged(names[1], (between, loaded[1]))
    assert error_mm(judged(names[2], loaded), b @ a, moving) < TOLERANCE_MM


def volume_text(image):
    return str(VolumeGeometry.from_image(image)).replace(image.get_filename(), "somewhere")


def test_lta_voxel_to_voxel_is_what_nitransforms_computes(images, tmp_path):
    """Without geometry in the file, that of the image files counts; with it, that of the file."""
    _, (fixed, moving), loaded = images
    matrix = np.array([[0.9, 0.1, 0, 2], [-0.1, 1.1, 0, -1], [0, 0.05, 0.8, 1], [0, 0, 0, 1]])
    head = "type = 0\nnxforms = 1\nmean = 0 0 0\nsigma = 1\n1 4 4\n"
    rows = "\n".join(" ".join(repr(v) for v in row) for row in matrix.tolist())
    bare = f"{head}{rows}\nsrc volume info\nvalid = 0\ndst volume info\nvalid = 0\n"
    (tmp_path / "bare.lta").write_text(bare)
    found = read_transform(tmp_path / "bare.lta", fixed=fixed, moving=moving)
    expected = np.linalg.inv(matrix)  # dst (fixed) voxels to src (moving) voxels
    assert error_mm(voxel_map(found, fixed, moving), expected, moving) < TOLERANCE_MM
    src, dst = volume_text(loaded[1]), volume_text(loaded[0])
    whole = f"{head}{rows}\nsrc volume info\n{src}\ndst volume info\n{dst}\n"
    (tmp_path / "whole.lta").write_text(whole)
    geometries = [VolumeGeometry.from_image(image).as_affine() for image in loaded]
    judge = geometries[1] @ expected @ np.linalg.inv(geometries[0])
    points = np.random.default_rng(0).uniform(-60, 60, (50, 3))
    ras = read_transform(tmp_path / "whole.lta").map_points(points * (-1, -1, 1)) * (-1, -1, 1)
    np.testing.assert_allclose(ras, nib.affines.apply_affine(judge, points), atol=TOLERANCE_MM)


def test_an_lta_of_another_image_is_remarked_on(tmp_path, caplog):
    """FreeSurfer trusts the geometry in the file; a wrong image is a likely mistake."""
    names = ("radiological", "neurological")
    for name in names:
        write_nifti_of_kind(name, tmp_path / f"{name}.nii")
    volume = VolumeGeometry.from_image(nib.load(tmp_path / "radiological.nii"))
    block = str(volume).replace(str(tmp_path / "radiological.nii"), "somewhere")
    rows = "1 0 0 2\n0 1 0 0\n0 0 1 0\n0 0 0 1\n"
    head = f"type = 0\nnxforms = 1\nmean = 0 0 0\nsigma = 1\n1 4 4\n{rows}"
    (tmp_path / "t.lta").write_text(f"{head}src volume info\n{block}\ndst volume info\n{block}\n")
    right, wrong = (tmp_path / f"{name}.nii" for name in names)
    expected = read_transform(tmp_path / "t.lta", fixed=right, moving=right)
    assert caplog.text == ""
    found = read_transform(tmp_path / "t.lta", fixed=right, moving=wrong)
    # The last voxel along x is 12 voxels of 2 mm to the left or to the right: 48 mm apart.
    assert "describes src as another image than" in caplog.text
    assert "48 mm away" in caplog.text
    assert found == expected


def test_lta_is_written_as_nitransforms_reads_it(images, tmp_path):
    """Matrix and geometry together give the right voxels."""
    kinds, (fixed, moving), loaded = images
    write_transform(TRUTH, tmp_path / "t.lta", fixed=fixed, moving=moving)
    text = (tmp_path / "t.lta").read_text()
    parsed = FSLinearTransform.from_string(text)
    numbers = [line.split() for line in text.splitlines()[5:9]]  # nitransforms keeps float32
    matrix = np.linalg.inv(np.array(numbers, float))
    src, dst = parsed["src"].as_affine(), parsed["dst"].as_affine()
    found = np.linalg.inv(src) @ matrix @ dst
    # FreeSurfer's geometry is single precision in nitransforms: 1e-4 mm at 100 mm.
    assert error_mm(found, voxel_map(TRUTH, fixed, moving), moving) < 1e-4
    for image, block, kind in zip(loaded, (parsed["dst"], parsed["src"]), kinds, strict=True):
        if kind != "no orientation":
            expected = np.diag([unit_mm(kind)] * 3 + [1]) @ image.affine
            np.testing.assert_allclose(block.as_affine(), expected, atol=1e-4)


def test_fsl_takes_pixdim_as_written_not_the_length_of_the_sform(tmp_path):
    """FLIRT's sampling matrix is diag(pixdim), whatever the sform says (FSL's newimage)."""
    image = write_nifti_of_kind("radiological", tmp_path / "i.nii")
    image.header["pixdim"][1:4] = (4, 4, 4)
    image.to_filename(tmp_path / "odd.nii")
    loaded = nib.load(tmp_path / "odd.nii")
    np.testing.assert_allclose(loaded.header["pixdim"][1:4], 4)
    shift = np.eye(4)
    shift[0, 3] = 4.0
    np.savetxt(tmp_path / "t.mat", shift)
    odd = {"fixed": tmp_path / "odd.nii", "moving": tmp_path / "odd.nii"}
    found = read_transform(tmp_path / "t.mat", format="fsl", **odd)
    # Moving voxel i lands on fixed voxel i + 1, so fixed voxel i shows moving voxel i - 1.
    np.testing.assert_allclose(
        voxel_map(found, *odd.values())[:3, 3], (-1, 0, 0), atol=TOLERANCE_MM
    )


@pytest.mark.parametrize("sizes", [(0, 2, 2), (np.nan, 2, 2)])
def test_fsl_refuses_a_header_without_voxel_sizes(tmp_path, sizes):
    image = write_nifti_of_kind("radiological", tmp_path / "i.nii")
    image.header["pixdim"][1:4] = sizes
    with (tmp_path / "bad.nii").open("wb") as file:
        file.write(image.header.binaryblock + b"\0" * 4 + np.asarray(image.dataobj).tobytes("F"))
    with pytest.raises(TransformError, match=r"positive voxel sizes, .*bad\.nii has"):
        write_transform(
            TRUTH, tmp_path / "t.mat", format="fsl", fixed=tmp_path / "bad.nii", moving=Grid(SHAPE)
        )


def test_the_header_gives_the_grid_that_reading_gives(images):
    """For sheared images too, though FSL's numbers are those of the file."""
    for path in images[1]:
        assert read_image_header(path).grid.matches(read_volume(path).grid, 1e-9)


def test_a_pair_of_header_and_voxels_is_one_image(tmp_path):
    """Its geometry is in the .hdr; either file of the pair may be given."""
    image = write_nifti_of_kind("oblique, sheared", tmp_path / "one.nii.gz")
    nib.save(nib.Nifti1Pair(np.asarray(image.dataobj), image.affine), tmp_path / "two.hdr")
    one = read_image_header(tmp_path / "one.nii.gz")
    for name in ("two.hdr", "two.img"):
        two = read_image_header(tmp_path / name)
        np.testing.assert_allclose(two.affine, one.affine, atol=1e-5)
        np.testing.assert_allclose(two.voxel_size, one.voxel_size, rtol=1e-6)
        assert (two.shape_zyx, two.radiological) == (one.shape_zyx, one.radiological)


@pytest.mark.parametrize("name", ["t.nrrd", "t.mha", "t.mgz", "t.nii.gz"])
def test_headers_of_every_format(tmp_path, name):
    grid = Grid((5, 6, 7), (1, 2, 3), (4, 5, 6), (0.6, -0.8, 0, 0.8, 0.6, 0, 0, 0, 1))
    write_volume(Volume(np.ones((5, 6, 7)), grid), tmp_path / name)
    header = read_image_header(tmp_path / name)
    assert header.grid.matches(grid)
    np.testing.assert_allclose(header.voxel_size, (1, 2, 3), rtol=1e-6)
    assert not header.radiological


def test_an_image_that_fsl_does_not_read_is_remarked_on(tmp_path, caplog):
    volume = Volume(np.ones((5, 6, 7)), Grid((5, 6, 7), (1, 2, 3)))
    for name in ("i.nrrd", "i.nii"):
        write_volume(volume, tmp_path / name)
    nrrd, nifti = ({"fixed": tmp_path / n, "moving": tmp_path / n} for n in ("i.nrrd", "i.nii"))
    write_transform(TRUTH, tmp_path / "a.mat", format="fsl", **nrrd)
    assert "i.nrrd is NRRD, which FSL does not read: assumed that it was converted" in caplog.text
    write_transform(TRUTH, tmp_path / "b.mat", format="fsl", **nifti)
    np.testing.assert_allclose(np.loadtxt(tmp_path / "a.mat"), np.loadtxt(tmp_path / "b.mat"))


def test_a_damaged_header_is_named(tmp_path):
    (tmp_path / "cut.nii").write_bytes((348).to_bytes(4, "little") + b"\0" * 50)
    with pytest.raises(FileFormatError, match=r"cut\.nii: the file is truncated"):
        read_image_header(tmp_path / "cut.nii")


HEX = "0x1.8p+0 0x0p+0 0x0p+0 0x1p+2\n0x0p+0 0X1.0P+0 0x0p+0 -0x1p-1\n0 0 1 0\n0 0 0 0x1p+0\n"


@pytest.mark.parametrize("name", ["flirt.mat", "flirt.txt", "MAT_0000"])
def test_hexadecimal_numbers_are_fsls_whatever_the_name(tmp_path, caplog, name):
    """FLIRT of FSL 5.0.8 wrote C's hexadecimal numbers; 0x1.8p+0 is 1.5, -0x1p-1 is -0.5."""
    (tmp_path / name).write_text(HEX)
    np.savetxt(tmp_path / "d.mat", [[1.5, 0, 0, 4], [0, 1, 0, -0.5], [0, 0, 1, 0], [0, 0, 0, 1]])
    images = {"fixed": Grid((5, 6, 7)), "moving": Grid((6, 7, 8))}
    found = load_transform(tmp_path / name, **images)
    assert (found.format, found.assumption, caplog.text) == ("fsl", "", "")
    assert found.transform == read_transform(tmp_path / "d.mat", format="fsl", **images)


@pytest.fixture
def in_folder(tmp_path, monkeypatch) -> None:
    """Work in an empty folder: messages shorten long paths."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("in_folder")
@pytest.mark.parametrize(
    ("name", "form", "alternative"),
    [("t.mat", "fsl", "--from ras"), ("t.txt", "ras", "--from fsl")],
)
def test_the_assumed_convention_of_a_text_matrix_is_said(caplog, name, form, alternative):
    np.savetxt(name, OTHER.matrix)
    images = {"fixed": Grid((5, 6, 7)), "moving": Grid((6, 7, 8))}
    found = load_transform(name, **images)
    assert found.format == form
    assert "assumed" in found.assumption
    assert alternative in found.assumption
    assert [r.getMessage() for r in caplog.records] == [f"{name}: {found.assumption}"]
    caplog.clear()
    assert load_transform(name, format=form, **images).assumption == ""
    assert caplog.records == []


def test_files_that_say_what_they_are_bring_no_remark(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    for name, form in (("a.tfm", "itk"), ("a.mat", "ants"), ("a.lta", "lta"), ("a.json", "json")):
        write_transform(TRUTH, tmp_path / name, format=form)
        assert load_transform(tmp_path / name).format == form
    assert caplog.records == []


def test_sheared_kinds_are_sheared():
    assert sum("sheared" in kind for kind in AFFINES) == 3
