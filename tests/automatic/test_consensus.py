"""The method `consensus`: the mean of maps that agree."""

from dataclasses import replace

import numpy as np
import pytest

from phantoms import MOTION, small_pair
from regkit import AffineTransform, Estimate, Pair, rigid
from regkit.errors import ParameterError, RegistrationError
from regkit.registration.pipeline import build_method
from regkit_auto.consensus import ConsensusRegistration, mean_rigid
from regkit_auto.specialists import Specialists

CENTRE = np.array([10.0, -20.0, 300.0])
GIVEN = {"ngf": (3.0, 0, 0), "mi-mind": (-1.0, 0, 2.0), "fast-mi": (0, 9.0, 0)}


@pytest.fixture
def answers(monkeypatch):
    """Let each method give a known shift, or fail; return the shifts by measure or method."""
    known = dict(GIVEN)

    def answered(_self, name: str, _pair: Pair, **parameters: str) -> Estimate:
        shift = known[parameters.get("measure", name)]
        if shift is None:
            raise RegistrationError("it cannot")
        return Estimate(AffineTransform.shift(shift), None, {"remarks": (name,)})

    monkeypatch.setattr(ConsensusRegistration, "_run", answered)
    return known


def test_the_mean_of_rigid_maps_lies_between_them():
    maps = [rigid((0, 0, angle), (x, 0, 0), CENTRE) for angle, x in ((10, 2), (-4, 6))]
    mean = mean_rigid(maps, CENTRE)
    expected = rigid((0, 0, 3), (4, 0, 0), CENTRE)
    assert mean.is_rigid
    assert np.allclose(mean.matrix, expected.matrix, atol=1e-9)


def test_the_result_is_the_mean_of_the_refined_answers(answers):
    found = ConsensusRegistration().register(small_pair())
    assert found.transform.map_points((0, 0, 0)) == pytest.approx((1, 0, 1), abs=1e-6)
    names = ["fast-mi+iso (ngf)", "fast-mi+iso (mi-mind)"]
    assert found.diagnostics["members"] == names
    assert found.diagnostics["left_out"] == []
    assert found.diagnostics["spread_mm"] == pytest.approx(np.hypot(2, 1), abs=1e-6)
    assert found.diagnostics["remarks"] == ("fast-mi",)
    assert answers == GIVEN


def test_one_that_is_far_from_the_others_is_left_out(answers, monkeypatch):
    answers["expert"] = (0.0, 40.0, 0.0)
    expert = Specialists(compared=("expert",), judging=("judge",))
    monkeypatch.setattr(Specialists, "of", lambda *_: expert)
    found = ConsensusRegistration().register(small_pair())
    assert found.diagnostics["left_out"] == ["expert"]
    assert found.transform.map_points((0, 0, 0)) == pytest.approx((1, 0, 1), abs=1e-6)


def test_without_refinements_the_search_stands(answers):
    answers.update({"ngf": None, "mi-mind": None})
    found = ConsensusRegistration().register(small_pair())
    assert found.diagnostics["members"] == ["fast-mi"]
    assert found.transform.map_points((0, 0, 0)) == pytest.approx((0, 9, 0), abs=1e-6)


def test_values_out_of_range_are_refused():
    with pytest.raises(ParameterError, match="seed"):
        build_method("consensus", {"seed": -1})


@pytest.mark.registration
def test_a_known_motion_is_found():
    pair = small_pair()
    found = ConsensusRegistration(seed=1).register(replace(pair, initial=None))
    points = np.random.default_rng(1).normal(0, 50, (200, 3))
    off = found.transform.map_points(points) - MOTION.map_points(points)
    assert np.linalg.norm(off, axis=1).mean() < 4.5, "half a voxel"
    assert len(found.diagnostics["members"]) == 2
