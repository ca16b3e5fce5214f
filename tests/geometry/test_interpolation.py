"""The compiled look-up: regkit's plain interpolation and formulas are the judges."""

import numpy as np
import pytest

from regkit.geometry.interpolation import (
    interpolate_mapped,
    trilinear,
    values_and_gradients,
)

RNG = np.random.default_rng(0)


def looked_up(array: np.ndarray, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return values and gradients at indices (z, y, x), through a map that reverses the axes."""
    points = np.ascontiguousarray(index[:, ::-1].T, dtype=np.float32)
    maps = np.concatenate([np.eye(3)[::-1], np.zeros((3, 1))], axis=1)[None]
    values, gradients = values_and_gradients(array.astype(np.float32), maps, points)
    again = interpolate_mapped(array.astype(np.float32), maps, points)
    # Two loops: a compiler may fuse products and sums in one and not in the other.
    np.testing.assert_allclose(again, values, atol=1e-6)
    return values[0], gradients[0]


@pytest.mark.parametrize("shape", [(7, 6, 5), (1, 6, 5), (4, 1, 1)])
def test_values_are_those_of_linear_interpolation(shape) -> None:
    array = RNG.random(shape)
    index = RNG.random((1000, 3)) * shape - 0.5
    values, _ = looked_up(array, index)
    assert values == pytest.approx(trilinear(array, index), abs=1e-5)


def test_gradients_are_those_of_the_interpolant() -> None:
    array = RNG.random((7, 6, 5))
    index = RNG.integers(1, 4, (100, 3)) + RNG.uniform(0.1, 0.9, (100, 3))
    _, gradients = looked_up(array, index)
    for axis, step in enumerate(np.eye(3) * 0.05):
        ahead, behind = trilinear(array, index + step), trilinear(array, index - step)
        assert gradients[axis] == pytest.approx((ahead - behind) / 0.1, abs=1e-4)


def test_beyond_the_outermost_centres_values_stay_constant() -> None:
    array = RNG.random((4, 4, 4))
    values, gradients = looked_up(array, np.array([(-0.4, 2, 2), (2, 3.4, 2), (2, 2, 3.5)]))
    assert values == pytest.approx([array[0, 2, 2], array[2, 3, 2], array[2, 2, 3]])
    assert np.diag(gradients).tolist() == [0, 0, 0]


def test_what_is_outside_or_next_to_the_unknown_is_unknown() -> None:
    array = RNG.random((6, 6, 6))
    array[0, 0, 0] = np.nan
    index = np.array([(-0.51, 3, 3), (3, 5.51, 3), (0.5, 0.5, 0.5), (3, 3, 3), (5.49, 5.49, 5.49)])
    assert np.isnan(looked_up(array, index)[0]).tolist() == [True, True, True, False, False]


def test_edges_belong_to_the_field_of_view() -> None:
    corners = np.array([(z, y, x) for z in (-0.5, 3.5) for y in (-0.5, 4.5) for x in (-0.5, 5.5)])
    assert np.isfinite(looked_up(RNG.random((4, 5, 6)), corners)[0]).all()


def test_maps_that_are_nowhere_give_nothing() -> None:
    maps = np.stack([np.full((3, 4), np.nan), np.full((3, 4), 1e30)])
    points = RNG.random((3, 20)).astype(np.float32)
    assert np.isnan(interpolate_mapped(np.ones((4, 4, 4), np.float32), maps, points)).all()


def test_positions_in_a_large_image_are_exact_to_a_thousandth_of_a_voxel() -> None:
    """A ramp shows where each point was looked up."""
    size, spacing = 600, 0.7
    along = np.arange(size, dtype=np.float32)
    points = ((RNG.random((3, 500)) - 0.5) * (size - 1) * spacing).astype(np.float32)
    to_index = np.eye(3, 4) / spacing
    to_index[:, 3] = (size - 1) / 2
    expected = to_index[0, :3] @ points + to_index[0, 3]
    found = interpolate_mapped(along.reshape(size, 1, 1), _only(to_index, 0), points)[0]
    assert found == pytest.approx(expected, abs=1e-3)
    found = interpolate_mapped(along.reshape(1, 1, size), _only(to_index, 2), points[::-1])[0]
    assert found == pytest.approx(expected, abs=1e-3)


def _only(to_index: np.ndarray, axis: int) -> np.ndarray:
    """Keep one axis of a map: the others are those of a single voxel."""
    kept = np.zeros((1, 3, 4))
    kept[0, axis] = to_index[axis]
    return kept
