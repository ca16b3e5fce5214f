"""The 17 segments are those of the AHA's statement, and the polar map shows what was painted."""

import numpy as np
import pytest

from regkit.errors import RegistrationError
from regkit.geometry.rigid import rigid
from regkit.geometry.rotation import rotation_matrix
from regkit_ventricle.axis import long_axis
from regkit_ventricle.frame import frame_along_axis
from regkit_ventricle.labels import ventricle_of
from regkit_ventricle.polar_map import (
    DIRECTIONS,
    RINGS,
    PolarMap,
    angles_deg,
    polar_map,
    segment_numbers,
)
from regkit_ventricle.segments import (
    APEX,
    APICAL,
    BASAL,
    MID,
    SEGMENTS,
    segment_at,
)
from ventricle_shells import POSE, Shell, box, cube

SHELL = Shell()
CAVITY_END = SHELL.wall - SHELL.depth

# The statement's figure, read off by hand: walls at 0 (lateral), 60, 120, ... degrees.
SIX_WALLS = {90: 1, 150: 2, 210: 3, 270: 4, 330: 5, 30: 6}
FOUR_WALLS = {90: 13, 180: 14, 270: 15, 0: 16}
TERRITORIES = {
    "LAD": {1, 2, 7, 8, 13, 14, 17},
    "RCA": {3, 4, 9, 10, 15},
    "LCX": {5, 6, 11, 12, 16},
}


def mapped(image, labels, pose=POSE):
    ventricle = ventricle_of(labels)
    axis = long_axis(ventricle)
    return polar_map(image, ventricle, axis, frame_along_axis(axis, pose))


def painted(value_of, spacing=2.0, pose=POSE):
    """Map a shell with uptake by angle (as on the map) and height; `value_of(angle, z, r)`."""

    def uptake(x, y, z):
        return value_of(np.rad2deg(np.arctan2(-y, x)) % 360, z, np.hypot(x, y))

    return mapped(*SHELL.draw(cube(spacing, pose=pose), pose, uptake), pose)


def test_the_walls_are_where_the_statement_has_them():
    for angle, number in SIX_WALLS.items():
        assert segment_at(BASAL, angle) == number
        assert segment_at(MID, angle) == number + 6
        assert segment_at(BASAL, angle + 29.9) == number
        assert segment_at(BASAL, angle - 29.9) == number
    for angle, number in FOUR_WALLS.items():
        assert segment_at(APICAL, angle) == number
        assert segment_at(APICAL, angle + 44.9) == number
        assert segment_at(APICAL, angle - 44.9) == number
    assert (segment_at(APEX, angles_deg()) == 17).all()


def test_names_and_arteries_are_those_of_the_statement():
    names = {s.number: s.name for s in SEGMENTS}
    assert list(names) == list(range(1, 18))
    assert (names[1], names[2], names[3]) == (
        "basal anterior",
        "basal anteroseptal",
        "basal inferoseptal",
    )
    assert (names[11], names[14], names[17]) == ("mid inferolateral", "apical septal", "apex")
    for artery, numbers in TERRITORIES.items():
        assert {s.number for s in SEGMENTS if s.territory == artery} == numbers


