"""A network gets its images in the order that it has learned, the user the map asked for."""

from dataclasses import replace

import numpy as np
import pytest

from phantoms import small_pair
from regkit import AffineTransform, LabelMap, Volume, rigid
from regkit.errors import RegistrationError
from regkit.learning import load_model, register_in_learned_roles
from regkit.registrar import Estimate
from regkit_pairnets.card import PairNetCard
from regkit_pairnets.explanation import explain_rigid
from regkit_pairnets.inference import register_rigid

START, FOUND = rigid((2, -1, 3), (4, 5, -6)), rigid((5, 8, -3), (1, -7, 2))


@pytest.fixture(scope="module")
def trained():
    return load_model("dusfe", PairNetCard, "cpu")


def given(fixed: str, moving: str, **parts):
    pair = small_pair(initial=START)
    named = ((pair.fixed, fixed), (pair.moving, moving))
    images = [Volume(image.array, image.grid, modality) for image, modality in named]
    return replace(pair, **{"fixed": images[0], "moving": images[1], **parts})


@pytest.mark.parametrize(
    ("fixed", "moving", "is_exchanged"),
    [
        ("spect", "mu", False),
        ("spect", "ct", False),
        ("mu", "spect", True),
        ("ct", "spect", True),
        ("mr", "spect", False),
        ("ct", "ct", False),
        ("", "spect", False),
    ],
)
def test_images_are_exchanged_where_the_network_knows_them_so(
    trained, fixed, moving, is_exchanged
) -> None:
    pair = given(fixed, moving, initial_is_guess=True)
    marked = LabelMap(np.ones(pair.moving.grid.shape_zyx, np.uint8), pair.moving.grid)
    pair = replace(pair, moving_mask=marked)
    seen = []

    def register(one):
        seen.append(one)
        told = ["the fixed image is odd; give `--moving-modality mu`, it was prefixed"]
        prepared = {"fixed": {"unit": "SUV"}, "moving": {"unit": "HU"}}
        about = {"warnings": told, "pass_displacement_mm": [1.0], "preparation": prepared}
        return Estimate(FOUND, marked, about)

    found = register_in_learned_roles(pair, trained.card, register)
    (one,) = seen
    points = pair.fixed.grid.corners()
    assert one.initial_is_guess
    if is_exchanged:
        assert (one.fixed, one.moving) == (pair.moving, pair.fixed)
        assert (one.fixed_mask, one.moving_mask) == (marked, None)
        np.testing.assert_allclose(one.start.map_points(START.map_points(points)), points)
        np.testing.assert_allclose(FOUND.map_points(found.transform.map_points(points)), points)
        (told,) = found.diagnostics["warnings"]
        assert told == "the moving image is odd; give `--fixed-modality mu`, it was prefixed"
        assert found.diagnostics["preparation"]["fixed"] == {"unit": "HU"}
        assert (found.labels, found.fixed_labels) == (None, marked)
    else:
        assert one is pair
        assert found.transform is FOUND
        assert found.labels is marked
    assert found.diagnostics.get("swapped", False) is is_exchanged


def test_the_map_is_the_inverse_of_that_of_the_pair_the_other_way_round(trained) -> None:
    pair = given("spect", "mu")
    back = replace(pair, fixed=pair.moving, moving=pair.fixed, initial=START.inverse())
    direct, exchanged = (register_rigid(one, trained, 2) for one in (pair, back))
    points = pair.fixed.grid.corners()
    np.testing.assert_allclose(
        exchanged.transform.map_points(direct.transform.map_points(points)), points, atol=1e-6
    )


def test_what_a_network_looked_at_is_shown_in_its_own_order_only(trained) -> None:
    with pytest.raises(RegistrationError, match="register the images the other way round"):
        explain_rigid(given("mu", "spect", initial=AffineTransform(np.eye(4))), trained, 1)
