"""Centres of mass and principal axes, with the phantom's truth as judge."""

import numpy as np
import pytest

from phantoms import SMALL, small_pair
from regkit import (
    IDENTITY,
    AffineTransform,
    Grid,
    LabelMap,
    Pair,
    RegkitError,
    Volume,
    register,
    rigid,
)
from regkit.testing.phantom import thorax
from regkit_classic.moments import Moments

pytestmark = pytest.mark.registration

BODY = np.random.default_rng(0).uniform(-70, 70, (100, 3))


def _error_mm(found, truth) -> float:
    return float(np.linalg.norm(found.map_points(BODY) - truth.map_points(BODY), axis=1).mean())


def test_a_shift_is_found() -> None:
    truth = AffineTransform.shift((17.0, -9.0, 12.0))
    pair = Pair(thorax(SMALL), thorax(SMALL, pose=truth))
    assert _error_mm(Moments().register(pair).transform, truth) < 1.5


def test_the_rotation_of_the_initial_map_is_kept() -> None:
    initial = rigid((10, -20, 30), (5, 6, 7))
    found = Moments().register(small_pair(initial=initial)).transform
    np.testing.assert_allclose(found.matrix[:3, :3], initial.matrix[:3, :3], atol=1e-12)


@pytest.mark.parametrize("turn", [(0, 0, 90), (0, 180, 0), (35, -20, 110), (170, 10, -15)])
def test_axes_undo_any_turn(turn) -> None:
    truth = rigid(turn, (5, -8, 6))
    pair = Pair(thorax(SMALL), thorax(SMALL, pose=truth))
    plain, with_axes = (Moments(axes=axes).register(pair).transform for axes in (False, True))
    assert with_axes.is_rigid
    assert _error_mm(with_axes, truth) < 12 < _error_mm(plain, truth)


def test_centres_that_deceive_are_not_followed() -> None:
    # The moving image shows the lower half of the body only: its centre is another.
    half = Grid((18, 36, 36), SMALL.spacing, SMALL.origin)
    pair = Pair(thorax(SMALL, "pet"), thorax(half, "ct"))
    assert Moments().register(pair).transform == IDENTITY


def test_a_field_of_view_on_one_side_only_cuts_both_bodies() -> None:
    truth = AffineTransform.shift((17.0, -9.0, 4.0))
    sector = np.zeros(SMALL.shape_zyx, dtype=np.uint8)
    sector[14:, :24, 6:30] = 1
    pair = Pair(
        thorax(SMALL, "pet"), thorax(SMALL, "ct", truth), moving_mask=LabelMap(sector, SMALL)
    )
    found = Moments().register(pair).transform
    assert _error_mm(found, truth) < 0.75 * _error_mm(IDENTITY, truth)


def test_an_image_without_a_body_in_its_mask_is_refused() -> None:
    pair = small_pair()
    beside = Grid((2, 2, 2), origin=(900.0, 0.0, 0.0))
    mask = LabelMap(np.ones((2, 2, 2), dtype=np.uint8), beside)
    pair = Pair(pair.fixed, pair.moving, fixed_mask=mask)
    with pytest.raises(RegkitError, match="has no foreground"):
        Moments().register(pair)


def test_the_mask_says_whose_centre_counts() -> None:
    array = np.zeros(SMALL.shape_zyx)
    array[4:14, 4:14, 4:14] = array[24:34, 24:34, 24:34] = 1
    moving = np.zeros(SMALL.shape_zyx)
    moving[7:17, 4:14, 4:14] = 1
    mask = np.zeros(SMALL.shape_zyx, dtype=np.uint8)
    mask[:20, :20, :20] = 1
    found = register(
        Volume(array, SMALL), Volume(moving, SMALL), "moments", fixed_mask=LabelMap(mask, SMALL)
    )
    np.testing.assert_allclose(found.transform.matrix[:3, 3], (0, 0, 27), atol=3)
