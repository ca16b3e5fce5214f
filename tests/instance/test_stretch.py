"""The prior on affine maps: rigid ones are free, and derivatives are those of the value."""

import numpy as np
import pytest

from regkit_instance.measures import Together
from regkit_instance.motion import Motion, rotations
from regkit_instance.stretch import WEIGHT, Stretch, held


def maps_of(linear) -> np.ndarray:
    return np.concatenate([linear, np.full((len(linear), 3, 1), 7.0)], axis=2)


def turns(count: int, seed: int = 0) -> np.ndarray:
    return rotations(np.random.default_rng(seed).normal(size=(count, 3)))


def test_rigid_maps_cost_nothing_and_pull_nowhere() -> None:
    values, slopes = Stretch().values_and_gradients(maps_of(turns(5)))
    np.testing.assert_allclose(values, 0, atol=1e-12)
    np.testing.assert_allclose(slopes, 0, atol=1e-12)


def test_the_value_is_of_the_principal_stretches_whatever_turns_them() -> None:
    scales = np.array([1.5, 0.8, 1.1])
    linear = turns(4, 1) @ np.diag(scales) @ turns(4, 2)
    expected = -(np.log(scales) ** 2).sum() / 2
    np.testing.assert_allclose(Stretch().values(maps_of(linear)), expected, rtol=1e-9)
    # As far either way: half as long costs what double does.
    both = np.array([np.diag([2.0, 1, 1]), np.diag([0.5, 1, 1])])
    one, other = Stretch().values(maps_of(both))
    assert one == pytest.approx(other)


def test_derivatives_are_differences_of_the_value() -> None:
    rng = np.random.default_rng(3)
    maps = maps_of(np.eye(3) + rng.normal(0, 0.2, (4, 3, 3)))
    _, slopes = Stretch().values_and_gradients(maps)
    for place in np.ndindex(3, 4):
        step = np.zeros((3, 4))
        step[place] = 1e-6
        differences = (Stretch().values(maps + step) - Stretch().values(maps - step)) / 2e-6
        np.testing.assert_allclose(slopes[(slice(None), *place)], differences, atol=1e-7)


@pytest.mark.parametrize("linear", [np.diag([1.0, 1, -1]), np.diag([1.0, 0, 1]), np.zeros((3, 3))])
def test_what_folds_is_out_of_the_question(linear) -> None:
    values, slopes = Stretch().values_and_gradients(maps_of(linear[None]))
    assert values[0] == -np.inf
    assert (slopes == 0).all()


def test_only_motions_that_stretch_are_held() -> None:
    measure = Stretch()
    assert held(measure, Motion("rigid", 100.0)) is measure
    for model in ("similarity", "anisotropic", "affine"):
        both = held(measure, Motion(model, 100.0))
        assert isinstance(both, Together)
        assert both.weight == WEIGHT
