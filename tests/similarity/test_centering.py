"""A pair moved to the origin is the same pair."""

import numpy as np
import pytest

from phantoms import MOTION, small_pair
from regkit import AffineTransform, DisplacementField, Pair, Transform, rigid
from regkit.similarity.centering import center_pair, normalize_scale
from regkit.similarity.point_sample import sample_points, values_at

AWAY = AffineTransform.shift((310.0, -420.0, -1250.0))
POINTS = np.random.default_rng(0).uniform(-60, 60, (50, 3))


def _far_pair(initial: Transform | None = None) -> Pair:
    return Pair(
        *(
            v.with_array(v.array, _moved(v.grid))
            for v in (small_pair().fixed, small_pair().moving)
        ),
        initial=initial,
    )


def _moved(grid):
    return type(grid).from_affine(grid.shape_zyx, AWAY.matrix @ grid.affine)


def test_the_fixed_body_and_its_start_are_at_the_origin() -> None:
    near = center_pair(_far_pair(rigid((5, 6, 7), (8, 9, 10)))).pair
    sample = sample_points(near.fixed)
    centre = sample.points[sample.foreground].mean(axis=0)
    np.testing.assert_allclose(centre, 0, atol=1e-6)
    np.testing.assert_allclose(near.start.map_points((0.0, 0.0, 0.0)), 0, atol=1e-9)


def test_turns_of_a_normalised_body_count_as_shifts_do() -> None:
    near = normalize_scale(_far_pair())
    sample = sample_points(near.pair.fixed)
    body = sample.points[sample.foreground]
    np.testing.assert_allclose(np.sqrt((body**2).sum(axis=1).mean()), 1, rtol=1e-6)
    expected = np.divide(small_pair().fixed.grid.extent, near.unit_mm)
    np.testing.assert_allclose(near.pair.fixed.grid.extent, expected)


@pytest.mark.parametrize("place", [center_pair, normalize_scale])
def test_undoing_the_initial_map_gives_the_initial_map(place) -> None:
    initial = rigid((5, 6, 7), (8, 9, 10), (300, -400, -1200))
    near = place(_far_pair(initial))
    points = AWAY.map_points(POINTS)
    np.testing.assert_allclose(
        near.to_original(near.pair.start).map_points(points), initial.map_points(points), atol=1e-9
    )


def test_what_belongs_together_still_does() -> None:
    pair = _far_pair()
    near = center_pair(pair)
    truth = AWAY @ MOTION @ AWAY.inverse()
    fixed, moving = np.array(near.fixed_centre), np.array(near.moving_centre)
    points = AWAY.map_points(POINTS)
    np.testing.assert_allclose(
        values_at(near.pair.moving, truth.map_points(points) - moving),
        values_at(pair.moving, truth.map_points(points)),
        rtol=1e-5,
    )
    np.testing.assert_allclose(
        values_at(near.pair.fixed, points - fixed), values_at(pair.fixed, points), rtol=1e-5
    )


def test_a_displacement_field_is_kept_as_initial_map() -> None:
    grid = small_pair().fixed.grid
    field = DisplacementField(np.full((*grid.shape_zyx, 3), 3.0), grid)
    pair = small_pair(initial=field)
    near = center_pair(pair)
    np.testing.assert_allclose(
        near.to_original(near.pair.start).map_points(POINTS), field.map_points(POINTS), atol=1e-9
    )
