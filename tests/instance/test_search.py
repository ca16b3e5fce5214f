"""Climbing, starting and comparing, on landscapes that are known."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from regkit import Grid, Pair, Volume
from regkit.geometry.rotation import rotations
from regkit_instance.information import BLOCK
from regkit_instance.local_optima import cluster_optima, distances_mm, uncertainty_mm
from regkit_instance.motion import Motion, affine_maps
from regkit_instance.optimizer import maximize
from regkit_instance.prepared_pair import PreparedPair
from regkit_instance.starts import (
    extended_starts,
    global_starts,
    local_starts,
    rotations_everywhere,
    subsample_starts,
)

RNG = np.random.default_rng(0)
BODY = RNG.normal(size=(200, 3)) * (60, 40, 30)
BODY -= BODY.mean(axis=0)
SCATTER = BODY.T @ BODY / len(BODY)
RIGID = Motion("rigid", 80.0)


@dataclass(frozen=True)
class Hill:
    """Minus half the mean squared distance of a mapped body from its place, over `width`^2."""

    peak: np.ndarray
    width: float = 40.0

    def values(self, maps: np.ndarray) -> np.ndarray:
        return self.values_and_gradients(maps)[0]

    def values_and_gradients(self, maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        ones = np.concatenate([BODY, np.ones((len(BODY), 1))], axis=1)
        apart = ones @ (maps - self.peak).transpose(0, 2, 1)
        gone = np.abs(maps[:, :, 3]).max(axis=1) > 500
        values = -0.5 * (apart**2).sum(axis=2).mean(axis=1) / self.width**2
        slopes = -np.einsum("bni,nj->bij", apart, ones) / len(BODY) / self.width**2
        return np.where(gone, -np.inf, values), np.where(gone[:, None, None], 0.0, slopes)


def turned(degrees: float, shift: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    axis, way = rng.normal(size=(2, 3))
    axis *= np.deg2rad(degrees) / np.linalg.norm(axis)
    return affine_maps(rotations(axis[None]), (way * shift / np.linalg.norm(way))[None])[0]


def test_every_start_climbs_to_the_peak_in_few_steps() -> None:
    hill = Hill(turned(25, 30, 1))
    starts = np.stack([turned(40, 50, seed) for seed in range(2, 12)])
    peaks = maximize(hill, RIGID, starts, 5.0, 0.01, 60)
    assert distances_mm(peaks.maps, hill.peak, SCATTER).max() < 0.05
    assert peaks.evaluations < 30 * len(starts)


def test_a_start_ends_at_the_same_place_alone_and_among_others() -> None:
    hill = Hill(turned(25, 30, 1))
    starts = np.stack([turned(40, 50, seed) for seed in range(2, 6)])
    together = maximize(hill, RIGID, starts, 5.0, 0.01, 60).maps
    alone = maximize(hill, RIGID, starts[2:3], 5.0, 0.01, 60).maps[0]
    assert together[2] == pytest.approx(alone, abs=1e-9)


def test_more_parameters_reach_an_affine_peak() -> None:
    peak = turned(10, 5, 1)
    peak[:, :3] = peak[:, :3] @ np.array([[1.1, 0.05, 0], [0, 0.9, 0], [0, 0.02, 1.05]])
    found = maximize(Hill(peak), Motion("affine", 80.0), np.eye(3, 4)[None], 5.0, 0.001, 200)
    assert found.maps[0] == pytest.approx(peak, abs=1e-3)


def test_a_start_that_meets_nothing_stays_and_disturbs_no_other() -> None:
    hill = Hill(turned(25, 30, 1))
    lost = turned(0, 0, 0)
    lost[:, 3] = 900.0
    peaks = maximize(hill, RIGID, np.stack([lost, turned(5, 5, 3)]), 5.0, 0.01, 60)
    assert peaks.values[0] == -np.inf
    np.testing.assert_array_equal(peaks.maps[0], lost)
    assert distances_mm(peaks.maps[1:], hill.peak, SCATTER)[0] < 0.05


def test_rotations_are_proper_and_leave_no_large_gap() -> None:
    grid = rotations_everywhere(300)
    assert np.einsum("bij,bkj->bik", grid, grid) == pytest.approx(np.tile(np.eye(3), (300, 1, 1)))
    assert np.linalg.det(grid) == pytest.approx(np.ones(300))
    asked = Rotation.random(500, rng=np.random.default_rng(1)).as_matrix()
    cosine = (np.einsum("aij,bij->ab", asked, grid).max(axis=1) - 1) / 2
    assert np.rad2deg(np.arccos(np.clip(cosine, -1, 1))).max() < 32


def test_starts_begin_with_the_initial_map_and_visit_every_place() -> None:
    centres = np.array([(100.0, 0, 0), (0, 50.0, 0)])
    starts = global_starts(centres, 80.0)
    np.testing.assert_array_equal(starts[0], np.eye(3, 4))
    for centre in centres:
        assert (starts[:, :, 3] == centre).all(axis=1).sum() >= 300
    some = subsample_starts(starts, 10)
    assert len(some) == 10
    np.testing.assert_array_equal(some[0], np.eye(3, 4))


def test_no_near_motion_is_far_from_a_local_start() -> None:
    radius = 50.0
    starts = local_starts(radius)
    np.testing.assert_array_equal(starts[0], np.eye(3, 4))
    rng = np.random.default_rng(2)
    for degrees, shift in zip(rng.uniform(0, 35, 40), rng.uniform(0, 15, 40), strict=True):
        motion = turned(degrees, shift, int(1000 * degrees))
        apart = starts[:, :, :3] @ motion[:, :3].T
        turns = np.rad2deg(np.arccos(np.clip((np.trace(apart, axis1=1, axis2=2) - 1) / 2, -1, 1)))
        shifts = np.linalg.norm(starts[:, :, 3] - motion[:, 3], axis=1)
        assert turns.min() < 14
        assert shifts.min() <= 0.1 * radius * np.sqrt(3)
    assert np.linalg.norm(starts[:, :, 3], axis=1).max() == pytest.approx(0.4 * radius)


def test_distances_are_those_of_the_points() -> None:
    one, other = turned(30, 10, 1), turned(50, 20, 2)
    mapped = [BODY @ m[:, :3].T + m[:, 3] for m in (one, other)]
    expected = np.sqrt(((mapped[0] - mapped[1]) ** 2).sum(axis=1).mean())
    assert distances_mm(one[None], other, SCATTER)[0] == pytest.approx(expected)


def test_searches_that_end_together_are_one_place() -> None:
    maps = np.stack([turned(0, shift, 1) for shift in (0, 1, 50, 51, 2, 0)])
    scores = np.array([0.5, 0.6, 0.9, 0.8, 0.4, -np.inf])
    found = cluster_optima(maps, scores * 2, scores, SCATTER, 5.0)
    assert found.scores.tolist() == [0.9, 0.6]
    assert found.values.tolist() == [1.8, 1.2]
    assert found.counts.tolist() == [2, 3]
    assert found.summary(SCATTER)[1]["from_best_mm"] == pytest.approx(49)
    assert len(found.best(5, 0.7).maps) == 1


def test_a_search_is_doubtful_if_the_second_place_is_nearly_as_good() -> None:
    maps = np.stack([turned(0, shift, 1) for shift in (0, 50, 100)])
    found = cluster_optima(maps, np.ones(3), np.array([1.0, 0.9, 0.2]), SCATTER, 5.0)
    assert found.is_ambiguous(0.87)
    assert not found.is_ambiguous(0.95)
    assert found.best(1, 0.0).is_ambiguous(0.95)  # one place: nothing was compared
    assert found.nearest(turned(0, 90, 1), SCATTER) == 2


def test_wider_starts_turn_everywhere_around_a_place() -> None:
    starts = extended_starts(np.array([10.0, 0.0, -20.0]), 80.0)
    shifts, counts = np.unique(starts[:, :, 3], axis=0, return_counts=True)
    assert shifts.mean(axis=0) == pytest.approx((10.0, 0.0, -20.0))
    assert np.ptp(shifts, axis=0) == pytest.approx((80.0, 80.0, 80.0))
    assert counts.tolist() == [300] * 27


def test_uncertainty_is_that_of_a_gaussian() -> None:
    """Translations of a hill of width w, seen n times, scatter by w / sqrt(n) along each axis."""
    peak = np.eye(3, 4)
    spread = uncertainty_mm(Hill(peak, 40.0), RIGID, peak, independent=100.0, step_mm=0.5)
    turn = 80.0 * 40.0 / np.sqrt(np.trace(BODY.T @ BODY / len(BODY)) - (BODY**2).mean(axis=0))
    assert spread == pytest.approx(np.sqrt(3 * 4.0**2 + (turn**2).sum() / 100), rel=0.05)


@dataclass(frozen=True)
class Interpreted:
    """A measure whose searches are not compiled: only its values and gradients are known."""

    values_and_gradients: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


@pytest.mark.parametrize("name", ["mi", "nmi"])
def test_compiled_searches_take_the_steps_of_interpreted_ones(name) -> None:
    pair = smooth_pair()
    measure = PreparedPair.prepare(pair, 1, 0).measure(name, 0, 3000, 16)
    motion = Motion("rigid", 40.0)
    starts = np.stack([turned(6, 4, seed) for seed in range(5)] + [turned(0, 1e5, 9)])
    by_steps = maximize(Interpreted(measure.values_and_gradients), motion, starts, 2.0, 0.01, 6)
    compiled = maximize(measure, motion, starts, 2.0, 0.01, 6)
    two = maximize(replace(measure, threads=2), motion, starts, 2.0, 0.01, 6)
    assert compiled.evaluations == by_steps.evaluations == 5 * 6 + 1
    assert compiled.values[-1] == -np.inf
    np.testing.assert_array_equal(compiled.maps[-1], starts[-1])
    np.testing.assert_allclose(compiled.maps, by_steps.maps, atol=1e-3)
    np.testing.assert_allclose(compiled.values[:-1], by_steps.values[:-1], rtol=1e-5)
    np.testing.assert_array_equal(compiled.maps, two.maps)


@pytest.mark.parametrize("threads", [2, 5])
def test_threads_that_share_the_points_of_searches_change_no_digit(threads) -> None:
    measure = PreparedPair.prepare(smooth_pair(), 1, 0).measure("mi", 0, 30_000, 16)
    assert len(measure.points.values) > threads * BLOCK
    motion, starts = Motion("rigid", 40.0), np.stack([turned(6, 4, seed) for seed in range(3)])
    alone = maximize(measure, motion, starts, 2.0, 0.01, 6)
    for _ in range(5):
        shared = maximize(replace(measure, threads=threads), motion, starts, 2.0, 0.01, 6)
        np.testing.assert_array_equal(shared.maps, alone.maps)
        np.testing.assert_array_equal(shared.values, alone.values)


def smooth_pair() -> Pair:
    grid = Grid((24, 24, 24), (3.0, 3.0, 3.0))
    z, y, x = np.indices(grid.shape_zyx)
    shape = np.exp(-((x - 11.0) ** 2) / 9 - (y - 0.5 * z - 6.0) ** 2 / 25) + 0.01 * x * np.sin(z)
    return Pair(Volume(shape, grid), Volume(1.1 - shape, grid))
