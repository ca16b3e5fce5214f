"""Results of computations on an image are kept while a registration runs, and not longer."""

import gc
from weakref import ref

import numpy as np
import pytest

from regkit import Grid, LabelMap, Pair, Volume
from regkit.geometry.derived import derivations_kept, derived
from regkit.registration.run import run
from regkit.similarity.point_sample import sample_points_in_mask
from regkit.testing import phantom_pairs
from regkit_instance.fast import FastRegistration

GRID = Grid((8, 8, 8))


def image(seed: int = 0) -> Volume:
    return Volume(np.random.default_rng(seed).random(GRID.shape_zyx), GRID)


def test_it_is_computed_once_for_an_image_and_key_in_a_block() -> None:
    one, other, calls = image(), image(), []

    def compute() -> int:
        calls.append(1)
        return len(calls)

    assert [derived(one, "a", compute) for _ in range(2)] == [1, 2]
    with derivations_kept(one):
        assert [derived(one, "a", compute) for _ in range(2)] == [3, 3]
        with derivations_kept(one, other):
            assert derived(one, "a", compute) == 3
            assert [derived(other, "a", compute) for _ in range(2)] == [4, 4]
        assert derived(other, "a", compute) == 5
        assert derived(one, "a", compute) == 3
        assert derived(one, "b", compute) == 6
    assert derived(one, "a", compute) == 7


def test_an_error_ends_it_too() -> None:
    volume = image()
    with pytest.raises(ZeroDivisionError), derivations_kept(volume):
        derived(volume, "a", lambda: 1 // 0)
    assert derived(volume, "a", lambda: 2) == 2


def test_samples_of_other_masks_are_others() -> None:
    volume = image()
    masks = [None, *(LabelMap(volume.array > level, GRID) for level in (0.2, 0.8))]
    apart = [sample_points_in_mask(volume, mask, 50).values for mask in masks]
    with derivations_kept(volume):
        kept = [sample_points_in_mask(volume, mask, 50).values for mask in masks]
        assert sample_points_in_mask(volume, masks[1], 50).values is kept[1]
    for one, other in zip(apart, kept, strict=True):
        np.testing.assert_array_equal(one, other)
    assert kept[1].mean() < kept[2].mean()


@pytest.mark.registration
def test_nothing_is_kept_when_a_registration_is_over() -> None:
    problem = phantom_pairs.two_contrasts()
    made: list[object] = []

    class Registrar(FastRegistration):
        def register(self, pair: Pair):
            found = super().register(pair)
            sample = sample_points_in_mask(pair.fixed, pair.fixed_mask)
            made.append(ref(sample))
            return found

    result = run(Registrar(), problem.pair)
    gc.collect()
    assert problem.error_mm(result.transform) < phantom_pairs.VOXEL_MM
    assert made[0]() is None  # type: ignore[operator]
