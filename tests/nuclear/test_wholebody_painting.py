"""Solids and the canvas: volumes, boxes, partial volumes, and any part of any grid."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regkit.geometry.grid import Grid
from regkit.geometry.rigid import rigid
from regkit.geometry.rotation import rotation_matrix
from regkit.geometry.transform import IDENTITY
from regkit_nuclear.painting.canvas import PaintedPart, displaced, field_at, paint
from regkit_nuclear.painting.loops import inside_box
from regkit_nuclear.painting.shapes import Coordinates, Profile, RandomField
from regkit_nuclear.painting.solids import (
    Band,
    ball,
    capsule,
    column,
    ellipsoid,
    half_space,
    path,
    slab,
)

GRID = Grid((40, 36, 44), (2.5, 2.5, 2.5), (-53.75, -43.75, -48.75))
TURN = rotation_matrix((20, -35, 50))
SOLIDS = {
    "ellipsoid": ellipsoid((3, -5, 8), (28, 14, 20), TURN),
    "capsule": capsule((-20, 0, -15), (18, 9, 20), 9, 14),
    "union": ball((-12, 0, 0), 14) | ball((14, 6, 3), 17),
    "blend": ball((-12, 0, 0), 14).blended(ball((14, 6, 3), 17), 12),
    "cut": ellipsoid((0, 0, 0), (30, 25, 28)) - ball((14, 6, 3), 17),
    "half": ball((4, 2, 0), 24) & half_space(TURN[:, 0], 3.0),
    "slice": ball((4, 2, 0), 24) & slab(1, -4, 9),
    "grown": path([(-20, 0, -15), (0, 8, 6), (18, -9, 20)], [6, 9, 5]).grown(4),
    "column": column(
        Profile((-30, 0, 30), (12, 24, 16)),
        Profile((-30, 30), (15, 10)),
        Profile((-30, 30), (0, 6)),
    ),
}


def here(points):
    return points


def points_of(grid):
    index = np.moveaxis(np.indices(grid.shape_zyx), 0, -1)
    return Coordinates(*np.moveaxis(grid.to_physical(index), -1, 0).astype(np.float32))


def painted(solid, grid=GRID, pose=IDENTITY, warp=here):
    return paint([PaintedPart(solid, {"ct": 1.0}, 7)], grid, pose, {"ct": 0.0}, warp)


@pytest.mark.parametrize("name", SOLIDS)
def test_a_solid_is_inside_its_box(name):
    solid, places = SOLIDS[name], points_of(GRID)
    inside = solid.distance(places) < 0
    assert inside.sum() > 100
    for axis in range(3):
        assert places[axis][inside].min() >= solid.bounds[0][axis] - 1e-3
        assert places[axis][inside].max() <= solid.bounds[1][axis] + 1e-3


@pytest.mark.parametrize("name", SOLIDS)
def test_painting_box_by_box_is_painting_everywhere(name):
    solid = SOLIDS[name]
    pose = rigid((10, 5, -25), (4, -3, 6))
    moved = points_of(GRID)
    stacked = pose.map_points(np.stack(moved, axis=-1))
    distance = solid.distance(Coordinates(*np.moveaxis(stacked, -1, 0).astype(np.float32)))
    painting = painted(solid, pose=pose)
    away = np.abs(distance) > 1e-3
    np.testing.assert_array_equal((painting.labels == 7)[away], (distance < 0)[away])
    ramp = np.clip(0.5 - distance / 2.5, 0, 1)
    np.testing.assert_allclose(painting.channels["ct"], ramp, atol=1e-3)


@given(st.floats(10, 25), st.floats(10, 25), st.floats(10, 25), st.floats(-3, 3))
def test_a_painted_ellipsoid_has_the_volume_of_the_formula(a, b, c, shift):
    total = painted(ellipsoid((shift, 0, shift / 2), (a, b, c), TURN)).channels["ct"].sum()
    assert total * 2.5**3 == pytest.approx(4 / 3 * np.pi * a * b * c, rel=0.04)


def test_a_capsule_has_the_volume_of_the_formula():
    total = painted(capsule((-20, 3, -5), (20, 3, 5), 12)).channels["ct"].sum()
    length = np.hypot(40, 10)
    expected = np.pi * 12**2 * length + 4 / 3 * np.pi * 12**3
    assert total * 2.5**3 == pytest.approx(expected, rel=0.02)


def test_later_parts_cover_earlier_ones_and_may_keep_or_erase_labels():
    whole, inner = ball((0, 0, 0), 30), ball((0, 0, 0), 15)
    parts = [PaintedPart(whole, {"ct": 5.0}, 1), PaintedPart(inner, {"ct": -2.0}, None)]
    kept = paint(parts, GRID, IDENTITY, {"ct": 0.0}, here)
    parts[1] = PaintedPart(inner, {}, 0)
    erased = paint(parts, GRID, IDENTITY, {"ct": 0.0}, here)
    middle = (20, 18, 22)
    assert kept.channels["ct"][middle] == pytest.approx(-2)
    assert kept.labels[middle] == 1
    assert erased.channels["ct"][middle] == pytest.approx(5)
    assert erased.labels[middle] == 0


def test_a_rigid_part_does_not_follow_the_warp():
    def warp(points):
        return Coordinates(points.x + 20, points.y, points.z)

    bent, stiff = (
        paint(
            [PaintedPart(ball((0, 0, 0), 10), {"ct": 1.0}, unwarped=unwarped)],
            GRID,
            IDENTITY,
            {"ct": 0.0},
            warp,
        )
        for unwarped in (False, True)
    )
    columns = np.arange(44) * 2.5 - 53.75
    for painting, expected in ((bent, -20), (stiff, 0)):
        weights = painting.channels["ct"].sum(axis=(0, 1))
        assert (weights @ columns) / weights.sum() == pytest.approx(expected, abs=0.05)


def test_a_displacement_at_points_is_the_field_on_the_grid():
    field = RandomField.draw(np.random.default_rng(4), 5.0, (60.0, 200.0), components=3, count=6)
    places = points_of(GRID)
    moved = displaced(places, field)
    expected = field.on(GRID)
    for axis in range(3):
        np.testing.assert_allclose(moved[axis] - places[axis], expected[axis], atol=1e-3)


def test_a_field_at_points_is_numpys_sum_of_waves_to_the_last_bit():
    field = RandomField.draw(np.random.default_rng(5), 3.0, (40, 90), components=3, count=5)
    x, y, z = places = points_of(GRID)
    expected = np.zeros((3, *GRID.shape_zyx), np.float32)
    amplitudes = np.moveaxis(field.amplitudes, 1, 0).astype(np.float32)
    for (kx, ky, kz), wave in zip(field.waves.astype(np.float32), amplitudes, strict=True):
        phases = kx * x + ky * y + kz * z
        for number, (even, odd) in enumerate(wave):
            expected[number] += even * np.cos(phases) + odd * np.sin(phases)
    assert np.array_equal(field_at(field, places), expected)


def test_the_points_inside_a_box_are_those_between_its_sides():
    points = np.random.default_rng(3).uniform(-10, 10, (3, 1001)).astype(np.float32)
    lower, upper = np.float32([-4, -20, 0]), np.float32([3, 8, 20])
    above, below = np.greater(points.T, lower), np.less(points.T, upper)
    inside = (above & below).all(axis=1)
    assert np.array_equal(inside_box(*points, lower, upper), np.flatnonzero(inside))


@pytest.mark.parametrize("name", SOLIDS)
@pytest.mark.parametrize("grown", [-4.0, 0.0, 6.0])
def test_distances_in_a_band_are_exact_and_all_others_on_their_side_of_it(name, grown):
    solid = (SOLIDS[name].grown(grown) - ball((0, 4, 4), 9)) | SOLIDS["half"].shell(-3, 2)
    places = Coordinates(*map(np.ravel, points_of(GRID)))
    exact, banded = solid.distance(places), solid.near(places, Band(-2.0, 2.0))
    np.testing.assert_array_equal(np.clip(exact, -2, 2), np.clip(banded, -2, 2))
    found = solid.close(places, Band(-2.0, 2.0))
    assert set(np.flatnonzero(exact < 2.0)) <= set(found)
    assert len(found) < places.x.size


@given(st.floats(-5, 5), st.floats(0, 10))
def test_a_shell_is_what_is_between_two_grown_solids(inner, thickness):
    solid, places = SOLIDS["blend"], points_of(GRID)
    outer = inner + thickness
    between = solid.grown(outer) - solid.grown(inner)
    np.testing.assert_allclose(
        solid.shell(inner, outer).distance(places), between.distance(places), atol=1e-5
    )


def test_a_capsule_and_an_ellipsoid_have_the_distances_of_the_formulas():
    places = points_of(GRID)
    stacked = np.stack(places, axis=-1).astype(np.float64)
    start, end = np.array((-20.0, 0, -15)), np.array((18.0, 9, 20))
    t = np.clip((stacked - start) @ (end - start) / ((end - start) @ (end - start)), 0, 1)
    middle = np.linalg.norm(stacked - start - t[..., None] * (end - start), axis=-1)
    np.testing.assert_allclose(SOLIDS["capsule"].distance(places), middle - 9 - 5 * t, atol=1e-4)
    local = (stacked - (3, -5, 8)) @ TURN / (28, 14, 20)
    radius = np.linalg.norm(local, axis=-1)
    slope = np.linalg.norm(local / (28, 14, 20), axis=-1)
    expected = radius * (radius - 1) / np.maximum(slope, 1e-6)
    np.testing.assert_allclose(SOLIDS["ellipsoid"].distance(places), expected, atol=1e-3)


def test_a_profile_is_the_interpolated_table():
    profile = Profile((-30, 0, 25), (12, 24, 16))
    places = np.linspace(-40, 40, 1001, dtype=np.float32).reshape(7, 11, 13)
    expected = np.interp(places, profile.knots, profile.values)
    np.testing.assert_allclose(profile(places), expected, atol=1e-3)
