"""The numbers of a network and rigid maps in LPS mm mean the same."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from lv_phantom import NUMBERS
from regkit import AffineTransform, Volume, rigid
from regkit.errors import TransformError
from regkit.geometry.grid import Grid
from regkit.geometry.resampling import resample
from regkit.learning.network_grid import moved_grid
from regkit_msstunet.geometry import (
    cube,
    half_width_mm,
    meets,
    pose_numbers,
    pose_transform,
    refined,
)
from regkit_msstunet.networks.pose import pull_back, rotation, sample_cube
from regkit_nuclear.phantoms.thorax.pose import HeartPose

ANGLES = st.tuples(*[st.floats(-3.1, 3.1)] * 3)
SHIFTS = st.tuples(*[st.floats(-0.6, 0.6)] * 3)


@given(ANGLES)
def test_the_networks_rotation_is_scipys(angles) -> None:
    mine = rotation(torch.tensor(angles, dtype=torch.float64)).numpy()
    np.testing.assert_allclose(mine, Rotation.from_euler("YXZ", angles).as_matrix(), atol=1e-12)


def test_what_a_network_looks_up_is_what_regkit_resamples() -> None:
    """A sampler through the numbers and SimpleITK through the transform give one image."""
    grid = cube(24, 5.0, (40.0, -30.0, 100.0))
    # Beyond its border an image ends at once for one, within half a voxel for the other.
    values = np.pad(np.random.default_rng(1).random((20, 20, 20)), 2)
    numbers = torch.tensor([NUMBERS], dtype=torch.float64)
    volume = torch.from_numpy(values)[None, None]
    seen = sample_cube(volume, pull_back(numbers, 1.0), 24)[0, 0].numpy()
    mapped = resample(Volume(values, grid), cube(24, 5.0), pose_transform(NUMBERS, grid)).array
    assert (mapped > 0).mean() > 0.3
    np.testing.assert_allclose(seen, mapped, atol=1e-5)


@given(ANGLES, SHIFTS)
def test_there_and_back(angles, shift) -> None:
    grid = cube(33, 7.0, (10.0, 20.0, -500.0))
    pose = pose_transform((*angles, *shift), grid)
    again = pose_transform(pose_numbers(pose, grid), grid)
    np.testing.assert_allclose(again.matrix, pose.matrix, atol=1e-7)
    near = pose_numbers(pose, grid, angles)
    if abs(np.cos(angles[1])) > 1e-3:
        np.testing.assert_allclose(near, (*angles, *shift), atol=1e-6)


def test_the_simulators_poses_are_the_numbers() -> None:
    """Table 2's translations have the other sign, and half-widths to voxels' edges."""
    pose = HeartPose(-0.83, -1.14, 1.22, -0.19, 0.15, -0.29)
    grid = cube(128, 3.4)
    truth = AffineTransform.about(pose.rotation, pose.centre_mm, (0.0, 0.0, 0.0))
    numbers = pose_numbers(truth, grid, (-0.8, -1.1, 1.2))
    np.testing.assert_allclose(numbers[:3], pose[:3], atol=1e-12)
    np.testing.assert_allclose(numbers[3:], np.negative(pose[3:]) * 128 / 127, rtol=1e-9)


def test_half_a_width_is_between_voxel_centres() -> None:
    grid = cube(11, 2.0, (5.0, 6.0, 7.0))
    assert half_width_mm(grid) == 10.0
    np.testing.assert_allclose(grid.centre, (5.0, 6.0, 7.0))
    np.testing.assert_allclose(grid.to_physical((10, 10, 10)), (15.0, 16.0, 17.0))


def test_numbers_that_are_no_pose() -> None:
    with pytest.raises(TransformError, match="takes six finite numbers, got"):
        pose_transform((0, 0, np.nan, 0, 0, 0), cube(8, 1.0))
    with pytest.raises(TransformError, match="a pose is a rigid transform"):
        pose_numbers(AffineTransform(np.diag([2.0, 1, 1, 1])), cube(8, 1.0))


def test_grids_meet_where_all_voxels_of_one_are_voxels_of_the_other() -> None:
    one = cube(16, 3.4)
    far = cube(64, 3.4).to_physical((63, 63, 63))
    flipped = Grid((64, 64, 64), (3.4, 3.4, 3.4), tuple(far), (-1, 0, 0, 0, -1, 0, 0, 0, -1))
    turned = Grid((64, 64, 64), (3.4, 3.4, 3.4), one.origin, (0.8, 0.6, 0, -0.6, 0.8, 0, 0, 0, 1))
    for other, expected in (
        (cube(64, 3.4), True),
        (cube(64, 3.4, (6.8, -3.4, 0.0)), True),
        (cube(65, 1.7), True),
        (flipped, True),
        (cube(64, 1.7), False),
        (cube(63, 3.4), False),
        (cube(64, 3.41), False),
        (turned, False),
    ):
        assert meets(one, other) == expected, other


def test_finer_voxels_are_between_those_of_the_grid_and_moved_with_it() -> None:
    grid = Grid((3, 4, 5), (2.0, 3.0, 4.0), (10.0, -5.0, 7.0))
    finer = refined(grid, 4)
    assert finer.spacing == (0.5, 0.75, 1.0)
    assert finer.shape_zyx == (9, 13, 17)
    index = np.array([[0, 0, 0], [2, 3, 4], [1, 2, 1]])
    np.testing.assert_allclose(finer.to_physical(4 * index), grid.to_physical(index))
    pose = rigid((20.0, -35.0, 70.0), (4.0, 5.0, -6.0))
    np.testing.assert_allclose(
        moved_grid(finer, pose).to_physical(4 * index), pose.map_points(grid.to_physical(index))
    )
