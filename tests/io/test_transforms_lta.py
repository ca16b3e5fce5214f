"""FreeSurfer's .lta, judged by nibabel's reading of MGH geometry and by hand-made files."""

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given

from regkit import AffineTransform, Grid, read_transform, write_transform
from regkit.errors import FileFormatError, TransformError
from strategies import POINTS, affines, grids

RAS_FILE = """# transform file made by hand
# created by nobody

type      = 1 # LINEAR_RAS_TO_RAS
nxforms   = 1
mean      = 129.0 157.0 132.0
sigma     = 10000.0
1 4 4
{rows}
src volume info
valid = 0  # volume info invalid
dst volume info
valid = 0  # volume info invalid
subject someone
fscale 0.15
"""
SHIFT = "1 0 0 5\n0 1 0 0\n0 0 1 7\n0 0 0 1"


def test_src_is_moving_and_coordinates_are_ras(tmp_path):
    """By hand: src goes 5 mm right and 7 mm up to dst, so fixed points go 5 left and 7 down."""
    (tmp_path / "t.lta").write_text(RAS_FILE.format(rows=SHIFT))
    found = read_transform(tmp_path / "t.lta")
    np.testing.assert_allclose(found.map_points((0, 0, 0)), (5, 0, -7), atol=1e-12)


def ras_affine(grid):
    return np.diag([-1, -1, 1, 1]) @ grid.affine[:, [2, 1, 0, 3]]


def blocks_of(text):
    """Return src and dst blocks of an .lta as dictionaries of numbers."""
    blocks = {}
    for line in text.splitlines():
        if line.endswith("volume info"):
            block = blocks.setdefault(line.split()[0], {})
        elif "=" in line and blocks:
            key, _, value = line.partition("=")
            if key.strip() != "filename":
                block[key.strip()] = np.array(value.partition("#")[0].split(), float)
    return blocks


@given(transform=affines(), fixed=grids(), moving=grids())
def test_geometry_is_what_nibabel_would_write(tmp_path_factory, transform, fixed, moving):
    path = tmp_path_factory.getbasetemp() / "geometry.lta"
    write_transform(transform, path, fixed=fixed, moving=moving)
    blocks = blocks_of(path.read_text())
    for name, grid in (("src", moving), ("dst", fixed)):
        block, shape = blocks[name], grid.shape_zyx[::-1]
        header = nib.MGHImage(np.zeros(shape, np.uint8), ras_affine(grid)).header
        assert block["valid"] == 1
        np.testing.assert_array_equal(block["volume"], shape)
        np.testing.assert_allclose(block["voxelsize"], header["delta"], rtol=1e-5)
        axes = np.stack([block[key] for key in ("xras", "yras", "zras")])
        np.testing.assert_allclose(axes, header["Mdc"], atol=1e-5)
        np.testing.assert_allclose(block["cras"], header["Pxyz_c"], rtol=1e-5, atol=1e-3)


def test_without_images_the_geometry_is_marked_invalid(tmp_path):
    write_transform(AffineTransform(np.eye(4)), tmp_path / "t.lta")
    blocks = blocks_of((tmp_path / "t.lta").read_text())
    assert (blocks["src"]["valid"], blocks["dst"]["valid"]) == (0, 0)


@given(transform=affines(), points=POINTS)
def test_the_matrix_maps_moving_to_fixed_in_ras(tmp_path_factory, transform, points):
    path = tmp_path_factory.getbasetemp() / "matrix.lta"
    write_transform(transform, path)
    lines = path.read_text().splitlines()
    at = lines.index("1 4 4")
    matrix = np.array([line.split() for line in lines[at + 1 : at + 5]], float)
    moving_ras = transform.map_points(points) * (-1, -1, 1)
    np.testing.assert_allclose(
        nib.affines.apply_affine(matrix, moving_ras), points * (-1, -1, 1), atol=1e-6
    )


