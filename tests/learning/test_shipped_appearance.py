"""The shipped cards tell a turned and a mirrored case of their own cohort, and not the case."""

from dataclasses import replace

import numpy as np
import pytest

from regkit.learning import antialias_downsample, appearance_warnings
from regkit.learning.iterative import NetworkInputs
from regkit.learning.model import load_model
from regkit.learning.preprocessing import preprocess
from regkit.registration.pipeline import build_method
from regkit_nuclear.cohorts.lv import LvPet
from regkit_nuclear.cohorts.mr_us import MrUs
from regkit_nuclear.cohorts.pet_ct import PetCt
from regkit_nuclear.cohorts.spect_ct import SpectCt
from regkit_transmorph.card import WindowedDomain
from regkit_transmorph.preparation import prepare

pytestmark = pytest.mark.simulation
REST = {"n": 1, "split": "test", "seed": 11}
FEET_FIRST, MIRRORED = (0, 2), (2,)
ROLES = ("fixed", "moving")


def turned(pair, *axes: int):
    """Return a pair whose images and masks have reversed axes, as a wrong header reads them."""
    given = {name: getattr(pair, name) for name in ("fixed", "moving", "moving_mask")}
    return replace(
        pair,
        **{
            name: volume and volume.with_array(np.flip(volume.array, axes).copy())
            for name, volume in given.items()
        },
    )


def warnings(method: str, pair) -> list[str]:
    """Return the guard's warnings on a registration."""
    return list(build_method(method).register(pair).diagnostics["domain_warnings"])


def told(method: str, pair, axes: tuple[int, ...]) -> list[str]:
    """Return the guard's warnings on aligned images: what a method adds is its registration."""
    card = load_model(method, build_method(method).card, "cpu").card
    given = turned(pair, *axes) if axes else pair
    images = (prepared(getattr(given, role), getattr(card, role), card) for role in ROLES)
    x, y, z = np.asarray(given.fixed.grid.centre).tolist()
    seen = NetworkInputs(*images, card.grid((x, y, z))).aligned(pair.start)
    roles = dict(zip(ROLES, seen, strict=True))
    return list(appearance_warnings(card.appearance, method, roles))


def prepared(image, domain, card):
    """Return an image as the method shows it to its network."""
    if isinstance(domain, WindowedDomain):
        return antialias_downsample(prepare(image, window=domain.window).volume, card.spacing)
    return preprocess(image, domain.modality, card.spacing)


@pytest.fixture(scope="module")
def hearts():
    options = {"motions": 1, "amount": 0.0, "respiration": True, "corrected": False, "size": 32}
    return next(iter(SpectCt(**REST, **options))).pair


@pytest.mark.parametrize("method", ["dusfe", "densenet", "densenet-nonlocal", "msreg", "dvnet"])
def test_hearts(hearts, method) -> None:
    assert not told(method, hearts, ())
    (words,) = told(method, hearts, MIRRORED)
    assert words.startswith("both images look mirrored left to right")
    (words,) = told(method, hearts, FEET_FIRST)
    assert words.startswith("both images look turned by 180 degrees about the front-back axis")


def test_whole_bodies() -> None:
    pair = next(iter(PetCt(**REST, amount=0.0, coarser=4))).pair
    assert not told("transmorph-cr", pair, ())
    (words,) = told("transmorph-cr", pair, FEET_FIRST)
    assert words.startswith("both images look")


def test_prostates_are_nearly_symmetric_but_not_upside_down() -> None:
    pair = next(iter(MrUs(**REST, size=64, distance_mm=(0.0, 4.0)))).pair
    assert not warnings("attention-reg", pair)
    assert warnings("attention-reg", turned(pair, *FEET_FIRST))


def test_ventricles() -> None:
    """In voxels of twice the size, which is told of course."""
    pair = next(iter(LvPet(**REST, size=64))).pair
    (words,) = warnings("ms-st-unet", pair)
    assert "voxel size in mm is 6.8" in words
    for axes in (MIRRORED, FEET_FIRST):
        given = replace(pair, moving=turned(pair, *axes).moving)
        assert "the moving image looks" in " ".join(warnings("ms-st-unet", given))
