"""The kit's own problems: their truth is true, and a wrong answer cannot pass for a right one."""

from collections.abc import Callable

import numpy as np
import pytest

from regkit.geometry.resampling import resample
from regkit.geometry.transform import IDENTITY, AffineTransform, Transform
from regkit.registration.input_checks import check_pair
from regkit.testing import phantom_pairs
from regkit.testing.phantom_pairs import Problem

BUILDERS = [
    phantom_pairs.plain_problem,
    *phantom_pairs.GRIDS.values(),
    phantom_pairs.sizes,
    phantom_pairs.from_afar,
    phantom_pairs.table_in_fixed,
    phantom_pairs.table_in_moving,
    phantom_pairs.torn,
]


def _difference(problem: Problem, through: Transform) -> float:
    """Mean difference in HU of fixed and warped moving at the points of comparison."""
    warped = resample(problem.pair.moving, problem.pair.fixed.grid, through, outside=-1000.0)
    at = np.rint(problem.pair.fixed.grid.to_index(problem.points)).astype(int)
    gap = warped.array[tuple(at.T)] - problem.pair.fixed.array[tuple(at.T)]
    return float(np.abs(gap).mean())


@pytest.mark.parametrize("build", BUILDERS)
def test_the_truth_lays_the_moving_image_on_the_fixed_one(build: Callable[[], Problem]) -> None:
    problem = build()
    # Noise of 20 HU and the blur of interpolation, against the anatomy's contrasts of 800 HU.
    assert _difference(problem, problem.truth) < 60
    assert _difference(problem, problem.truth) < 0.4 * _difference(problem, IDENTITY)


@pytest.mark.parametrize("build", BUILDERS)
def test_the_whole_body_is_in_both_fields_of_view(build: Callable[[], Problem]) -> None:
    problem = build()
    assert problem.pair.fixed.grid.contains(problem.points).all()
    assert problem.pair.moving.grid.contains(problem.truth.map_points(problem.points)).all()


@pytest.mark.parametrize("build", list(phantom_pairs.GRIDS.values()))
def test_a_wrong_frame_is_far_beyond_the_tolerance(build: Callable[[], Problem]) -> None:
    problem = build()
    assert problem.start_mm > 20
    assert problem.error_mm(problem.truth) == pytest.approx(0, abs=1e-9)
    assert problem.error_mm(problem.truth.inverse()) > 1.8 * problem.start_mm
    shift = problem.truth.map_points(problem.points.mean(axis=0)) - problem.points.mean(axis=0)
    for wrong in (shift[::-1], shift * (-1, -1, 1), shift * (1, 1, -1), shift[[1, 0, 2]]):
        assert problem.error_mm(AffineTransform.shift(wrong)) > 0.6 * problem.start_mm


def test_far_away_only_the_headers_differ() -> None:
    here, there = phantom_pairs.plain_problem().pair, phantom_pairs.plain_far_away().pair
    for one, other in ((here.fixed, there.fixed), (here.moving, there.moving)):
        np.testing.assert_allclose(other.array, one.array, atol=1e-2)
        moved = np.subtract(other.grid.centre, one.grid.centre)
        np.testing.assert_allclose(moved, phantom_pairs.AWAY_MM)


def test_images_from_afar_do_not_meet_without_their_initial_map() -> None:
    problem = phantom_pairs.from_afar()
    corners = problem.pair.fixed.grid.corners()
    assert corners[:, 0].max() < problem.pair.moving.grid.corners()[:, 0].min()
    check_pair(problem.pair)


def test_masks_keep_the_table_out_and_the_body_in() -> None:
    problem = phantom_pairs.table_in_fixed()
    fixed, mask = problem.pair.fixed, problem.pair.fixed_mask
    assert mask is not None
    assert not mask.grid.matches(fixed.grid)
    table = fixed.grid.to_physical(np.argwhere(fixed.array == phantom_pairs.TABLE_HU))
    assert len(table) > 1000
    on_mask = resample(mask, fixed.grid).array
    assert on_mask[fixed.array == phantom_pairs.TABLE_HU].sum() == 0
    at = np.rint(mask.grid.to_index(problem.points)).astype(int)
    assert mask.array[tuple(at.T)].all()
