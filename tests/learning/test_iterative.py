"""Repeated glances, by networks that are none."""

import numpy as np
import pytest
from hypothesis import given

from phantoms import MOTION, SMALL, small_pair
from regkit import IDENTITY, AffineTransform, DisplacementField, Grid, Volume, rigid
from regkit.errors import ParameterError
from regkit.learning.iterative import recursive_registration
from strategies import POINTS, RIGID

FEW = Grid((4, 4, 4), (90.0, 90.0, 90.0), (-135.0, -135.0, -135.0))
PAIR = small_pair()


def constant(*maps):
    """A glance that tells prepared maps one after the other, whatever it sees."""
    left = iter(maps)
    return lambda fixed, moving: next(left)


@given(RIGID, RIGID, RIGID, POINTS)
def test_later_passes_map_first(initial, one, two, points) -> None:
    first, second = recursive_registration(
        constant(one, two), PAIR.fixed, PAIR.moving, FEW, initial=initial, count=2
    )
    expected = initial.map_points(one.map_points(points))
    np.testing.assert_allclose(first.map_points(points), expected, atol=1e-6)
    expected = initial.map_points(one.map_points(two.map_points(points)))
    np.testing.assert_allclose(second.map_points(points), expected, atol=1e-6)


def ball(centre: tuple[float, float, float]) -> Volume:
    points = SMALL.to_physical(np.moveaxis(np.indices(SMALL.shape_zyx), 0, -1))
    distance = np.linalg.norm(points - np.array(centre), axis=-1)
    return Volume(np.exp(-((distance / 20) ** 2)), SMALL)


def centre_of_mass(volume: Volume) -> np.ndarray:
    points = volume.grid.to_physical(np.moveaxis(np.indices(SMALL.shape_zyx), 0, -1))
    values = np.nan_to_num(volume.array)
    return np.einsum("zyx,zyxi->i", values, points) / values.sum()


def half_way(fixed: Volume, moving: Volume) -> AffineTransform:
    """Tell half of how far the images are apart."""
    return AffineTransform.shift((centre_of_mass(moving) - centre_of_mass(fixed)) / 2)


def test_every_pass_sees_what_is_left() -> None:
    fixed, moving = ball((5, 5, 5)), ball((37, -11, 21))
    totals = list(recursive_registration(half_way, fixed, moving, SMALL, count=5))
    left = [np.subtract((37, -11, 21), t.map_points((5, 5, 5))) for t in totals]
    expected = [np.array((32, -16, 16)) / 2**n for n in range(1, 6)]
    np.testing.assert_allclose(left, expected, atol=0.05)


def test_the_first_pass_sees_what_the_start_leaves() -> None:
    fixed, moving = ball((0, 0, 0)), ball((40, 0, 0))
    start = rigid((0, 0, 90), (32, 0, 0))
    (total,) = recursive_registration(half_way, fixed, moving, SMALL, initial=start)
    np.testing.assert_allclose(total.map_points((0, 0, 0)), (36, 0, 0), atol=0.05)
    np.testing.assert_allclose(total.map_points((10, 0, 0)), (36, 10, 0), atol=0.05)


def test_a_start_that_bends_stays_under_the_passes() -> None:
    bend = DisplacementField(np.full((4, 4, 4, 3), 5.0), FEW)
    (total,) = recursive_registration(constant(MOTION), PAIR.fixed, PAIR.moving, FEW, initial=bend)
    np.testing.assert_allclose(
        total.map_points((1.0, 2.0, 3.0)), MOTION.map_points((1.0, 2.0, 3.0)) + 5
    )


def test_what_no_image_shows_is_unknown() -> None:
    seen = []

    def look(fixed: Volume, moving: Volume) -> AffineTransform:
        seen.append((fixed, moving))
        return IDENTITY

    wide = Grid((8, 8, 8), (90.0, 90.0, 90.0), (-315.0, -315.0, -315.0))
    list(
        recursive_registration(
            look, PAIR.fixed, PAIR.moving, wide, initial=AffineTransform.shift((90, 0, 0))
        )
    )
    ((fixed, moving),) = seen
    assert fixed.grid == moving.grid == wide
    assert (fixed.modality, moving.modality) == ("pet", "ct")
    centres = wide.to_physical(np.moveaxis(np.indices(wide.shape_zyx), 0, -1))
    np.testing.assert_array_equal(np.isfinite(fixed.array), SMALL.contains(centres))
    np.testing.assert_array_equal(
        np.isfinite(moving.array), SMALL.contains(centres + np.array((90, 0, 0)))
    )


def test_no_pass_is_refused() -> None:
    with pytest.raises(ParameterError, match="one pass or more, got 0"):
        list(recursive_registration(half_way, PAIR.fixed, PAIR.moving, FEW, count=0))
