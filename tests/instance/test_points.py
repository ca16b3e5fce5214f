"""The body, and points spread around it."""

import numpy as np
import pytest
from scipy.spatial import KDTree

from phantoms import SMALL, small_pair
from regkit import AffineTransform, Grid, LabelMap, Pair, Volume, rigid
from regkit.errors import RegistrationError
from regkit.geometry.interpolation import trilinear
from regkit.similarity.point_sample import sample_points_in_mask, values_at
from regkit.testing.phantom import thorax
from regkit_instance.points import distances_to_nearest, find_body, stratified_points
from regkit_instance.prepared_pair import PreparedPair

CT = thorax(SMALL, "ct")


def body_of(pair: Pair):
    return find_body(pair, sample_points_in_mask(pair.fixed, pair.fixed_mask, 10_000))


def test_the_body_is_found_after_the_initial_map() -> None:
    start = rigid((0, 0, 30), (40.0, 10.0, -20.0))
    body = body_of(Pair(CT, CT, initial=start))
    assert body.centre == pytest.approx(start.map_points((0, 0, 0)), abs=8)
    assert 110 < body.radius_mm < 160
    assert body.points.mean(axis=0) == pytest.approx((0, 0, 0), abs=1e-6)


def test_points_hold_what_the_level_shows_there() -> None:
    start = rigid((10, 0, 30), (40.0, 10.0, -20.0))
    images = PreparedPair.prepare(Pair(CT, CT, initial=start), 1, 0)
    level, body = images.fixed[0], images.body
    points = stratified_points(images.pair, body, level, 9.0, 500, 3)
    places = start.inverse().map_points(points.positions.T + body.centre)
    expected = trilinear(level.array, level.grid.to_index(places))
    assert points.values == pytest.approx(expected, abs=1e-3)


def test_points_are_spread_evenly_and_repeat_with_their_seed() -> None:
    images = PreparedPair.prepare(Pair(CT, CT), 1, 0)
    draws = [
        stratified_points(images.pair, images.body, images.fixed[0], 9.0, 1000, s)
        for s in (1, 1, 2)
    ]
    np.testing.assert_array_equal(draws[0].positions, draws[1].positions)
    assert not np.array_equal(draws[0].positions, draws[2].positions)
    positions = draws[0].positions
    assert 850 < positions.shape[1] < 1150
    low, high = positions.min(axis=1), positions.max(axis=1)
    octants = (positions > ((low + high) / 2)[:, None]).T @ (4, 2, 1)
    assert np.bincount(octants, minlength=8) == pytest.approx(np.full(8, 125), abs=40)


def test_points_lie_in_the_fixed_mask() -> None:
    mask = LabelMap((np.indices(SMALL.shape_zyx)[2] > 20).astype(np.uint8), SMALL)
    images = PreparedPair.prepare(Pair(CT, CT, fixed_mask=mask), 1, 0)
    points = stratified_points(images.pair, images.body, images.fixed[0], 9.0, 1000, 0)
    places = points.positions.T + images.body.centre
    assert points.positions.shape[1] > 300
    assert (values_at(mask, places) == 1).all()


def test_a_thin_image_gets_one_layer_of_points() -> None:
    thin = Volume(np.random.default_rng(0).random((1, 40, 60)), Grid((1, 40, 60)))
    images = PreparedPair.prepare(Pair(thin, thin), 1, 0)
    points = stratified_points(images.pair, images.body, images.fixed[0], 1.0, 600, 0)
    assert 500 < points.positions.shape[1] < 700


def test_a_mask_of_almost_nothing_is_refused() -> None:
    pair = small_pair(initial=AffineTransform.shift((1.0, 0, 0)))
    sample = sample_points_in_mask(pair.fixed, None, 20)
    with pytest.raises(RegistrationError, match="marks almost nothing"):
        find_body(pair, sample)


def test_a_map_that_takes_nearly_all_points_outside_has_no_score() -> None:
    measure = PreparedPair.prepare(Pair(CT, CT), 1, 0).measure("mi", 0, 4000, 12)
    maps = np.tile(np.eye(3, 4), (200, 1, 1))
    maps[:, :, 3] = np.linspace(0, 400, 200)[:, None]
    scores, shares = measure.values_and_overlaps(maps)
    few = (shares > 0.01) & (shares < 0.049)
    assert few.any()  # more than thirty points
    assert (scores[few] == -np.inf).all()
    assert (measure.values_and_gradients(maps[few])[1] == 0).all()
    assert np.isfinite(scores[shares > 0.051]).all()


@pytest.mark.parametrize("same", [False, True])
def test_the_nearest_point_is_that_of_a_tree(same: bool) -> None:
    rng = np.random.default_rng(0)
    others = rng.normal(size=(900, 3)) * [80, 5, 300]
    points = others if same else rng.normal(size=(400, 3)) * [120, 90, 200]
    expected = KDTree(others).query(points, k=2)[0][:, int(same)]
    assert distances_to_nearest(points, others, same) == pytest.approx(expected, abs=1e-3)
