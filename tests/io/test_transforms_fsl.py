"""FSL's matrices, judged by hand and by a second formula on nibabel's affines."""

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given

from regkit import AffineTransform, Grid, read_transform, write_transform
from regkit.errors import TransformError
from strategies import POINTS, affines, grids

LPS = (1, 0, 0, 0, 1, 0, 0, 0, 1)
FLIPPED_X = (-1, 0, 0, 0, 1, 0, 0, 0, 1)


def matrix_of(path):
    return np.loadtxt(path)


@pytest.mark.parametrize("direction", [LPS, FLIPPED_X])
def test_a_shift_worked_out_by_hand(tmp_path, direction):
    """Both images 10 voxels of 2 x 3 x 4 mm; the moving patient lies 4 mm left, 6 mm posterior.

    Array axis x pointing left makes the determinant positive, and FSL counts x from the other
    end: 18 - x. With x pointing right FSL's x is -x. Both ways x(fixed) = x(moving) + 4, and y,
    which is never turned round, is y(fixed) = y(moving) - 6.
    """
    grid = Grid((10, 10, 10), (2, 3, 4), direction=direction)
    shift = AffineTransform.shift((4, 6, 0))
    write_transform(shift, tmp_path / "t.mat", format="fsl", fixed=grid, moving=grid)
    expected = np.eye(4)
    expected[:3, 3] = (4, -6, 0)
    np.testing.assert_allclose(matrix_of(tmp_path / "t.mat"), expected, atol=1e-12)


def test_identity_between_sizes_shows_the_flip(tmp_path):
    """FSL counts x from the far end: 10 and 20 voxels of 1 mm with one origin differ by 10 mm."""
    fixed, moving = Grid((5, 5, 10)), Grid((5, 5, 20))
    identity = AffineTransform(np.eye(4))
    write_transform(identity, tmp_path / "t.mat", format="fsl", fixed=fixed, moving=moving)
    assert matrix_of(tmp_path / "t.mat")[0, 3] == pytest.approx(-10)


def fsl_coordinates(grid, points):
    """FSL's millimetres of LPS points, from nibabel's RAS affine."""
    ras = np.diag([-1, -1, 1, 1]) @ grid.affine[:, [2, 1, 0, 3]]
    voxels = nib.affines.apply_affine(np.linalg.inv(ras), points * (-1, -1, 1))
    if np.linalg.det(ras) > 0:
        voxels[:, 0] = grid.shape_zyx[2] - 1 - voxels[:, 0]
    return voxels * nib.affines.voxel_sizes(ras)


@given(transform=affines(), fixed=grids(), moving=grids(), points=POINTS)
def test_one_anatomical_point_seen_in_both_images(
    tmp_path_factory, transform, fixed, moving, points
):
    path = tmp_path_factory.getbasetemp() / "seen.mat"
    write_transform(transform, path, format="fsl", fixed=fixed, moving=moving)
    in_moving = fsl_coordinates(moving, transform.map_points(points))
    mapped = nib.affines.apply_affine(matrix_of(path), in_moving)
    np.testing.assert_allclose(mapped, fsl_coordinates(fixed, points), atol=1e-6)


def test_flirts_own_layout_is_read(tmp_path):
    """FLIRT writes two blanks after each number."""
    lines = ["1  0  0  4  ", "0  1  0  -6  ", "0  0  1  0  ", "0  0  0  1  "]
    (tmp_path / "flirt.mat").write_text("\n".join(lines) + "\n")
    grid = Grid((10, 10, 10), (2, 3, 4))
    found = read_transform(tmp_path / "flirt.mat", fixed=grid, moving=grid)
    np.testing.assert_allclose(found.map_points((0, 0, 0)), (4, 6, 0), atol=1e-12)


@pytest.mark.parametrize("given_images", [{}, {"fixed": Grid((5, 5, 5))}])
def test_without_images_it_asks_for_them(tmp_path, given_images):
    np.savetxt(tmp_path / "t.mat", np.eye(4))
    with pytest.raises(TransformError, match=r"--fixed and --moving.*name its format 'ras'"):
        read_transform(tmp_path / "t.mat", **given_images)


def test_a_singular_transform_cannot_be_written(tmp_path):
    grid = Grid((5, 5, 5))
    flat = AffineTransform(np.diag([1, 1, 0, 1]))
    with pytest.raises(TransformError, match="has no inverse"):
        write_transform(flat, tmp_path / "t.mat", format="fsl", fixed=grid, moving=grid)
