"""Laws of the shapes: distances against brute force, the ramp's volume, fields on any grid."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from regkit.geometry.grid import Grid
from regkit.geometry.rotation import rotation_matrix
from regkit_nuclear.painting.shapes import (
    Blend,
    Capsule,
    Coordinates,
    Ellipsoid,
    Profile,
    RandomField,
    crop_grid,
    grid_points,
    intersection,
    occupancy,
    smooth_intersection,
    smooth_step,
    smooth_union,
    tube,
    union_distance,
)
from regkit_nuclear.phantoms.thorax.scene import Scene
from strategies import grids

NUMBER = st.floats(-40, 40)
SIZE = st.floats(3, 30)
TRIPLE = st.tuples(NUMBER, NUMBER, NUMBER)


def cloud(count=500, spread=60.0, seed=0):
    xyz = np.random.default_rng(seed).uniform(-spread, spread, (count, 3))
    return xyz, Coordinates(*(c.astype(np.float32).reshape(1, 1, -1) for c in xyz.T))


def turned(euler_deg):
    return tuple(rotation_matrix(euler_deg).ravel().tolist())


def test_distance_of_a_sphere_is_exact():
    xyz, points = cloud()
    distance = Ellipsoid((1, -2, 3), (20, 20, 20)).distance(points).ravel()
    expected = np.linalg.norm(xyz - [1, -2, 3], axis=1) - 20
    np.testing.assert_allclose(distance, expected, atol=1e-3)


@given(centre=TRIPLE, size=st.tuples(SIZE, SIZE, SIZE), angles=TRIPLE)
def test_inside_of_an_ellipsoid_is_where_its_equation_says(centre, size, angles):
    xyz, points = cloud()
    distance = Ellipsoid(centre, size, turned(angles)).distance(points).ravel()
    # scipy's extrinsic x, y, z is Rz Ry Rx.
    local = Rotation.from_euler("xyz", angles, degrees=True).inv().apply(xyz - centre)
    level = ((local / size) ** 2).sum(axis=1)
    clear = np.abs(level - 1) > 1e-3
    np.testing.assert_array_equal((distance < 0)[clear], (level < 1)[clear])


def test_distance_of_an_ellipsoid_is_in_millimetres_near_its_surface():
    shape = Ellipsoid((0, 0, 0), (30, 20, 10))
    for axis, half in enumerate(shape.half_axes):
        for step in (-1.0, 1.0):
            at = [np.zeros((1, 1, 1), np.float32) for _ in range(3)]
            at[axis] += np.float32(half + step)
            assert shape.distance(Coordinates(*at)).item() == pytest.approx(step, abs=0.1)


@given(start=TRIPLE, end=TRIPLE, radius=SIZE)
def test_distance_of_a_capsule_is_to_the_nearest_point_of_its_axis(start, end, radius):
    xyz, points = cloud(100)
    distance = Capsule(start, end, radius).distance(points).ravel()
    axis = np.linspace(start, end, 400)
    nearest = np.linalg.norm(xyz[:, None] - axis, axis=2).min(axis=1)
    np.testing.assert_allclose(distance, nearest - radius, atol=0.15)


def test_a_capsule_may_taper():
    shape = Capsule((0, 0, 0), (0, 0, 10), 5, 1)
    at = Coordinates(*(np.float32([[[v]]]) for v in (3.0, 0.0, 5.0)))
    assert shape.distance(at).item() == pytest.approx(0.0, abs=1e-5)


@given(
    shape=st.one_of(
        st.builds(Ellipsoid, TRIPLE, st.tuples(SIZE, SIZE, SIZE), TRIPLE.map(turned)),
        st.builds(Capsule, TRIPLE, TRIPLE, SIZE, st.one_of(st.none(), SIZE)),
    ),
    shift=TRIPLE,
)
def test_bounds_hold_the_shape_wherever_it_moves(shape, shift):
    xyz, points = cloud(2000, 80)
    moved = shape.moved(shift)
    inside = xyz[moved.distance(points).ravel() < 0]
    low, high = moved.bounds
    assert (inside >= low - 1e-3).all()
    assert (inside <= high + 1e-3).all()
    np.testing.assert_allclose(low, shape.bounds[0] + shift, atol=1e-6)


def test_bounds_of_a_blend_hold_its_rounded_seams():
    shape = Blend((Ellipsoid((-15, 0, 0), (20, 20, 20)), Capsule((0, 0, 0), (30, 0, 0), 18)), 16)
    xyz, points = cloud(20000, 60)
    inside = xyz[shape.distance(points).ravel() < 0]
    low, high = shape.bounds
    assert (inside >= low).all()
    assert (inside <= high).all()
    parts = union_distance(*(part.distance(points) for part in shape.parts))
    assert (shape.distance(points) <= parts + 1e-6).all()


@given(first=NUMBER, second=NUMBER, rounding=st.just(0.0) | st.floats(0.1, 20))
def test_smooth_set_operations_agree_with_sharp_ones_away_from_the_seam(first, second, rounding):
    a, b = np.float32([first]), np.float32([second])
    joined, shared = smooth_union(a, b, rounding), smooth_intersection(a, b, rounding)
    tolerance = rounding / 4 + 1e-5 if abs(first - second) < rounding else 1e-5
    assert joined == pytest.approx(union_distance(a, b), abs=tolerance)
    assert shared == pytest.approx(intersection(a, b), abs=tolerance)
    assert joined <= union_distance(a, b) + 1e-5
    assert shared >= intersection(a, b) - 1e-5


@pytest.mark.parametrize("voxel", [2.0, 3.4, 6.8])
def test_the_ramp_keeps_the_volume_at_any_voxel_size(voxel):
    n = int(100 / voxel)
    grid = Grid((n, n, n), (voxel,) * 3, (-voxel * (n - 1) / 2 + 0.3,) * 3)
    share = occupancy(Ellipsoid((0, 0, 0), (30, 30, 30)).distance(grid_points(grid)), voxel)
    assert share.sum() * voxel**3 == pytest.approx(4 / 3 * np.pi * 30**3, rel=0.015)
    assert 0 <= share.min() <= share.max() <= 1


def test_a_round_tube_is_a_cylinder():
    xyz, points = cloud()
    half = np.full_like(points.x, 25)
    distance = tube(points.x, points.y, half, half, 2.0).ravel()
    np.testing.assert_allclose(distance, np.hypot(*xyz.T[:2]) - 25, atol=1e-3)


def test_a_profile_passes_through_its_knots_and_stays_between_them():
    knots, values = (-100, -20, 10, 60), (1.0, 1.0, 0.5, 0.2)
    profile = Profile(knots, values)
    np.testing.assert_allclose(profile(np.float32(knots)), values, atol=1e-6)
    dense = profile(np.linspace(-150, 100, 500, dtype=np.float32))
    assert (np.diff(dense) <= 1e-6).all()
    assert dense[0] == 1.0
    assert dense[-1] == pytest.approx(0.2)


def test_a_smooth_step_is_flat_outside_its_edges():
    values = smooth_step(np.float32([-5, 1, 2, 3, 9]), 1, 3)
    np.testing.assert_allclose(values, [0, 0, 0.5, 1, 1])


@given(grid=grids())
def test_a_random_field_is_the_sum_of_its_waves_on_any_grid(grid):
    field = RandomField.draw(np.random.default_rng(3), 2.0, (60, 200), components=2)
    points = grid.to_physical(np.moveaxis(np.indices(grid.shape_zyx), 0, -1))
    phase = points @ field.waves.T
    cosines, sines = field.amplitudes[..., 0], field.amplitudes[..., 1]
    expected = np.cos(phase) @ cosines.T + np.sin(phase) @ sines.T
    np.testing.assert_allclose(field.on(grid), np.moveaxis(expected, -1, 0), atol=2e-5)


def test_a_random_field_is_the_same_on_a_grid_and_at_points():
    field = RandomField.draw(np.random.default_rng(5), 2.0, (60, 200), components=2)
    # More points than are computed at a time.
    grid = Grid((30, 31, 32), (4, 5, 6), (-60, -70, -80))
    np.testing.assert_allclose(field.at(grid_points(grid)), field.on(grid), atol=1e-4)


def test_a_random_field_has_the_deviation_it_was_drawn_for():
    grid = Grid((16, 16, 16), (40, 40, 40))
    fields = [
        RandomField.draw(np.random.default_rng(s), 3.0, (60, 200)).on(grid) for s in range(20)
    ]
    assert np.std(fields) == pytest.approx(3.0, rel=0.1)


@given(grid=grids())
def test_points_of_a_grid_are_its_physical_points(grid):
    points = np.stack(grid_points(grid), axis=-1)
    expected = grid.to_physical(np.moveaxis(np.indices(grid.shape_zyx), 0, -1))
    np.testing.assert_allclose(points, expected, atol=1e-3)


@given(grid=grids(), corner=TRIPLE, size=st.floats(0, 50), turn=TRIPLE)
def test_a_box_holds_all_voxels_between_two_corners(grid, corner, size, turn):
    scene = replace(
        Scene.blank(grid), rotation=rotation_matrix(turn), origin=np.array((5.0, -7.0, 3.0))
    )
    low, high = np.subtract(corner, size), np.add(corner, size)
    box = scene.box(low, high)
    points = grid.to_physical(np.moveaxis(np.indices(grid.shape_zyx), 0, -1))
    local = (points - scene.origin) @ scene.rotation
    near = ((local >= low) & (local <= high)).all(axis=-1)
    outside = np.ones(grid.shape_zyx, bool)
    outside[box] = False
    assert not (near & outside).any()
    assert scene.sees(low, high) or not near.any()
    cropped = crop_grid(grid, box)
    assert cropped.shape_zyx == outside[box].shape
    np.testing.assert_allclose(cropped.origin, points[box][0, 0, 0], atol=1e-9)
