"""Padding is told from air, from background and from drawings."""

import numpy as np
import pytest

from phantoms import SMALL
from regkit import Volume
from regkit.similarity.modality_guess import guess_modality
from regkit.similarity.padding import padding, padding_values
from regkit.testing.phantom import thorax

CT = thorax(SMALL, "ct", noise=0.02).array
PET = thorax(SMALL, "pet", noise=0.02).array
RIM = np.ones(SMALL.shape_zyx, dtype=bool)
RIM[:, 4:-4, 5:-5] = False
Y, X = np.indices(SMALL.shape_zyx)[1:]
CORNERS = (Y - 17.5) ** 2 + (X - 17.5) ** 2 > 18**2


@pytest.mark.parametrize("value", [-32768, -1e30, 3071, 65535, 0])
@pytest.mark.parametrize("scale", [1.0, 0.037])
def test_a_rim_far_from_all_other_values_is_padding(value: float, scale: float) -> None:
    padded = np.where(RIM, value, CT) * scale
    found = padding(Volume(padded, SMALL))
    assert found is not None
    np.testing.assert_array_equal(found, RIM)


@pytest.mark.parametrize("value", [-2000, -3024])
def test_what_lies_outside_of_a_scanner_is_padding(value: float) -> None:
    found = padding(Volume(np.where(CORNERS, value, CT), SMALL, "ct"))
    assert found is not None
    np.testing.assert_array_equal(found, CORNERS)


@pytest.mark.parametrize("value", [-1000, -1024])
def test_air_is_no_padding(value: float) -> None:
    assert padding(Volume(np.where(CORNERS, value, CT), SMALL, "ct")) is None


def test_background_of_zero_is_no_padding() -> None:
    assert padding(Volume(np.where(RIM, 0, PET + 0.5), SMALL)) is None
    assert padding(Volume(np.maximum(PET, 0), SMALL, "pet")) is None


def test_a_column_is_padding_and_a_voxel_or_a_hot_organ_is_not() -> None:
    column, voxel, organ = CT.copy(), CT.copy(), PET.copy()
    column[:, 20, 9] = voxel[3, 20, 9] = -1e30
    organ[10:15, 10:15, :5] = 900
    found = padding(Volume(column, SMALL))
    assert found is not None
    assert found.sum() == SMALL.shape_zyx[0]
    assert found[:, 20, 9].all()
    assert padding_values(Volume(voxel, SMALL)) == ()
    assert padding_values(Volume(organ, SMALL)) == ()


def test_a_drawing_of_few_values_has_no_padding() -> None:
    assert padding_values(Volume(np.where(RIM, 2, np.where(CT > -500, 4, 1)), SMALL)) == ()


def test_padding_does_not_change_the_guess_of_the_modality() -> None:
    assert guess_modality(Volume(np.where(RIM, 65535, CT), SMALL)).modality == "ct"
