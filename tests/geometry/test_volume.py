"""Volumes keep their promises: read-only, typed, on their grid."""

import numpy as np
import pytest

from regkit import Grid, LabelMap, Volume, resample
from regkit.errors import GeometryError, RegkitError

GRID = Grid((2, 3, 4))


def test_intensities_are_float32_and_read_only():
    volume = Volume(np.arange(24).reshape(2, 3, 4), GRID, "ct")
    assert volume.array.dtype == np.float32
    with pytest.raises(ValueError, match="read-only"):
        volume.array[0, 0, 0] = 1


def test_the_array_given_stays_writable():
    array = np.zeros((2, 3, 4), np.float32)
    Volume(array, GRID)
    array[0, 0, 0] = 1
    assert array.flags.writeable


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64])
def test_labels_keep_their_integer_type(dtype):
    assert LabelMap(np.ones((2, 3, 4), dtype), GRID).array.dtype == dtype


@pytest.mark.parametrize("dtype", [">i2", ">u4", ">i8", "<i2", "u1"])
def test_labels_of_any_byte_order_can_be_resampled(dtype):
    array = np.arange(24).reshape(2, 3, 4).astype(dtype)
    labels = LabelMap(array, GRID)
    np.testing.assert_array_equal(labels.array, array)
    np.testing.assert_array_equal(resample(labels, GRID).array, array)


@pytest.mark.parametrize("kind", [Volume, LabelMap])
def test_durations_are_no_numbers(kind):
    with pytest.raises(RegkitError, match=r"must be numbers .*, got an array of timedelta64"):
        kind(np.zeros((2, 3, 4), "m8[s]"), GRID)


def test_what_float32_cannot_hold_is_infinite():
    assert np.isinf(Volume(np.full((2, 3, 4), 1e300), GRID).array).all()


def test_whole_floats_and_masks_become_labels():
    floats = LabelMap(np.full((2, 3, 4), 7.0), GRID)
    mask = LabelMap(np.ones((2, 3, 4), bool), GRID)
    assert floats.labels == (7,)
    assert mask.labels == (1,)
    assert np.issubdtype(mask.array.dtype, np.integer)


def test_labels_leave_out_the_background():
    array = np.zeros((2, 3, 4), np.int16)
    array[0, 0, :3] = (5, -1, 2)
    assert LabelMap(array, GRID).labels == (-1, 2, 5)


def test_with_array_keeps_type_and_modality():
    volume = Volume(np.zeros((2, 3, 4)), GRID, "pet")
    other = volume.with_array(np.ones((2, 3, 4)))
    assert (other.modality, other.grid, other.array.sum()) == ("pet", GRID, 24)
    labels = LabelMap(np.zeros((2, 3, 4)), GRID).with_array(other.array)
    assert type(labels) is LabelMap
    assert (labels.labels, labels.array.dtype.kind) == ((1,), "i")


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((3, 4)), "3-D array"),
        (np.zeros((1, 2, 3, 4)), "got 4-D"),
        (np.zeros((4, 3, 2)), "does not fit its grid"),
        (np.zeros((2, 3, 4), complex), "complex"),
        (np.full((2, 3, 4), "a"), "must be numbers"),
    ],
)
def test_what_is_no_volume_is_refused(array, words):
    with pytest.raises(RegkitError, match=words):
        Volume(array, GRID)


@pytest.mark.parametrize("value", [0.5, np.nan, np.inf])
def test_fractional_labels_are_refused(value):
    with pytest.raises(GeometryError, match="whole numbers"):
        LabelMap(np.full((2, 3, 4), value), GRID)


def test_unknown_modality_is_refused():
    with pytest.raises(GeometryError, match="unknown modality 'xray'; use one of ct"):
        Volume(np.zeros((2, 3, 4)), GRID, "xray")
