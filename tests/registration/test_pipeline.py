"""Methods from names: pipelines, fallback chains, and who gets which parameter."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Any

import numpy as np
import pytest

from regkit.errors import ParameterError, PluginError, RegistrationError, UnknownNameError
from regkit.geometry.rigid import rigid
from regkit.geometry.transform import AffineTransform
from regkit.geometry.volume import LabelMap
from regkit.plugin import MethodSpec, hookimpl
from regkit.registrar import Estimate, Pair
from regkit.registration.judgement import judge
from regkit.registration.pipeline import Fallback, Pipeline, build_method
from regkit.registration.witness import search_witness
from regkit.registry import Registry
from regkit.testing import phantom_pairs
from regkit.testing.phantom_pairs import Problem


@dataclass(frozen=True)
class Shift:
    """Moves on from where it starts."""

    x: float = 0.0
    y: float = 0.0
    seed: int = 0

    def register(self, pair: Pair) -> Estimate:
        step = AffineTransform.shift((self.x, self.y, 0.0))
        return Estimate(step @ pair.start, diagnostics={"x": self.x})


@dataclass(frozen=True)
class Turn:
    """Turns on from where it starts."""

    z_deg: float = 90.0
    x: float = 0.0

    def register(self, pair: Pair) -> Estimate:
        step = rigid((0, 0, self.z_deg)) @ AffineTransform.shift((self.x, 0.0, 0.0))
        labels = LabelMap(np.ones((2, 2, 2), dtype=int), pair.fixed.grid) if self.x else None
        return Estimate(step @ pair.start, labels, {"turned": self.z_deg})


@dataclass(frozen=True)
class Right:
    """Knows the plain problem's answer."""

    miss_mm: float = 0.0

    def register(self, pair: Pair) -> Estimate:
        miss = AffineTransform.shift((0.0, self.miss_mm, 0.0))
        return Estimate(miss @ phantom_pairs.MOTION, diagnostics={"miss": self.miss_mm})


@dataclass(frozen=True)
class Crash:
    expected: bool = True

    def register(self, pair: Pair) -> Estimate:
        if self.expected:
            raise RegistrationError("nothing to hold on to")
        raise RuntimeError("itk has no samples")


@dataclass(frozen=True)
class Settings:
    """Is no method."""


@hookimpl
def regkit_methods() -> Iterable[MethodSpec]:
    made = {"shift": Shift, "turn": Turn, "right": Right, "crash": Crash, "no-method": Settings}
    specs = [MethodSpec(name=n, target=f"{__name__}:{c.__name__}") for n, c in made.items()]
    far = MethodSpec(name="far", target=f"{__name__}:Right", preset={"miss_mm": 150.0})
    near = MethodSpec(name="near", target=f"{__name__}:Right", preset={"miss_mm": 30})
    return [*specs, far, near]


REGISTRY = Registry([EntryPoint("made", __name__, "regkit")])


def made(expression: str, **parameters: Any) -> Any:
    named = {key.replace("__", "."): value for key, value in parameters.items()}
    return build_method(expression, named, REGISTRY)


@pytest.fixture(scope="module")
def plain() -> Problem:
    return phantom_pairs.plain_problem()


def test_a_name_is_its_method_with_its_preset() -> None:
    assert made("shift") == Shift()
    assert made(" shift ", x=2) == Shift(x=2.0)
    assert made("far") == Right(miss_mm=150.0)
    assert made("far", miss_mm=1) == Right(miss_mm=1.0)


def test_a_parameter_goes_to_every_method_that_has_it() -> None:
    assert made("shift+turn", x=3, y=4) == Pipeline((Shift(x=3.0, y=4.0), Turn(x=3.0)))


def test_a_parameter_with_a_name_goes_to_that_method_only() -> None:
    assert made("shift+turn", shift__x=3) == Pipeline((Shift(x=3.0), Turn()))
    assert made("shift+turn", x=1, turn__x=3) == Pipeline((Shift(x=1.0), Turn(x=3.0)))


def test_defaults_go_where_they_fit_and_parameters_win() -> None:
    defaults = {"seed": 7, "device": "cpu", "x": None}
    built = build_method("shift+turn", {}, REGISTRY, defaults)
    assert built == Pipeline((Shift(seed=7), Turn()))
    assert build_method("shift", {"seed": 1}, REGISTRY, defaults) == Shift(seed=1)


@pytest.mark.parametrize(
    ("expression", "parameters", "message"),
    [
        ("shift+turn", {"zdeg": 1}, "shift and turn has no parameter 'zdeg'; did you mean z_deg"),
        ("shift", {"turn.x": 1}, "'turn.x' names the method 'turn', which is not among shift"),
        ("shift+turn", {"shift.z_deg": 1}, "shift has no parameter 'z_deg'"),
        ("shift", {"x": "left"}, "shift: x takes float, got 'left'"),
        ("shift,turn", {"turn.z_deg": "x"}, "turn: z_deg takes float, got 'x'"),
    ],
)
def test_a_parameter_nobody_takes_is_refused(
    expression: str, parameters: dict[str, Any], message: str
) -> None:
    with pytest.raises(ParameterError, match=message):
        build_method(expression, parameters, REGISTRY)


