"""Tasks side by side: in order, one thread each, and the same answer however many."""

import numpy as np
import pytest
import torch

from regkit.geometry.volume import Volume
from regkit_nuclear.spect.acquire import expected_views
from regkit_nuclear.spect.geometry import Orbit
from regkit_nuclear.spect.threads import run_concurrently
from spect_scenes import cylinder, frame


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_each_task_has_one_thread_and_the_caller_keeps_its_own(two_threads):
    assert run_concurrently(*[torch.get_num_threads] * 3) == [1, 1, 1]
    assert torch.get_num_threads() == 2


def test_what_tasks_make_comes_in_their_order(two_threads):
    assert run_concurrently(*(lambda n=n: n * n for n in range(5))) == [0, 1, 4, 9, 16]


def test_a_failing_task_fails_the_whole(two_threads):
    with pytest.raises(ZeroDivisionError, match="division"):
        run_concurrently(lambda: 1, lambda: 1 // 0)


@pytest.mark.parametrize("views", [1, 7])
def test_views_are_the_same_whatever_the_threads(two_threads, views):
    grid = frame(16, 6)
    share = cylinder(grid, 110, 60)
    scene = Volume(share, grid), Volume(0.155 * share, grid, "mu"), Orbit.full(views)
    shared_out = expected_views(*scene)[:2]
    torch.set_num_threads(1)
    np.testing.assert_array_equal(shared_out, expected_views(*scene)[:2])
