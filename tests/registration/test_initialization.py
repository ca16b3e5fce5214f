import dataclasses
import sys
import types
from importlib.metadata import EntryPoint

import numpy as np
import pytest

from phantoms import MOTION, SMALL, small_pair
from regkit import IDENTITY, Estimate, Grid, MethodSpec, Pair, hookimpl, rigid
from regkit.errors import RegistrationError
from regkit.registration.initialization import (
    align_centers,
    initial_transform,
    initializer_names,
    is_initializer,
)
from regkit.registry import Registry
from regkit.testing.phantom import thorax

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


def test_auto_says_when_there_is_no_overlap():
    pair = dataclasses.replace(
        small_pair(), moving=thorax(FAR, "ct", rigid(translation_mm=FAR.centre))
    )
    with pytest.raises(RegistrationError, match="do not overlap in world coordinates"):
        initial_transform("auto", pair)
    start = initial_transform("moments", pair)
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
        return Estimate(MOTION)


def test_auto_considers_every_initializer_that_a_plugin_declares(monkeypatch):
    spec = MethodSpec(name="known", target="test_initialization:KnownMotion", initializer=True)
    plugin = types.ModuleType("a_plugin")
    plugin.regkit_methods = hookimpl(lambda: [spec], specname="regkit_methods")
    monkeypatch.setitem(sys.modules, "a_plugin", plugin)
    monkeypatch.setitem(sys.modules, "test_initialization", sys.modules[__name__])
    registry = Registry([EntryPoint("a", "a_plugin", "regkit")])
    assert initializer_names(registry) == ("auto", "identity", "centre", "known")
    assert initial_transform("auto", small_pair(), registry) is MOTION


def test_words_and_files_are_told_apart():
    assert all(is_initializer(word) for word in ("auto", "identity", "centre", "moments"))
    assert not is_initializer("start.tfm")


def test_a_given_initial_is_not_used():
    assert initial_transform("identity", small_pair(initial=MOTION)) == IDENTITY