def geometry_text(shape, affine):
    """Write a volume info block from what nibabel puts in an MGH header."""
    header = nib.MGHImage(np.zeros(shape, np.uint8), affine).header
    rows = {"volume": shape, "voxelsize": header["delta"], "cras": header["Pxyz_c"]}
    rows |= dict(zip(("xras", "yras", "zras"), header["Mdc"], strict=True))
    text = "".join(
        f"{key} = {' '.join(str(float(v)) for v in row)}\n" for key, row in rows.items()
    )
    return f"valid = 1  # volume info valid\nfilename = somewhere.mgz\n{text}"


def voxel_file(matrix, src="valid = 0\n", dst="valid = 0\n"):
    rows = "\n".join(" ".join(str(v) for v in row) for row in matrix)
    return (
        "type = 0 # LINEAR_VOX_TO_VOX\nnxforms = 1\nmean = 0 0 0\nsigma = 1\n1 4 4\n"
        f"{rows}\nsrc volume info\n{src}dst volume info\n{dst}"
    )


SRC = Grid((9, 11, 13), (1.5, 2.0, 3.0), (20, -30, 40), (-1, 0, 0, 0, 0, 1, 0, -1, 0))
DST = Grid((8, 6, 10), (1.0, 1.25, 2.0), (-5, 10, 15), (0.6, -0.8, 0, 0.8, 0.6, 0, 0, 0, 1))
VOXELS = np.array([[0.9, 0.1, 0, 2], [-0.1, 1.1, 0, -1], [0, 0, 0.5, 3], [0, 0, 0, 1]])


@pytest.mark.parametrize("geometry", ["in the file", "from the images"])
def test_voxel_to_voxel_needs_and_uses_the_geometry(tmp_path, geometry):
    """A dst voxel is found in src by solving; its LPS places are what the transform maps."""
    inside = geometry == "in the file"
    blocks = [geometry_text(g.shape_zyx[::-1], ras_affine(g)) for g in (SRC, DST)]
    (tmp_path / "v.lta").write_text(voxel_file(VOXELS, *(blocks if inside else [])))
    images = {} if inside else {"fixed": DST, "moving": SRC}
    found = read_transform(tmp_path / "v.lta", **images)
    src_voxel = np.array([4, 3, 2])
    dst_voxel = nib.affines.apply_affine(VOXELS, src_voxel)
    np.testing.assert_allclose(
        found.map_points(DST.to_physical(dst_voxel[::-1])),
        SRC.to_physical(src_voxel[::-1]),
        atol=1e-3,
    )


@pytest.mark.parametrize(("images", "option"), [({}, "--moving"), ({"moving": SRC}, "--fixed")])
def test_voxels_without_geometry_ask_for_the_image(tmp_path, images, option):
    (tmp_path / "v.lta").write_text(voxel_file(VOXELS))
    with pytest.raises(TransformError, match=f"lacks the geometry of.*give {option}"):
        read_transform(tmp_path / "v.lta", **images)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (RAS_FILE.format(rows=SHIFT).replace("type      = 1", "type = 14"), "type 14 is not supp"),
        (RAS_FILE.format(rows=SHIFT).replace("nxforms   = 1", "nxforms = 2"), "holds 2"),
        (RAS_FILE.format(rows=SHIFT).replace("nxforms   = 1", ""), "needs a line 'nxforms = "),
        ("type = 1\nnxforms = 1\n", "truncated: its matrix is missing"),
        ("type = 1\nnxforms = 1\n1 4 4\n1 0 0 5\n0 1 0 0\n", "4 lines of 4 numbers"),
        (RAS_FILE.format(rows=SHIFT.replace("7", "nan")), "NaN or infinity"),
        (RAS_FILE.format(rows=SHIFT.replace("7", "up")), "needs numbers, got '0 0 1 up'"),
        ("nothing of the kind\n", "truncated: its matrix is missing"),
        (voxel_file(VOXELS, "valid = 1\nvolume = 3 3\n"), "needs a line 'xras = X Y Z'"),
        (voxel_file(np.diag([1, 1, 0, 1])), "singular"),
    ],
)
def test_damaged_files_are_refused(tmp_path, content, words):
    (tmp_path / "t.lta").write_text(content)
    with pytest.raises(FileFormatError, match=words) as caught:
        read_transform(tmp_path / "t.lta", fixed=DST, moving=SRC)
    assert str(caught.value).startswith(str(tmp_path / "t.lta"))
