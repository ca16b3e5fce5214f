"""The prior on affine maps: rigid ones are free, and derivatives are those of the value."""

import numpy as np
import pytest

from regkit import Grid, Pair, Volume
from regkit.geometry.rotation import rotations
from regkit.geometry.transform import AffineTransform
from regkit_instance.measures import WeightedSum
from regkit_instance.motion import Motion
from regkit_instance.prepared_pair import PreparedPair
from regkit_instance.stretch_prior import LogStretchPrior, with_stretch_prior

FREE = LogStretchPrior(np.eye(3))


def maps_of(linear) -> np.ndarray:
    return np.concatenate([linear, np.full((len(linear), 3, 1), 7.0)], axis=2)


def turns(count: int, seed: int = 0) -> np.ndarray:
    return rotations(np.random.default_rng(seed).normal(size=(count, 3)))


def test_rigid_maps_cost_nothing_and_pull_nowhere() -> None:
    values, slopes = FREE.values_and_gradients(maps_of(turns(5)))
    np.testing.assert_allclose(values, 0, atol=1e-12)
    np.testing.assert_allclose(slopes, 0, atol=1e-12)


def test_the_value_is_of_the_principal_stretches_whatever_turns_them() -> None:
    scales = np.array([1.5, 0.8, 1.1])
    linear = turns(4, 1) @ np.diag(scales) @ turns(4, 2)
    expected = -(np.log(scales) ** 2).sum() / 2
    np.testing.assert_allclose(FREE.values(maps_of(linear)), expected, rtol=1e-9)
    # As far either way: half as long costs what double does.
    both = np.array([np.diag([2.0, 1, 1]), np.diag([0.5, 1, 1])])
    one, other = FREE.values(maps_of(both))
    assert one == pytest.approx(other)


def test_derivatives_are_differences_of_the_value() -> None:
    rng = np.random.default_rng(3)
    maps = maps_of(np.eye(3) + rng.normal(0, 0.2, (4, 3, 3)))
    _, slopes = FREE.values_and_gradients(maps)
    for place in np.ndindex(3, 4):
        step = np.zeros((3, 4))
        step[place] = 1e-6
        differences = (FREE.values(maps + step) - FREE.values(maps - step)) / 2e-6
        np.testing.assert_allclose(slopes[(slice(None), *place)], differences, atol=1e-7)


@pytest.mark.parametrize("linear", [np.diag([1.0, 1, -1]), np.diag([1.0, 0, 1]), np.zeros((3, 3))])
def test_what_folds_is_out_of_the_question(linear) -> None:
    values, slopes = FREE.values_and_gradients(maps_of(linear[None]))
    assert values[0] == -np.inf
    assert (slopes == 0).all()


def test_stretches_of_the_initial_map_count() -> None:
    start = turns(1, 4)[0] @ np.diag([1.2, 0.9, 1.0])
    undone = maps_of(np.linalg.inv(start)[None])
    assert LogStretchPrior(start).values(undone)[0] == pytest.approx(0, abs=1e-12)
    kept = LogStretchPrior(start).values(maps_of(np.eye(3)[None]))[0]
    assert kept == pytest.approx(FREE.values(maps_of(start[None]))[0])
    rng = np.random.default_rng(5)
    maps = maps_of(np.eye(3) + rng.normal(0, 0.2, (2, 3, 3)))
    _, slopes = LogStretchPrior(start).values_and_gradients(maps)
    step = np.zeros((3, 4))
    step[1, 2] = 1e-6
    ahead, behind = (LogStretchPrior(start).values(maps + sign * step) for sign in (1, -1))
    np.testing.assert_allclose(slopes[:, 1, 2], (ahead - behind) / 2e-6, atol=1e-7)


def images_of(side: int, initial: AffineTransform | None = None) -> PreparedPair:
    grid = Grid((side,) * 3, (2.0, 2.0, 2.0), (0.0, 0.0, 0.0))
    values = np.random.default_rng(0).random(grid.shape_zyx)
    return PreparedPair.prepare(
        Pair(Volume(values, grid), Volume(values, grid), initial=initial), 1, 0
    )


def test_only_motions_that_stretch_are_held() -> None:
    images = images_of(16)
    assert with_stretch_prior(FREE, Motion("rigid", 100.0), images) is FREE
    for model in ("similarity", "anisotropic", "affine"):
        assert isinstance(with_stretch_prior(FREE, Motion(model, 100.0), images), WeightedSum)


def test_the_more_an_image_shows_the_less_it_is_held() -> None:
    affine = Motion("affine", 100.0)
    small, large = (with_stretch_prior(FREE, affine, images_of(side)) for side in (16, 80))
    assert isinstance(small, WeightedSum)
    assert isinstance(large, WeightedSum)
    assert (small.weight, large.weight) == (4.0, pytest.approx(800_000 / 80**3, rel=0.1))


def test_a_start_is_counted_unless_it_reflects() -> None:
    affine = Motion("affine", 100.0)
    wide, mirrored = (
        with_stretch_prior(FREE, affine, images_of(16, AffineTransform(np.diag(scales))))
        for scales in ([1.25, 1, 1, 1], [1, 1, -1, 1])
    )
    assert isinstance(wide, WeightedSum)
    assert isinstance(mirrored, WeightedSum)
    still = maps_of(np.eye(3)[None])
    assert wide.second.values(still)[0] == pytest.approx(-(np.log(1.25) ** 2) / 2)
    assert mirrored.second.values(still)[0] == 0
