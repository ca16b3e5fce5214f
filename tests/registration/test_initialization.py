import dataclasses
import sys
import types
from importlib.metadata import EntryPoint

import numpy as np
import pytest

from phantoms import MOTION, SMALL, small_pair
from regkit import (
    IDENTITY,
    Estimate,
    Grid,
    LabelMap,
    MethodSpec,
    Pair,
    hookimpl,
    register,
    rigid,
)
from regkit.errors import RegistrationError
from regkit.registration.initialization import (
    align_centers,
    choose_start,
    initial_transform,
    initializer_names,
    is_initializer,
    with_initial_transform,
)
from regkit.registry import Registry
from regkit.testing.phantom import thorax

# Beyond the accuracy of headers, so that another start is clearly better.
LARGE = rigid((30.0, -25.0, 40.0), (90.0, -70.0, 50.0))
FAR = Grid(SMALL.shape_zyx, SMALL.spacing, (900.0, -400.0, 2000.0))


def test_centres_are_brought_together():
    pair = dataclasses.replace(
        small_pair(), moving=small_pair().moving.with_array(small_pair().moving.array, FAR)
    )
    np.testing.assert_allclose(align_centers(pair).map_points(SMALL.centre), FAR.centre)
    assert initial_transform("centre", pair) == align_centers(pair)


def test_identity_trusts_the_headers():
    assert initial_transform("identity", small_pair()) == IDENTITY


def test_auto_keeps_aligned_images_aligned():
    start = initial_transform("auto", small_pair(IDENTITY))
    assert np.linalg.norm(start.map_points([[0.0, 0.0, 0.0]])) < 9.0


def test_auto_leaves_a_bad_header_for_something_better():
    truth = rigid(translation_mm=(70.0, -60.0, 40.0))
    grid = Grid(SMALL.shape_zyx, SMALL.spacing, tuple(np.add(SMALL.origin, (70.0, -60.0, 40.0))))
    pair = Pair(thorax(SMALL, "pet"), thorax(grid, "ct", truth))
    start = initial_transform("auto", pair)
    assert np.linalg.norm(start.map_points([0.0, 0.0, 0.0]) - [70.0, -60.0, 40.0]) < 20.0


def test_auto_is_not_drawn_to_a_small_overlap():
    # As ultrasound beside MR: another field of view, centred elsewhere in the body.
    half = Grid((12, 36, 36), SMALL.spacing, SMALL.origin)
    pair = Pair(thorax(SMALL, "pet"), thorax(half, "ct"))
    assert initial_transform("auto", pair) == IDENTITY
    assert not with_initial_transform("auto", pair).initial_is_guess


def test_headers_without_overlap_are_left_for_the_centres():
    pair = dataclasses.replace(
        small_pair(), moving=thorax(FAR, "ct", rigid(translation_mm=FAR.centre))
    )
    with pytest.raises(RegistrationError, match="do not overlap in world coordinates"):
        register(pair.fixed, pair.moving, "moments", init="identity")
    found = register(pair.fixed, pair.moving, "moments").transform
    assert np.linalg.norm(found.map_points([0.0, 0.0, 0.0]) - np.array(FAR.centre)) < 40.0
    for word in ("auto", "moments"):
        start = initial_transform(word, pair)
        assert with_initial_transform(word, pair).initial == start
        assert with_initial_transform(word, pair).initial_is_guess == (word == "auto")
        assert np.linalg.norm(start.map_points([0.0, 0.0, 0.0]) - np.array(FAR.centre)) < 40.0


def test_auto_does_without_moments_when_its_plugin_is_disabled():
    start = initial_transform("auto", small_pair(IDENTITY), Registry(disabled=["classic"]))
    assert start == IDENTITY


def test_the_names_to_suggest_are_the_built_in_ones_and_those_that_plugins_declare():
    assert initializer_names() == ("auto", "identity", "centre", "moments")
    assert initializer_names(Registry(disabled=["classic"])) == ("auto", "identity", "centre")


@dataclasses.dataclass(frozen=True)
class KnownMotion:
    def register(self, pair):
        return Estimate(LARGE)


def test_auto_considers_every_initializer_that_a_plugin_declares(monkeypatch):
    spec = MethodSpec(name="known", target="test_initialization:KnownMotion", initializer=True)
    plugin = types.ModuleType("a_plugin")
    plugin.regkit_methods = hookimpl(lambda: [spec], specname="regkit_methods")
    monkeypatch.setitem(sys.modules, "a_plugin", plugin)
    monkeypatch.setitem(sys.modules, "test_initialization", sys.modules[__name__])
    registry = Registry([EntryPoint("a", "a_plugin", "regkit")])
    assert initializer_names(registry) == ("auto", "identity", "centre", "known")
    grid = dataclasses.replace(SMALL, origin=tuple(np.add(SMALL.origin, (90.0, -70.0, 50.0))))
    pair = Pair(thorax(SMALL, "pet"), thorax(grid, "ct", LARGE))
    chosen = choose_start(pair, registry)
    assert chosen.transform is LARGE
    assert chosen.reason.startswith("known: more similar than the headers")


def test_a_part_is_not_laid_on_the_middle_of_the_whole():
    # A third of a thorax at its upper end, 10 mm off by its header.
    part = Grid((12, 36, 36), SMALL.spacing, tuple(SMALL.to_physical((24, 0, 0))))
    off = rigid((3, -4, 2), (4, -6, 8))
    pair = Pair(thorax(part, "ct"), thorax(SMALL, "pet", off))
    for either in (pair, Pair(pair.moving, pair.fixed)):
        chosen = choose_start(either)
        assert chosen.transform == IDENTITY
        assert "headers" in chosen.reason


def test_a_mask_of_a_part_is_not_laid_on_the_middle_of_the_other_image():
    mask = np.zeros(SMALL.shape_zyx, np.uint8)
    mask[:, :, :14] = 1
    pair = dataclasses.replace(small_pair(), fixed_mask=LabelMap(mask, SMALL))
    points = np.array([[0.0, 0, 0], [-80, 0, 0]])
    found = initial_transform("auto", pair).map_points(points)
    assert np.linalg.norm(found - MOTION.map_points(points), axis=1).max() < 40


def test_words_and_files_are_told_apart():
    assert all(is_initializer(word) for word in ("auto", "identity", "centre", "moments"))
    assert not is_initializer("start.tfm")


def test_a_given_initial_is_not_used():
    assert initial_transform("identity", small_pair(initial=MOTION)) == IDENTITY


def test_a_method_that_searches_everywhere_starts_from_sensible_headers(monkeypatch):
    def never(*_):
        raise AssertionError("nothing needs to be compared")

    pair = small_pair(IDENTITY)
    monkeypatch.setattr("regkit.registration.initialization.automatic_start", never)
    chosen = choose_start(pair, expression="fast-mi,auto+iso")
    assert chosen.transform == IDENTITY
    assert chosen.reason.startswith("headers: the method searches everywhere")
    with pytest.raises(AssertionError, match="nothing needs"):
        choose_start(pair, expression="fast-mi,mi")


def test_headers_that_show_nothing_in_common_are_no_start_for_any_method():
    there = small_pair()
    pair = dataclasses.replace(there, moving=there.moving.with_array(there.moving.array, FAR))
    chosen = choose_start(pair, expression="fast-mi")
    assert not chosen.reason.startswith("headers: the method searches")