@pytest.mark.parametrize("expression", ["", "+", "a++b", "shift+", ",shift", "shift,,turn", " "])
def test_an_expression_with_gaps_is_refused(expression: str) -> None:
    with pytest.raises(UnknownNameError, match="is not a method; write a, a\\+b or a,b"):
        made(expression)


def test_an_unknown_method_of_an_expression_suggests_a_name() -> None:
    with pytest.raises(UnknownNameError, match="no method is called 'shfit'; did you mean shift"):
        made("turn+shfit")


def test_plus_binds_tighter_than_comma() -> None:
    built = made("shift+turn,turn+shift,turn")
    assert isinstance(built, Fallback)
    assert built.names == ("shift+turn", "turn+shift", "turn")
    assert built.choices == (Pipeline((Shift(), Turn())), Pipeline((Turn(), Shift())), Turn())


def test_stages_compose_to_the_total_map(plain: Problem) -> None:
    """From the start, then the first stage, then the second: x -> turn(shift(start(x)))."""
    start = AffineTransform.shift((0.0, 0.0, 5.0))
    pair = Pair(plain.pair.fixed, plain.pair.moving, initial=start)
    found = made("shift+turn", shift__x=10).register(pair)
    # (1, 2, 3) -> (1, 2, 8) -> (11, 2, 8) -> turned by 90 degrees about z -> (-2, 11, 8)
    assert found.transform.map_points((1.0, 2.0, 3.0)) == pytest.approx([-2, 11, 8])
    other_way = made("turn+shift", shift__x=10).register(pair)
    assert other_way.transform.map_points((1.0, 2.0, 3.0)) == pytest.approx([8, 1, 8])


def test_a_pipeline_keeps_what_its_stages_tell() -> None:
    pair = phantom_pairs.pose_problem(
        phantom_pairs.Grid((2, 2, 2)), phantom_pairs.Grid((2, 2, 2))
    ).pair
    found = made("turn+shift", turn__x=1, shift__x=2).register(pair)
    assert found.labels is not None
    assert found.labels.labels == (1,)
    assert found.diagnostics == {"stages": [{"turned": 90.0}, {"x": 2.0}], "x": 2.0}


def test_a_fallback_stops_at_the_first_that_is_ok(plain: Problem) -> None:
    found = made("right,crash,far", miss_mm=0).register(plain.pair)
    assert found.transform == phantom_pairs.MOTION
    assert found.diagnostics["used"] == "right"
    assert found.diagnostics["tried"] == [{"method": "right", "verdict": "OK", "reasons": []}]


@pytest.mark.parametrize("expected", [True, False])
def test_a_fallback_goes_on_after_a_doubt_and_after_an_error(
    plain: Problem, expected: bool
) -> None:
    found = made("far,crash,right", crash__expected=expected, right__miss_mm=0.5)
    estimate = found.register(plain.pair)
    assert estimate.diagnostics["used"] == "right"
    assert estimate.diagnostics["miss"] == 0.5
    tried = estimate.diagnostics["tried"]
    assert [t["method"] for t in tried] == ["far", "crash", "right"]
    assert [t["verdict"] for t in tried] == ["FAIL", "FAIL", "OK"]
    assert tried[1]["reasons"] == [
        "nothing to hold on to" if expected else "RuntimeError: itk has no samples"
    ]


def test_a_choice_within_a_fallback_is_not_lost(plain: Problem) -> None:
    @dataclass(frozen=True)
    class Chooses:
        def register(self, pair: Pair) -> Estimate:
            return Estimate(phantom_pairs.MOTION, diagnostics={"used": "inner", "why": "it fits"})

    found = Fallback((Chooses(),), ("outer",)).register(plain.pair)
    assert found.diagnostics["used"] == "outer (inner)"
    assert found.diagnostics["why"] == "it fits"


@pytest.mark.parametrize("expression", ["far,near", "near,far"])
def test_a_fallback_without_an_ok_takes_the_best(plain: Problem, expression: str) -> None:
    witness = search_witness(plain.pair)
    verdicts = {
        name: judge(plain.pair, made(name).register(plain.pair), witness).status
        for name in ("far", "near")
    }
    assert "OK" not in verdicts.values()
    found = made(expression).register(plain.pair)
    assert found.diagnostics["used"] == "near"
    assert [t["verdict"] for t in found.diagnostics["tried"]] == [
        verdicts[name] for name in expression.split(",")
    ]


def test_a_fallback_that_fails_everywhere_says_why_for_each(plain: Problem) -> None:
    with pytest.raises(
        RegistrationError,
        match="every method of the chain failed: crash: nothing to hold on to; crash\\+shift: ",
    ):
        made("crash,crash+shift").register(plain.pair)


@dataclass(frozen=True)
class Forgets:
    """Returns nothing."""

    def register(self, pair: Pair) -> Any:
        return None


def test_a_stage_that_returns_no_estimate_is_named(plain: Problem) -> None:
    words = "Forgets must return an Estimate, got NoneType"
    with pytest.raises(RegistrationError, match=words):
        Pipeline((Forgets(), Right())).register(plain.pair)
    chain = Fallback((Forgets(), Right()), ("forgets", "right"))
    tried = chain.register(plain.pair).diagnostics["tried"]
    assert tried[0]["reasons"] == ["forgets must return an Estimate, got NoneType"]


def test_what_cannot_register_is_no_method() -> None:
    with pytest.raises(PluginError, match=r"no-method \(.*Settings\) has no method register\(sel"):
        made("shift+no-method")
