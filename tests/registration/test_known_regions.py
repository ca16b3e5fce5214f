"""Padding is left out by masks, and registration is as right as without it."""

import dataclasses

import numpy as np
import pytest

import regkit
from phantoms import MOTION, SMALL, small_pair
from regkit import Grid, LabelMap, Pair
from regkit.registration.known_regions import known_pair

RIM = np.ones(SMALL.shape_zyx, dtype=bool)
RIM[:, 3:-3, 3:-3] = False


def padded(pair: Pair, value: float) -> Pair:
    moving = np.where(RIM, value, pair.moving.array + np.random.default_rng(0).random(RIM.shape))
    return dataclasses.replace(pair, moving=pair.moving.with_array(moving))


def test_padding_gets_a_mask_and_is_said() -> None:
    known = known_pair(padded(small_pair(), -32768))
    assert known.pair.fixed_mask is None
    assert known.pair.moving_mask is not None
    np.testing.assert_array_equal(known.pair.moving_mask.array == 0, RIM)
    assert known.pair.moving.array.min() > -1100
    (reason,) = known.reasons
    assert "of the moving image lies at its border" in reason
    assert "-32768" in reason


def test_padding_is_said_once_by_the_verdict(caplog) -> None:
    pair = padded(small_pair(), -32768)
    found = regkit.register(pair.fixed, pair.moving, "identity", init="auto")
    said = [*found.verdict.reasons, *caplog.messages]
    assert len([sentence for sentence in said if sentence.startswith("padding:")]) == 1
    assert found.notes == known_pair(pair).reasons


def test_a_pair_without_padding_stays_as_it_is() -> None:
    pair = small_pair()
    assert known_pair(pair).pair is pair
    assert known_pair(pair).reasons == ()


def test_a_mask_keeps_what_is_known() -> None:
    mask = np.zeros(SMALL.shape_zyx, np.uint8)
    mask[:, :20] = 3
    pair = dataclasses.replace(padded(small_pair(), 65535), moving_mask=LabelMap(mask, SMALL))
    known = known_pair(pair).pair.moving_mask
    assert known is not None
    np.testing.assert_array_equal(known.array, np.where(RIM, 0, mask))


def test_a_mask_on_another_grid_keeps_what_is_known() -> None:
    (nz, ny, nx), spacing, (x, y, z) = SMALL.shape_zyx, SMALL.spacing, SMALL.origin
    # The last half of the image along x, and as much beyond it, where no padding is known.
    beyond = Grid((nz, ny, nx), spacing, (x + nx // 2 * spacing[0], y, z), SMALL.direction)
    mask = LabelMap(np.full(SMALL.shape_zyx, 7, np.int16), beyond)
    pair = dataclasses.replace(padded(small_pair(), -32768), moving_mask=mask)
    known = known_pair(pair).pair.moving_mask
    assert known is not None
    expected = np.full(SMALL.shape_zyx, 7)
    expected[:, :, : nx - nx // 2][RIM[:, :, nx // 2 :]] = 0
    np.testing.assert_array_equal(known.array, expected)
    assert known.array.dtype == np.int16


@pytest.mark.registration
@pytest.mark.parametrize("value", [-32768.0, 65535.0, -1e30])
@pytest.mark.parametrize("method", ["fast-mi", "mi"])
def test_padding_moves_nothing(value: float, method: str) -> None:
    pair = padded(small_pair(), value)
    found = regkit.register(pair.fixed, pair.moving, method)
    points = np.array([[0.0, 0, 0], [50, 0, 0], [0, 50, 0], [0, 0, 50]])
    off = np.linalg.norm(found.transform.map_points(points) - MOTION.map_points(points), axis=1)
    assert off.max() < 5
    assert any(reason.startswith("padding:") for reason in found.verdict.reasons)


def test_pictures_show_the_body_and_not_the_padding() -> None:
    pair = padded(small_pair(), -1e30)
    dark = np.where(RIM, pair.moving.array[~RIM].min(), pair.moving.array)
    hidden = regkit.register(pair.fixed, pair.moving, "identity")
    plain = regkit.register(pair.fixed, pair.moving.with_array(dark), "identity")
    np.testing.assert_array_equal(hidden.shown.moving.array, dark)
    assert hidden.pair.moving.array.min() < -1e29  # what is written stays as it was
    drawn, wanted = (np.asarray(regkit.picture(result)) for result in (hidden, plain))
    panels = min(len(drawn), len(wanted)) * 3 // 4  # the headings differ by a reason
    np.testing.assert_array_equal(drawn[-panels:], wanted[-panels:])
