"""Whether one map is better than another beyond the noise of the similarity."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from regkit.geometry.grid import Grid
from regkit.geometry.transform import IDENTITY, AffineTransform, DisplacementField
from regkit.geometry.volume import Volume
from regkit.registrar import Pair
from regkit.similarity.improvement import (
    MAX_STANDARD_ERRORS,
    improvement,
    jackknife_standard_errors,
)
from regkit.testing import phantom_pairs

NOTICEABLE = 3.0  # what the method `auto` asks for


@pytest.fixture(scope="module")
def problem():
    return phantom_pairs.two_contrasts()


def noise(seed: int, grid: Grid) -> Volume:
    values = np.random.default_rng(seed).normal(size=grid.shape_zyx)
    return Volume(values.astype(np.float32), grid)


def grid_displacement(grid: Grid, mm: float) -> DisplacementField:
    """A field that shifts everything by a bit more towards one side."""
    z, y, x = np.indices(grid.shape_zyx)
    vectors = np.stack([mm + 0.1 * x, mm + 0.0 * y, 0.0 * z], axis=-1)
    return DisplacementField(vectors, grid)


def test_the_standard_error_of_a_mean_is_the_textbook_one():
    of_blocks = np.random.default_rng(1).normal(0.3, 1.0, 64)
    without = (of_blocks.sum() - of_blocks) / 63
    expected = stats.ttest_1samp(of_blocks, 0.0).statistic
    assert jackknife_standard_errors(of_blocks.mean(), without) == pytest.approx(expected)


def test_the_truth_is_better_than_a_start_and_the_start_as_much_worse(problem):
    gained = improvement(problem.pair, problem.truth, IDENTITY)
    assert gained > NOTICEABLE
    assert improvement(problem.pair, IDENTITY, problem.truth) == pytest.approx(-gained)


def test_it_does_not_matter_which_image_is_fixed(problem):
    pair, truth = problem.pair, problem.truth
    swapped = Pair(pair.moving, pair.fixed)
    gained = improvement(pair, truth, IDENTITY)
    assert improvement(swapped, truth.inverse(), IDENTITY) == pytest.approx(gained)


def test_a_start_that_is_no_affine_map_is_compared(problem):
    bent = grid_displacement(problem.pair.fixed.grid, 30.0)
    assert improvement(problem.pair, problem.truth, bent) > NOTICEABLE


def test_a_motion_of_a_fortieth_of_a_voxel_is_noise(problem):
    near = AffineTransform.shift((0.2, 0.0, 0.0)) @ problem.truth
    assert abs(improvement(problem.pair, near, problem.truth)) < NOTICEABLE


@pytest.mark.parametrize("seed", range(8))
def test_unrelated_images_show_no_improvement(seed):
    grid = Grid((40, 40, 40), (3.0, 3.0, 3.0))
    pair = Pair(noise(seed, grid), noise(seed + 100, grid))
    # Both between voxels: on them, nothing is smoothed by interpolation.
    one, other = (AffineTransform.shift(s) for s in ((7.0, -5.0, 4.0), (-4.0, 7.0, 2.0)))
    assert abs(improvement(pair, one, other)) < NOTICEABLE


def test_a_map_that_leaves_the_images_apart_loses(problem):
    away = AffineTransform.shift((5000.0, 0.0, 0.0))
    assert improvement(problem.pair, problem.truth, away) == MAX_STANDARD_ERRORS
    assert improvement(problem.pair, away, problem.truth) == -MAX_STANDARD_ERRORS
