"""Volumes and transforms reach ANTs unchanged; ANTs and SimpleITK are the judges."""

import numpy as np
import pytest

from regkit import AffineTransform, Grid, Volume, resample, rigid
from regkit.geometry.rotation import rotation_matrix
from regkit_ants.conversion import read_affine, volume_to_ants, write_affine

TURN = rotation_matrix((20, -15, 30))
GRIDS = {
    "plain": Grid((7, 8, 9)),
    "anisotropic": Grid((7, 8, 9), (1.0, 2.0, 3.5), (-5, 60, 700)),
    "flipped": Grid((7, 8, 9), (1.0, 2.0, 3.5), (4, 5, 6), (-1, 0, 0, 0, -1, 0, 0, 0, 1)),
    "oblique": Grid((7, 8, 9), (3.0, 2.0, 1.0), (4, 5, 6), tuple(TURN.ravel().tolist())),
    "left-handed": Grid(
        (7, 8, 9), (3.0, 2.0, 1.0), (4, 5, 6), tuple((TURN * (1, -1, 1)).ravel().tolist())
    ),
}


@pytest.fixture
def ants():
    return pytest.importorskip("ants")  # takes seconds, so not for every test run


def _volume(grid: Grid) -> Volume:
    return Volume(np.random.default_rng(0).random(grid.shape_zyx), grid)


@pytest.mark.registration
@pytest.mark.parametrize("grid", GRIDS.values(), ids=list(GRIDS))
def test_every_voxel_is_where_it_was(grid: Grid, ants) -> None:
    volume = _volume(grid)
    image = volume_to_ants(volume)
    assert image.shape == grid.shape_zyx[::-1]
    for z, y, x in ((0, 0, 0), (1, 2, 3), (6, 0, 8)):
        assert image[x, y, z] == volume.array[z, y, x]
        point = ants.transform_index_to_physical_point(image, [x, y, z])
        np.testing.assert_allclose(point, grid.to_physical((z, y, x)), atol=1e-4)


@pytest.mark.registration
@pytest.mark.parametrize("grid", GRIDS.values(), ids=list(GRIDS))
def test_ants_resamples_through_a_written_transform_as_regkit_does(
    grid: Grid, tmp_path, ants
) -> None:
    moving = _volume(Grid((20, 22, 24), (1.5, 1.5, 1.5), tuple(np.subtract(grid.centre, 16))))
    transform = rigid((10, -5, 20), (2, -3, 1), grid.centre)
    write_affine(transform, tmp_path / "t.mat")
    warped = ants.apply_transforms(
        volume_to_ants(_volume(grid)), volume_to_ants(moving), [str(tmp_path / "t.mat")]
    )
    expected = resample(moving, grid, transform).array
    np.testing.assert_allclose(warped.numpy().transpose(2, 1, 0), expected, atol=1e-4)


def test_a_transform_survives_its_file(tmp_path) -> None:
    transform = AffineTransform.about(np.diag([1.1, 0.9, 1.0]) @ TURN, (1, 2, 3), (40, 50, -60))
    write_affine(transform, tmp_path / "t.mat")
    found = read_affine(tmp_path / "t.mat")
    np.testing.assert_allclose(found.matrix, transform.matrix, atol=1e-9)
