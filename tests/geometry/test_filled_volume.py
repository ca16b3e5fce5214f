"""A filled volume is like one whose array was filled, and needs no copy of it."""

import copy
import pickle
from dataclasses import replace

import numpy as np
import pytest

from regkit import Grid, LabelMap, Volume
from regkit.geometry.filled_volume import FilledVolume

RNG = np.random.default_rng(0)
GRID = Grid((7, 9, 11), (1.0, 2.0, 3.0), (4, 5, 6))
IMAGE = Volume(RNG.random(GRID.shape_zyx), GRID, "ct", "int16", "given")
KNOWN = LabelMap(RNG.random(GRID.shape_zyx) < 0.7, GRID)
WHOLE = IMAGE.with_array(np.where(KNOWN.array, IMAGE.array, -5))
SLICES = (slice(2, 5), slice(None, None, 2))


def filled() -> FilledVolume:
    return FilledVolume.filled(IMAGE, KNOWN, -5)


def test_its_array_has_the_value_outside_of_the_mask() -> None:
    found = filled()
    np.testing.assert_array_equal(found.array, WHOLE.array)
    assert found.array is found.array
    assert not found.array.flags.writeable
    assert (found.grid, found.modality, found.modality_source) == (GRID, "ct", "given")
    assert found.extremes == WHOLE.extremes


@pytest.mark.parametrize("count", [1, 255, 700])
def test_parts_and_values_at_points_are_those_of_its_array(count: int) -> None:
    found = filled()
    maps = np.concatenate([np.eye(3), RNG.normal(size=(3, 1))], axis=1)[None]
    points = RNG.uniform(-2, 12, size=(3, count)).astype(np.float32)
    wanted = WHOLE.interpolated(maps, points)
    for _ in range(2):
        np.testing.assert_array_equal(found.interpolated(maps, points), wanted)
        np.testing.assert_array_equal(found.part(SLICES), WHOLE.array[SLICES])
        found.array  # noqa: B018 - and again with the array made


def test_it_is_copied_and_changed_like_any_volume() -> None:
    # As between processes; the bytes are our own.
    for same in (copy.copy(filled()), pickle.loads(pickle.dumps(filled()))):
        np.testing.assert_array_equal(same.array, WHOLE.array)
    changed = replace(filled(), modality="mr")
    np.testing.assert_array_equal(changed.array, WHOLE.array)
    assert changed.modality == "mr"
    np.testing.assert_array_equal(
        filled().with_array(IMAGE.array).part(SLICES), IMAGE.array[SLICES]
    )


def test_it_has_no_other_attributes() -> None:
    with pytest.raises(AttributeError, match="a FilledVolume has no 'values'"):
        _ = filled().values
