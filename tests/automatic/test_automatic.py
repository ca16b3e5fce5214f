"""The method `auto`: who competes, who wins, and when the start is kept."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint

import numpy as np
import pytest
import torch

from regkit.errors import DeviceError, ParameterError, RegistrationError
from regkit.geometry.rigid import rigid
from regkit.geometry.transform import IDENTITY, AffineTransform
from regkit.geometry.volume import LabelMap
from regkit.plugin import MethodSpec, hookimpl
from regkit.registrar import Estimate, Judgement, Pair
from regkit.registration.pipeline import build_method
from regkit.registration.run import run
from regkit.registry import (
    Registry,
    default_registry,
    environment_registry,
    leave_out_plugins,
)
from regkit.report.summary import summary
from regkit.testing import phantom_pairs
from regkit_auto import automatic
from regkit_auto.automatic import AutomaticRegistration
from regkit_auto.specialists import Specialists

APART_MM = 60.0
FINDER_DOUBTS_MM = 15.0
ELSEWHERE = """
from regkit.plugin import MethodSpec, hookimpl

@hookimpl
def regkit_methods():
    target = "regkit_instance.fast:FastRegistration"
    return [MethodSpec(name="elsewhere", target=target, specialty=frozenset({("mr", "ct")}))]
"""


@dataclass(frozen=True)
class Answer:
    """Misses the truth of the phantom by a shift and a turn, and may warn."""

    miss_mm: float = 0.0
    turn_deg: float = 0.0
    warning: str = ""
    crash: bool = False

    def register(self, pair: Pair) -> Estimate:
        if self.crash:
            raise RegistrationError("too little overlap")
        miss = rigid((self.turn_deg, 0.0, 0.0), (self.miss_mm, 0.0, 0.0))
        warnings = [self.warning] if self.warning else []
        return Estimate(miss @ phantom_pairs.MOTION, diagnostics={"domain_warnings": warnings})


@dataclass(frozen=True)
class Finder(Answer):
    """Has a judge of its own, which doubts organs that lie apart, and more if it is told to."""

    finding: str = ""
    note: str = ""
    is_silent: bool = False

    def judge(self, pair: Pair, estimate: Estimate) -> Judgement | None:
        if estimate.labels is not None and organs_apart_mm(estimate) > FINDER_DOUBTS_MM:
            return Judgement((("CHECK", "the organs lie apart"),))
        status = "OK" if self.finding == "a remark" else "CHECK"
        findings = ((status, self.finding),) if self.finding else ()
        judgement = Judgement(findings, {"organs": 2.0}, "nothing confirms it")
        return None if self.is_silent or estimate.labels is None else judgement

    def register(self, pair: Pair) -> Estimate:
        estimate = super().register(pair)
        warnings = [self.note] if self.note else []
        labels = LabelMap(np.ones(pair.moving.grid.shape_zyx, np.uint8), pair.moving.grid)
        return replace(
            estimate, labels=labels, diagnostics={**estimate.diagnostics, "warnings": warnings}
        )


def organs_apart_mm(estimate: Estimate) -> float:
    """Return how far an organ at the origin is from where it belongs."""
    there = estimate.transform.map_points((0.0, 0.0, 0.0))
    return float(np.linalg.norm(there - phantom_pairs.MOTION.map_points((0.0, 0.0, 0.0))))


@dataclass(frozen=True)
class Stay:
    def register(self, pair: Pair) -> Estimate:
        return Estimate(pair.start)


def offered(search: dict, specialist: dict, specialty=("mr", "ct"), finder=None) -> Registry:
    """A registry of a search, a refinement that changes nothing, and one or two specialists."""
    made_for = frozenset({specialty})

    class Plugin:
        @staticmethod
        @hookimpl
        def regkit_methods():
            answer = f"{__name__}:Answer"
            judging = MethodSpec(
                name="finder",
                target=f"{__name__}:Finder",
                preset=finder or {},
                specialty=made_for,
            )
            return (
                *(() if finder is None else (judging,)),
                MethodSpec(name="fast-mi", target=answer, preset=search),
                MethodSpec(name="iso", target=f"{__name__}:Stay"),
                MethodSpec(
                    name="expert",
                    target=answer,
                    preset=specialist,
                    specialty=made_for,
                ),
            )

    globals()["offer"] = Plugin
    return Registry([EntryPoint("offer", f"{__name__}:offer", "regkit")])


@pytest.fixture
def competing(monkeypatch):
    def register(
        search, specialist, specialty=("mr", "ct"), images=("mr", "ct"), finder=None, **start
    ):
        registry = offered(search, specialist, specialty, finder)
        monkeypatch.setattr(automatic, "default_registry", lambda: registry)
        monkeypatch.setattr(
            automatic,
            "build_method",
            lambda name, parameters, defaults: build_method(name, parameters, registry),
        )
        problem = phantom_pairs.two_contrasts()
        fixed = replace(problem.pair.fixed, modality=images[0])
        moving = replace(problem.pair.moving, modality=images[1])
        pair = replace(problem.pair, fixed=fixed, moving=moving, **start)
        return AutomaticRegistration().register(pair)

    return register


def test_a_specialist_is_preferred_where_the_search_is_no_better(competing):
    found = competing({"miss_mm": 0.4}, {"miss_mm": 0.0})
    assert found.diagnostics["used"] == "expert+iso"
    assert found.diagnostics["candidates"] == ["expert+iso", "fast-mi+iso"]
    assert phantom_pairs.two_contrasts().error_mm(found.transform) == pytest.approx(0.0, abs=1e-9)


def test_a_specialist_that_is_plainly_wrong_loses(competing):
    found = competing({}, {"miss_mm": APART_MM})
    assert found.diagnostics["used"] == "fast-mi+iso"
    assert found.diagnostics["why"] == "it aligns the images better than expert+iso"


def test_a_specialist_that_warns_is_not_preferred(competing):
    found = competing({}, {"miss_mm": 0.4, "warning": "its contrast is unlike that of training"})
    assert found.diagnostics["used"] == "fast-mi+iso"
    assert "expert was not preferred: its contrast is unlike" in found.diagnostics["why"]


def test_a_specialist_that_warns_wins_where_the_search_is_plainly_wrong(competing):
    found = competing({"miss_mm": APART_MM}, {"warning": "it moved in its last pass"})
    assert found.diagnostics["used"] == "expert+iso"
    assert "though: it moved in its last pass" in found.diagnostics["why"]


def test_of_a_specialist_that_warns_and_the_search_the_better_is_taken(competing):
    found = competing({"miss_mm": 0.4}, {"warning": "its contrast is unlike that of training"})
    assert found.diagnostics["used"] == "expert+iso"
    assert competing({"miss_mm": 0.4}, {}).diagnostics["used"] == "expert+iso"
    assert competing({}, {"miss_mm": 0.4}).diagnostics["used"] == "expert+iso"


@pytest.mark.parametrize(
    ("apart_mm", "errors", "used"),
    [
        (16.0, 2.9, "expert+iso"),
        (16.0, 3.1, "fast-mi+iso"),
        (14.0, 0.1, "fast-mi+iso"),
        (14.0, -0.1, "expert+iso"),
    ],
)
def test_a_search_far_from_a_specialist_that_warns_has_to_be_clearly_better(
    competing, monkeypatch, apart_mm, errors, used
):
    monkeypatch.setattr(
        automatic, "improvement", lambda pair, _, old: 9.0 if old == pair.start else errors
    )
    found = competing({"miss_mm": apart_mm}, {"warning": "it moved in its last pass"})
    assert found.diagnostics["used"] == used


def test_a_specialist_of_other_images_is_not_run(competing):
    found = competing({}, {}, specialty=("spect", "mu"))
    assert found.diagnostics["candidates"] == ["fast-mi+iso"]


def test_a_good_start_is_kept_and_said(competing):
    start = AffineTransform.shift((0.2, 0.0, 0.0)) @ phantom_pairs.MOTION
    found = competing({}, {}, initial=start)
    assert found.transform == start
    assert found.diagnostics["used"] == "the initial transform"
    assert "no better beyond the noise" in found.diagnostics["why"]


def test_a_start_that_is_a_guess_is_kept_only_if_nothing_is_better(competing):
    start = AffineTransform.shift((0.2, 0.0, 0.0)) @ phantom_pairs.MOTION
    assert competing({}, {}, initial=start).transform == start
    found = competing({}, {}, initial=start, initial_is_guess=True)
    assert phantom_pairs.two_contrasts().error_mm(found.transform) == pytest.approx(0.0, abs=1e-9)
    right = phantom_pairs.MOTION
    found = competing({"miss_mm": 3.0}, {"miss_mm": 3.0}, initial=right, initial_is_guess=True)
    assert found.transform == right


@pytest.mark.parametrize(
    ("start_mm", "errors", "is_kept"),
    [(16.0, 1.1, False), (16.0, 0.9, True), (14.0, 2.9, True), (14.0, 3.1, False)],
)
def test_a_start_far_away_is_given_up_sooner(competing, monkeypatch, start_mm, errors, is_kept):
    monkeypatch.setattr(automatic, "improvement", lambda pair, new, old: errors)
    start = AffineTransform.shift((0.0, 0.0, start_mm)) @ phantom_pairs.MOTION
    found = competing({}, {}, initial=start)
    assert (found.diagnostics["used"] == "the initial transform") == is_kept


def test_with_ultrasound_two_methods_must_agree(competing):
    ours = {"specialty": ("mr", "us"), "images": ("mr", "us")}
    assert competing({"miss_mm": 3.0}, {}, **ours).diagnostics["used"] == "expert+iso"
    alone = competing({"miss_mm": 5.0}, {}, **ours)
    assert alone.transform == IDENTITY
    assert alone.diagnostics["used"] == "the initial transform"
    assert "no two of expert+iso, fast-mi+iso agree within 4 mm" in alone.diagnostics["why"]


def test_with_ultrasound_the_images_must_be_alike_where_two_methods_agree(competing):
    ours = {"specialty": ("mr", "us"), "images": ("mr", "us")}
    found = competing({"turn_deg": 90.0}, {"turn_deg": 91.0}, **ours)
    assert found.diagnostics["used"] == "the initial transform"
    assert "alike by self-similarity" in found.diagnostics["why"]


APART = ({"miss_mm": APART_MM}, {"miss_mm": 5.0})  # search and specialist do not agree


@pytest.mark.parametrize(("fixed", "moving"), [("mr", "us"), ("us", "mr")])
def test_where_none_agree_one_with_a_judge_of_its_own_is_taken_as_it_is(competing, fixed, moving):
    ours = {"specialty": (fixed, moving), "images": (fixed, moving)}
    assert competing(*APART, **ours).diagnostics["used"] == "the initial transform"
    found = competing(*APART, finder={"turn_deg": 40.0}, **ours)
    assert found.diagnostics["used"] == "finder"
    assert found.transform == rigid((40.0, 0, 0), (0, 0, 0)) @ phantom_pairs.MOTION
    assert found.labels is not None
    assert found.diagnostics["candidates"] == ["expert+iso", "fast-mi+iso", "finder"]
    assert found.diagnostics["initial_kept"] is False
    why = found.diagnostics["why"]
    assert "its own judge finds nothing against it; no two of expert+iso, fast-mi+iso" in why


def test_a_given_start_that_the_judge_does_not_doubt_either_is_kept(competing, monkeypatch):
    start = AffineTransform.shift((14.0, 0.0, 0.0)) @ phantom_pairs.MOTION
    ours = {"specialty": ("mr", "us"), "images": ("mr", "us"), "finder": {}, "initial": start}
    kept = competing(*APART, **ours)
    assert kept.transform == start
    assert kept.diagnostics["used"] == "the initial transform"
    assert kept.diagnostics["why"].startswith("it was given, and the judge of finder, made for")
    assert kept.diagnostics["initial_kept"] is False  # something speaks for it
    assert kept.labels is not None  # so its judge gives the verdict
    guess = competing(*APART, **ours, initial_is_guess=True)
    assert guess.diagnostics["used"] == "finder"
    monkeypatch.setitem(globals(), "FINDER_DOUBTS_MM", 100.0)  # the headers are not doubted either
    assert competing(*APART, **ours | {"initial": None}).diagnostics["used"] == "finder"


def test_where_two_agree_one_with_a_judge_of_its_own_is_not_run(competing):
    ours = {"specialty": ("mr", "us"), "images": ("mr", "us"), "finder": {"crash": True}}
    found = competing({"miss_mm": 3.0}, {}, **ours)
    assert found.diagnostics["used"] == "expert+iso"
    assert found.diagnostics["failed"] == {}
    assert competing(*APART, **ours).diagnostics["failed"] == {"finder": "too little overlap"}


def test_where_a_similarity_is_proof_one_with_a_judge_of_its_own_is_not_run(competing):
    found = competing({"miss_mm": 0.4}, {"miss_mm": APART_MM}, finder={"crash": True})
    assert found.diagnostics["candidates"] == ["expert+iso", "fast-mi+iso"]
    assert found.diagnostics["failed"] == {}


@pytest.mark.parametrize(
    "doubt",
    [
        {"finding": "the organ is cut off"},
        {"warning": "its contrast is unlike that of training"},
        {"note": "there is nothing to align"},
        {"is_silent": True},
    ],
)
def test_one_whose_own_judge_or_guard_doubts_is_not_taken_and_that_is_said(competing, doubt):
    ours = {"specialty": ("mr", "us"), "images": ("mr", "us")}
    found = competing(*APART, finder=doubt, **ours)
    assert found.diagnostics["used"] == "the initial transform"
    assert found.transform == IDENTITY
    assert found.labels is None
    assert found.diagnostics["initial_kept"] is True
    (text,) = (v if isinstance(v, str) else "it does not judge" for v in doubt.values())
    assert f"finder was not taken: {text}" in found.diagnostics["why"]
    assert "no two of expert+iso, fast-mi+iso agree" in found.diagnostics["why"]


def test_what_its_own_judge_only_remarks_is_no_doubt(competing):
    ours = {"specialty": ("mr", "us"), "images": ("mr", "us")}
    found = competing(*APART, finder={"finding": "a remark"}, **ours)
    assert found.diagnostics["used"] == "finder"


def test_one_with_a_judge_of_its_own_is_left_where_all_others_stop(competing):
    crashed = {"crash": True}
    ours = {"specialty": ("mr", "us"), "images": ("mr", "us")}
    found = competing(crashed, crashed, finder={}, **ours)
    assert found.diagnostics["used"] == "finder"
    assert found.diagnostics["why"].endswith("fast-mi stopped: too little overlap")
    with pytest.raises(RegistrationError, match=r"fast-mi: too.*finder was not taken: the organ"):
        competing(crashed, crashed, finder={"finding": "the organ is cut off"}, **ours)


def test_its_own_judge_gives_the_verdict_on_what_was_taken_from_it_alone(competing):
    ours = {"specialty": ("mr", "us"), "images": ("mr", "us"), "finder": {}}
    estimates = [competing(*APART, **ours), competing({"miss_mm": 3.0}, {}, **ours)]
    told = [AutomaticRegistration().judge(phantoms_as("mr", "us"), one) for one in estimates]
    assert [None if one is None else one.caution for one in told] == ["nothing confirms it", None]


def phantoms_as(fixed: str, moving: str) -> Pair:
    images = phantom_pairs.two_contrasts().pair
    return Pair(
        replace(images.fixed, modality=fixed),
        replace(images.moving, modality=moving),
    )


@pytest.mark.parametrize("modalities", [("mr", "us"), ("us", "mr")])
def test_of_our_methods_gland_judges_itself_for_ultrasound(modalities):
    found = Specialists.of(phantoms_as(*modalities), default_registry(builtin_only=True))
    assert found.judging == ("gland",)
    assert "mind" in found.compared


def test_specialists_of_other_packages_can_be_left_out(tmp_path, monkeypatch):
    (tmp_path / "elsewhere.py").write_text(ELSEWHERE)
    info = tmp_path / "elsewhere-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: elsewhere\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[regkit]\nelsewhere = elsewhere\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    pair = phantom_pairs.two_contrasts().pair
    mr, ct = replace(pair.fixed, modality="mr"), replace(pair.moving, modality="ct")
    environment_registry.cache_clear()
    try:
        used = [run(AutomaticRegistration(), Pair(mr, ct)).estimate.diagnostics["candidates"]]
        with leave_out_plugins():
            used += [run(AutomaticRegistration(), Pair(mr, ct)).estimate.diagnostics["candidates"]]
    finally:
        environment_registry.cache_clear()
    assert used == [["elsewhere+iso", "fast-mi+iso"], ["fast-mi+iso"]]


def test_a_method_that_stops_leaves_the_others(competing):
    found = competing({"crash": True}, {})
    assert found.diagnostics["used"] == "expert+iso"
    assert found.diagnostics["failed"] == {"fast-mi": "too little overlap"}
    assert found.diagnostics["why"].endswith("; fast-mi stopped: too little overlap")
    with pytest.raises(RegistrationError, match="fast-mi: too little overlap"):
        competing({"crash": True}, {"crash": True})


def test_the_terminal_says_in_one_line_what_was_taken(tmp_path):
    problem = phantom_pairs.two_contrasts()
    result = run(AutomaticRegistration(), problem.pair, "auto")
    assert problem.error_mm(result.transform) < phantom_pairs.VOXEL_MM / 4
    record = {
        "verdict": {"status": "OK", "reasons": [], "measures": dict(result.verdict.measures)},
        "method": "auto",
        "transform": {
            "model": "rigid",
            "matrix": IDENTITY.matrix,
            "translation_mm": (0, 0, 0),
            "rotation_deg": 0,
        },
        "timing_s": {"load": 0, "compute": 0, "save": 0},
        "inputs": {"moving": {"modality": "mr"}},
        "diagnostics": result.estimate.diagnostics,
    }
    (used,) = [line for line in summary(record, []).splitlines() if line.startswith("  used")]
    assert used.startswith("  used fast-mi+iso: it searches all rotations")
    assert result.transform is not IDENTITY
    assert used in repr(result)


def test_a_gpu_reaches_the_specialist_and_not_the_search(monkeypatch):
    asked = {}

    def built(name, parameters, defaults):
        asked[name] = defaults["device"]
        return Stay()

    monkeypatch.setattr(automatic, "default_registry", lambda: offered({}, {}))
    monkeypatch.setattr(automatic, "build_method", built)
    pair = phantom_pairs.two_contrasts().pair
    fixed, moving = replace(pair.fixed, modality="mr"), replace(pair.moving, modality="ct")
    AutomaticRegistration(device="cuda").register(replace(pair, fixed=fixed, moving=moving))
    assert asked == {"expert": "cuda", "fast-mi": "auto", "iso": "auto"}


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_missing_is_refused_though_nothing_would_use_it():
    pair = phantom_pairs.two_contrasts().pair
    with pytest.raises(DeviceError, match="'cuda' cannot be used here: there is no GPU"):
        AutomaticRegistration(device="cuda").register(pair)


@pytest.mark.parametrize("wrong", [{"seed": -1}, {"threads": 0}, {"device": "gpu"}])
def test_wrong_parameters_are_refused_before_anything_runs(wrong):
    with pytest.raises(ParameterError, match=f"^auto: {next(iter(wrong))} (must be|takes)"):
        build_method("auto", wrong)
