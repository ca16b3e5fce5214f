"""A method may bring a judge of its own, which sees any estimate of its kind."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from regkit.geometry.transform import IDENTITY, AffineTransform
from regkit.geometry.volume import LabelMap
from regkit.registrar import Estimate, Judge, Judgement, Pair, Refiner
from regkit.registration import run as run_module
from regkit.registration.pipeline import Fallback, Pipeline
from regkit.registration.run import run
from regkit.testing import phantom_pairs

SECOND = AffineTransform.shift((30.0, 0.0, 0.0))


@pytest.fixture(scope="module")
def pair() -> Pair:
    return phantom_pairs.plain_problem().pair


@dataclass(frozen=True)
class Organ:
    """Finds what it is told, with labels, and judges by the shift along x alone."""

    found: AffineTransform = IDENTITY
    most_mm: float = 10.0
    warning: str = ""
    caution: str = ""

    def register(self, pair: Pair) -> Estimate:
        labels = LabelMap(np.ones(pair.fixed.grid.shape_zyx, dtype=int), pair.fixed.grid)
        return Estimate(self.found, labels, {"warnings": [self.warning] if self.warning else []})

    def judge(self, pair: Pair, estimate: Estimate) -> Judgement | None:
        if estimate.labels is None:
            return None
        x = float(estimate.transform.map_points((0.0, 0.0, 0.0))[0])
        findings = (("FAIL", f"the organ is {x:.0f} mm away"),) if x > self.most_mm else ()
        return Judgement(findings, {"x_mm": x}, self.caution)


@dataclass(frozen=True)
class Onwards:
    """Moves on, and keeps the labels; it has no judge."""

    x: float = 0.0
    scale: float = 1.0

    def register(self, pair: Pair) -> Estimate:
        step = AffineTransform(np.diag([self.scale, 1.0, 1.0, 1.0]))
        return Estimate(AffineTransform.shift((self.x, 0.0, 0.0)) @ step @ pair.start)


@pytest.fixture
def unsearched(monkeypatch):
    """Refuse every search of a witness."""

    def search(*_):
        raise AssertionError("a witness was asked")

    monkeypatch.setattr(run_module, "search_witness", search)
    monkeypatch.setattr("regkit.registration.pipeline.search_witness", search)


def test_a_caution_makes_the_verdict_check_at_best(pair, unsearched) -> None:
    assert run(Organ(), pair).verdict.status == "OK"
    verdict = run(Organ(caution="nothing confirms it"), pair).verdict
    assert (verdict.status, verdict.reasons) == ("CHECK", ("nothing confirms it",))
    wrong = run(Organ(SECOND, caution="nothing confirms it"), pair).verdict
    assert wrong.status == "FAIL"
    assert wrong.reasons == ("the organ is 30 mm away", "nothing confirms it")


def test_the_judge_decides_and_the_similarity_is_not_asked_for(pair, unsearched) -> None:
    verdict = run(Organ(), pair).verdict
    assert (verdict.status, verdict.reasons) == ("OK", ())
    assert verdict.measures["x_mm"] == 0
    assert "similarity" not in verdict.measures
    wrong = run(Organ(SECOND), pair).verdict
    assert (wrong.status, wrong.reasons) == ("FAIL", ("the organ is 30 mm away",))


def test_warnings_and_what_holds_for_every_map_count_as_well(pair, unsearched) -> None:
    doubted = run(Organ(warning="an odd image"), pair).verdict
    assert (doubted.status, doubted.reasons) == ("CHECK", ("an odd image",))
    folded = run(Organ(AffineTransform(np.diag([-1.0, 1, 1, 1]))), pair).verdict
    assert folded.status == "FAIL"
    assert "folds or mirrors space" in folded.reasons[0]
    chain = Pipeline((Organ(), Onwards(scale=2.5)))
    stretched = run(chain, pair).verdict
    assert "stretches or squeezes lengths by a factor of up to 2.50" in " ".join(stretched.reasons)


def test_in_a_chain_the_last_judge_sees_what_later_methods_made_of_it(pair, unsearched) -> None:
    chain = Pipeline((Organ(), Onwards(x=30.0)))
    assert run(chain, pair).verdict.reasons == ("the organ is 30 mm away",)
    lenient = Pipeline((Organ(most_mm=0.0), Organ(SECOND, most_mm=100.0), Onwards()))
    assert run(lenient, pair).verdict.status == "OK"


def test_where_the_judge_does_not_apply_the_images_decide(pair) -> None:
    chain = Pipeline((Onwards(), Onwards()))
    assert chain.judge(pair, chain.register(pair)) is None
    assert "similarity" in run(chain, pair).verdict.measures


def test_each_choice_of_a_fallback_has_its_own_judge(pair, unsearched) -> None:
    choices = Organ(SECOND), Organ(SECOND, most_mm=100.0)
    result = run(Fallback(choices, ("strict", "lenient")), pair)
    assert result.estimate.diagnostics["used"] == "lenient"
    assert result.verdict.status == "OK"
    tried = result.estimate.diagnostics["tried"]
    assert [t["verdict"] for t in tried] == ["FAIL", "OK"]
    assert tried[0]["reasons"] == ["the organ is 30 mm away"]


def test_a_witness_that_the_user_names_is_still_compared(pair) -> None:
    near = run(Organ(), replace(pair, initial=IDENTITY), witnesses=["identity"]).verdict
    assert near.status == "OK"
    far = run(Organ(SECOND, 100.0), replace(pair, initial=IDENTITY), witnesses=["identity"])
    assert far.verdict.reasons == (
        "the witness identity ends 30 mm away; compare both results by eye",
    )


def test_another_judge_may_be_asked_in_place_of_the_method(pair, unsearched) -> None:
    verdict = run(
        Pipeline((Organ(SECOND), Onwards())), pair, judged_by=Organ(most_mm=50.0)
    ).verdict
    assert verdict.status == "OK"


def test_a_judge_is_no_refiner_and_others_are_no_judges() -> None:
    assert isinstance(Organ(), Judge)
    assert not isinstance(Onwards(), Judge)
    assert not isinstance(Organ(), Refiner)
