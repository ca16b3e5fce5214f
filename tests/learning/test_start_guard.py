"""A network's result that the images say is worse than the start does not replace it."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pytest

from phantoms import MOTION, small_pair
from regkit import AffineTransform, Pair, rigid
from regkit.learning import LearnedMethod, start_guard
from regkit.learning.start_guard import guard_start
from regkit.registrar import Estimate

AWAY = rigid((20.0, 0.0, -15.0), (40.0, -30.0, 20.0))


def guarded(start: AffineTransform, found: AffineTransform, pair: Pair | None = None) -> Estimate:
    pair = replace(pair or small_pair(), initial=start)
    return guard_start(pair, Estimate(found, diagnostics={"warnings": ["before"], "n": 1}))


def test_a_clearly_worse_result_gives_way_to_the_start() -> None:
    kept = guarded(MOTION, AWAY @ MOTION)
    assert kept.transform == MOTION
    assert kept.diagnostics["initial_kept"] is True
    assert kept.diagnostics["improvement_over_start"] < -3
    assert kept.diagnostics["n"] == 1
    before, warning = kept.diagnostics["warnings"]
    assert before == "before"
    assert warning.startswith("the network's result aligns the images clearly worse than")
    assert "the initial transform is returned" in warning
    assert warning.startswith(kept.diagnostics["rejected"])


@pytest.mark.parametrize("start", [AWAY @ MOTION, MOTION])
def test_a_right_result_stays(start) -> None:
    found = guarded(start, MOTION)
    assert found.transform == MOTION
    assert found.diagnostics["initial_kept"] is False
    assert found.diagnostics["rejected"] == ""
    assert found.diagnostics["warnings"] == ["before"]


def test_a_right_result_stays_although_the_start_is_a_little_better() -> None:
    """Half a millimeter beside the truth: no clear difference."""
    near = AffineTransform.shift((0.5, 0.0, 0.0)) @ MOTION
    assert guarded(MOTION, near).transform == near


@pytest.mark.parametrize(
    ("gained", "is_kept"), [(-3.1, True), (-2.9, True), (2.9, True), (3.1, False)]
)
def test_images_unlike_those_of_the_training_need_a_clearly_better_result(
    monkeypatch, gained, is_kept
) -> None:
    monkeypatch.setattr(start_guard, "improvement", lambda pair, new, old: gained)
    pair = replace(small_pair(), initial=AWAY @ MOTION)
    usual = guard_start(pair, Estimate(MOTION))
    unlike = guard_start(pair, Estimate(MOTION, diagnostics={"domain_warnings": ["its contrast"]}))
    assert usual.diagnostics["initial_kept"] is (gained < -3)
    assert unlike.diagnostics["initial_kept"] is is_kept
    assert unlike.transform == (pair.start if is_kept else MOTION)
    assert len(unlike.diagnostics["warnings"]) == is_kept
    guess = replace(pair, initial_is_guess=True)
    found = guard_start(guess, Estimate(MOTION, diagnostics={"domain_warnings": ["its contrast"]}))
    assert found.diagnostics["initial_kept"] is (gained < 0)


def test_in_ultrasound_the_result_stays_with_a_warning() -> None:
    pair = small_pair()
    moving = replace(pair.moving, modality="us")
    found = guarded(MOTION, AWAY @ MOTION, Pair(pair.fixed, moving))
    assert found.transform == AWAY @ MOTION
    assert found.diagnostics["initial_kept"] is False
    assert "no proof in ultrasound" in found.diagnostics["warnings"][-1]


@dataclass(frozen=True)
class Wrong(LearnedMethod):
    """A network that always moves the image away."""

    weights: str = "none"

    def loaded(self) -> tuple[Any, int]:
        return None, 1

    def infer(self, pair, trained, passes):
        return Estimate(AWAY @ pair.start)


@dataclass(frozen=True)
class ByLabels(Wrong):
    """The same, of images whose similarity tells nothing."""

    compares_with_start: ClassVar[bool] = False


def test_every_learned_method_is_guarded_but_those_that_say_so() -> None:
    pair = small_pair(initial=MOTION)
    assert Wrong().register(pair).transform == MOTION
    assert ByLabels().register(pair).transform == AWAY @ MOTION


def test_whole_transforms_are_kept_as_they_are() -> None:
    """The start is returned itself, not a copy through points."""
    kept = guarded(MOTION, AWAY @ MOTION)
    np.testing.assert_array_equal(kept.transform.matrix, MOTION.matrix)