def test_segments_share_the_map_as_the_statement_has_it():
    counts = np.bincount(segment_numbers().ravel())
    ring = RINGS * DIRECTIONS
    assert counts[1:].tolist() == [ring // 6] * 12 + [ring // 4] * 4 + [ring]


def test_an_even_uptake_is_an_even_map():
    polar = painted(lambda angle, z, r: np.full_like(z, 7.0))
    np.testing.assert_allclose(polar.percent, 100.0, atol=1e-4)
    assert polar.maximum == pytest.approx(7.0)
    assert all(value.sampled_fraction == 1.0 for value in polar.segments)


@pytest.mark.parametrize("number", range(1, 18))
def test_a_defect_is_seen_in_its_segment_and_in_no_other(number):
    def value(angle, z, r):
        inside = level_of(z)
        here = np.zeros(z.shape, bool)
        for level in (BASAL, MID, APICAL, APEX):
            here |= (inside == level) & (segment_at(level, angle) == number)
        return np.where(here, 40.0, 100.0)

    polar = painted(value, spacing=3.0)
    means = np.array([s.mean_percent for s in polar.segments])
    assert means.argmin() == number - 1
    assert means[number - 1] < 62
    assert np.delete(means, number - 1).min() > 86
    assert polar.segments[number - 1].lowest_percent == pytest.approx(40, abs=4)


def test_a_hot_spot_does_not_make_a_healthy_heart_look_ill():
    """The maximum is that of 95 % of the area, weighted as the samples are."""
    values = np.full((4 * RINGS, DIRECTIONS), 50.0)
    values[:, 10:13] = 400.0  # 4 % of the directions
    polar = PolarMap(values, np.ones(4 * RINGS))
    assert polar.maximum == 50.0
    assert polar.segments[2].mean_percent == pytest.approx(100.0)
    values[:, 10:14] = 400.0  # 5.6 %
    assert PolarMap(values, np.ones(4 * RINGS)).maximum == 400.0
    weights = np.where(np.arange(4 * RINGS) < RINGS, 1e-3, 1.0)
    apex = np.where(np.arange(4 * RINGS) < RINGS, 400.0, 50.0)
    assert PolarMap(np.tile(apex[:, None], (1, DIRECTIONS)), weights).maximum == 50.0


def test_uptake_in_a_small_part_alone_is_still_a_maximum():
    values = np.zeros((4 * RINGS, DIRECTIONS))
    values[20, 0] = 3.0
    assert PolarMap(values, np.ones(4 * RINGS)).maximum == 3.0


def level_of(z):
    third = (SHELL.cut - CAVITY_END) / 3
    return np.where(z < CAVITY_END, APEX, 1 + np.clip((z - CAVITY_END) // third, 0, 2))


def test_values_fall_where_they_were_painted():
    polar = painted(lambda angle, z, r: 100 + z)
    middles = CAVITY_END + (SHELL.cut - CAVITY_END) * (np.arange(3 * RINGS) + 0.5) / (3 * RINGS)
    np.testing.assert_allclose(polar.values[RINGS:], np.tile(100 + middles, (72, 1)).T, atol=3.0)
    around = painted(lambda angle, z, r: 2 + np.cos(np.deg2rad(angle - 90)))
    truth = np.tile(2 + np.cos(np.deg2rad(angles_deg() - 90)), (2 * RINGS, 1))
    np.testing.assert_allclose(around.values[2 * RINGS :], truth, atol=0.08)
    assert np.unravel_index(np.nanargmax(around.values), around.values.shape)[1] in (17, 18)


def test_the_brightest_of_a_ray_counts():
    wall = SHELL.radius - SHELL.wall / 2
    # A bright sheet in the middle of the wall, where the wall stands upright.
    polar = painted(lambda angle, z, r: np.where(np.abs(r - wall) < 3, 10.0, 1.0), spacing=1.5)
    upright = (3 * RINGS) // 2 + RINGS
    assert polar.values[upright].min() > 9.0


@pytest.mark.parametrize(
    ("spacing", "turn", "flips"),
    [
        ((2.0, 3.0, 5.0), (25, -40, 70), (1, 1, 1)),
        ((3.0, 3.0, 3.0), (0, 0, 0), (-1, 1, -1)),
        ((4.0, 2.5, 2.5), (10, 160, 5), (1, -1, 1)),
    ],
)
def test_the_map_does_not_depend_on_the_grid(spacing, turn, flips):
    def uptake(x, y, z):
        return 100 + 0.5 * z + 0.5 * x - 0.8 * y

    grid = box(spacing, rotation_matrix(turn) * flips)
    here = mapped(*SHELL.draw(grid, POSE, uptake))
    there = mapped(*SHELL.draw(cube(2.0), POSE, uptake))
    for one, other in zip(here.segments, there.segments, strict=True):
        assert one.mean_percent == pytest.approx(other.mean_percent, abs=2.5)


def test_turning_the_frame_turns_the_map():
    polar = painted(lambda angle, z, r: 2 + np.cos(np.deg2rad(angle)))
    image, labels = SHELL.draw(cube(2.0), POSE, lambda x, y, z: 2 + np.cos(np.arctan2(-y, x)))
    turned = mapped(image, labels, POSE @ rigid((0, 0, 90)))
    # Lateral of the turned frame is inferior of the old: 270 degrees, three quarters around.
    expected = np.roll(polar.values, -3 * DIRECTIONS // 4, axis=1)
    np.testing.assert_allclose(turned.values[RINGS:], expected[RINGS:], atol=0.15)


def test_a_wall_with_a_gap_is_honest_about_it():
    image, labels = SHELL.draw(cube(2.0))
    points = labels.grid.to_physical(np.argwhere(labels.array == 1))
    x, y, z = POSE.inverse().map_points(points).T
    gap = np.argwhere(labels.array == 1)[(np.abs(y) < 14) & (x > 0) & (np.abs(z + 8) < 14)]
    array = labels.array.copy()
    array[tuple(gap.T)] = 0
    polar = mapped(image, labels.with_array(array))
    by_number = {value.segment.number: value for value in polar.segments}
    lateral = [by_number[n].sampled_fraction for n in (11, 12)]
    assert max(lateral) < 0.7
    assert by_number[9].sampled_fraction == 1.0
    assert np.isfinite([value.mean_percent for value in polar.segments]).all()


def test_territories_are_means_of_their_segments():
    polar = painted(lambda angle, z, r: 2 + np.cos(np.deg2rad(angle - 20)))
    for artery, numbers in TERRITORIES.items():
        samples = polar.percent[np.isin(segment_numbers(), sorted(numbers))]
        assert samples.min() < polar.territory_percent(artery) < samples.max()
    assert polar.territory_percent("LCX") > polar.territory_percent("RCA")


def test_a_wall_without_uptake_is_refused():
    image, labels = SHELL.draw(cube(4.0))
    cold = image.with_array(np.zeros_like(image.array))
    with pytest.raises(RegistrationError, match="the myocardium has no uptake"):
        mapped(cold, labels)


def test_a_wall_on_one_side_only_is_no_ventricle():
    image, labels = SHELL.draw(cube(3.0))
    points = labels.grid.to_physical(np.moveaxis(np.indices(labels.array.shape), 0, -1))
    x = POSE.inverse().map_points(points)[..., 0]
    half = labels.with_array(np.where((labels.array == 1) & (x > 5), 0, labels.array))
    ventricle = ventricle_of(half)
    axis = long_axis(labels)
    with pytest.raises(RegistrationError, match="at no level is there myocardium around most"):
        polar_map(image, ventricle, axis, frame_along_axis(axis, POSE))
