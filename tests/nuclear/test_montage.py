"""Pictures of cases show what they should, where they should."""

from dataclasses import replace

import numpy as np
import pytest

from regkit.datasets.case import Case
from regkit.registrar import Pair
from regkit_nuclear.montage import ACROSS, EDGE, GAP, PANEL, montage
from small_cohorts import SMALL, small

pytestmark = pytest.mark.simulation

WIDTH = ACROSS * (3 * PANEL + 2 * GAP) + (ACROSS + 1) * EDGE


@pytest.mark.parametrize("name", sorted(SMALL))
def test_every_cohort_can_be_drawn(name):
    picture = np.asarray(montage(small(name, n=1).case(0)))
    assert picture.shape[1] == WIDTH
    assert picture.shape[0] > PANEL
    assert picture.std() > 20


def test_a_mark_appears_on_its_side_of_the_patient():
    """A bright voxel at the patient's left, in front, is right of the middle and above it."""
    case = small("lv-pet", n=1).case(0)
    blank = np.zeros(case.pair.moving.grid.shape_zyx)
    marked = blank.copy()
    _, y, x = case.pair.moving.grid.shape_zyx
    marked[:, y // 4, 3 * x // 4] = 1000.0
    pictures = [
        np.asarray(montage(_showing(case, array)), dtype=float)[..., 0]
        for array in (blank, marked)
    ]
    first = tuple(slice(EDGE + 30, EDGE + 30 + PANEL) if axis == 0 else slice(EDGE, EDGE + PANEL)
                  for axis in range(2))  # fmt: skip
    rows, columns = np.nonzero(np.abs(pictures[0] - pictures[1])[first] > 50)
    assert rows.size
    assert columns.mean() == pytest.approx(0.75 * PANEL, abs=0.06 * PANEL)
    assert rows.mean() == pytest.approx(0.25 * PANEL, abs=0.06 * PANEL)


def test_planes_go_through_the_heart_with_or_without_correction():
    case = small("spect-ct", n=1).case(0)
    without = replace(case, extra={k: v for k, v in case.extra.items() if k != "ac"})
    pictures = [np.asarray(montage(c))[: EDGE + PANEL] for c in (case, without)]
    np.testing.assert_array_equal(*pictures)


def _showing(case: Case, array: np.ndarray) -> Case:
    moving = case.pair.moving.with_array(array)
    return replace(case, pair=Pair(case.pair.fixed, moving), moving_labels=None)
