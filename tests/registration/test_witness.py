"""Witnesses: independent registrations that tell how far off a result is."""

import numpy as np
import pytest

from phantoms import MOTION, small_pair
from regkit import IDENTITY, AffineTransform, MethodSpec, Pair, Volume, rigid
from regkit.errors import RegistrationError
from regkit.registrar import Estimate
from regkit.registration import witness
from regkit.registration.witness import (
    Witness,
    refinement_witness,
    search_witness,
    separation_mm,
)
from regkit.registry import Plugin, RegisteredSpec


class Offered:
    """A registry of methods that are given."""

    def __init__(self, *methods: RegisteredSpec) -> None:
        self.methods = methods


def offer(monkeypatch, name, answer, role="search", **preset):
    """Return a method that answers with a map, or stops with an error."""

    class Method:
        def __init__(self, **values):
            assert values == preset

        def register(self, pair):
            if isinstance(answer, Exception):
                raise answer
            return Estimate(answer @ pair.start, diagnostics={"second_best": {"score_ratio": 0.5}})

    monkeypatch.setattr(witness, "configure", lambda target, _, values: target(**values))
    spec = MethodSpec(
        name=name, target="none:None", witness={role: preset}, searches_everywhere=True
    )
    entry = RegisteredSpec(spec, Plugin("test", "test", "test", "0"))
    monkeypatch.setattr(RegisteredSpec, "load", lambda _: Method)
    return entry


def test_the_distance_of_shifts_is_exact():
    shift = rigid(translation_mm=(3.0, 0.0, -4.0))
    assert separation_mm(small_pair(), MOTION, MOTION) == pytest.approx(0.0, abs=1e-9)
    assert separation_mm(small_pair(), shift @ MOTION, MOTION) == pytest.approx(5.0)


@pytest.mark.parametrize(
    ("fixed", "moving"), [("us", "mr"), ("mr", "us"), ("ct", "mr"), ("us", "us")]
)
def test_ultrasound_moves_in_a_refinement_whichever_image_is_fixed(monkeypatch, fixed, moving):
    seen, by = [], rigid(translation_mm=(1.0, -2.0, 0.5))

    class Recording:
        def __init__(self, **values):
            pass

        def register(self, pair):
            seen.append(pair)
            return Estimate(by @ pair.start)

    entry = offer(monkeypatch, "near", IDENTITY, "refinement")
    monkeypatch.setattr(RegisteredSpec, "load", lambda _: Recording)
    images = small_pair().fixed, small_pair().moving
    named = [Volume(i.array, i.grid, m) for i, m in zip(images, (fixed, moving), strict=True)]
    found = refinement_witness(Pair(*named), MOTION, Offered(entry))
    (pair,) = seen
    points = np.eye(3) * 50
    if (fixed, moving) == ("us", "mr"):
        assert (pair.fixed, pair.moving) == (named[1], named[0])
        np.testing.assert_allclose(pair.start.map_points(MOTION.map_points(points)), points)
        there = found.transform.map_points(points)
        np.testing.assert_allclose(by.map_points(pair.start.map_points(there)), points, atol=1e-9)
    else:
        assert (pair.fixed, pair.moving) == tuple(named)
        np.testing.assert_allclose(
            found.transform.map_points(points), by.map_points(MOTION.map_points(points))
        )


def test_with_ultrasound_a_map_that_flattens_the_image_is_not_refined(monkeypatch):
    entry = offer(monkeypatch, "near", IDENTITY, "refinement")
    images = small_pair().fixed, small_pair().moving
    named = [Volume(i.array, i.grid, m) for i, m in zip(images, ("us", "mr"), strict=True)]
    flat = AffineTransform(np.diag([1.0, 1.0, 1e-13, 1.0]))
    assert refinement_witness(Pair(*named), flat, Offered(entry)) is None


def test_a_witness_searches_from_the_headers_with_its_own_parameters(monkeypatch):
    entry = offer(monkeypatch, "scout", MOTION, seed=7)
    found = search_witness(small_pair(initial=rigid((0, 0, 90), (50, 0, 0))), Offered(entry))
    assert found.name == "scout"
    np.testing.assert_allclose(found.transform.map_points(np.eye(3)), MOTION.map_points(np.eye(3)))


def test_a_refinement_starts_at_the_result(monkeypatch):
    entry = offer(monkeypatch, "polish", IDENTITY, "refinement")
    found = refinement_witness(small_pair(), MOTION, Offered(entry))
    assert separation_mm(small_pair(), found.transform, MOTION) == pytest.approx(0.0, abs=1e-9)
    assert search_witness(small_pair(), Offered(entry)) is None


@pytest.mark.parametrize("error", [RegistrationError("nothing there"), ValueError("a defect")])
def test_a_method_that_fails_is_no_witness(monkeypatch, error):
    entry = offer(monkeypatch, "broken", error)
    assert search_witness(small_pair(), Offered(entry)) is None


def test_what_a_witness_says_of_a_right_and_of_a_wrong_result():
    here = Witness("scout", MOTION, {"second_best": {"score_ratio": 0.5}, "uncertainty_mm": 0.1})
    right = here.measures(small_pair(), MOTION)
    wrong = here.measures(small_pair(), IDENTITY)
    assert right["witness_mm"] == pytest.approx(0.0, abs=1e-9)
    assert right["witness_improvement"] == pytest.approx(0.0)
    assert wrong["witness_mm"] > 10
    assert wrong["witness_improvement"] > 3
    assert wrong["witness_ambiguity"] == 0.5
    assert wrong["witness_uncertainty_mm"] == 0.1


@pytest.mark.registration
def test_the_installed_witnesses_find_the_truth():
    pair = small_pair()
    assert separation_mm(pair, search_witness(pair).transform, MOTION) < 2.0
    assert separation_mm(pair, refinement_witness(pair, MOTION).transform, MOTION) < 4.0
