"""Parameters are checked and set by the fields of a method's dataclass."""

import dataclasses
import json
from dataclasses import dataclass, field
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regkit.errors import MissingDependencyError, ParameterError, PluginError
from regkit.registration.parameters import configure, parameters_of, parse_assignment
from regkit.registration.pipeline import build_method


@dataclass(frozen=True)
class Method:
    bins: int = 32
    step_mm: float = 1.5
    robust: bool = True
    model: Literal["rigid", "affine"] = "rigid"
    sigmas: tuple[float, ...] = (4.0, 2.0)
    size: tuple[int, int, int] = (1, 2, 3)
    seed: int | None = None
    label: str = "a"
    anything: Any = field(default_factory=dict)


def set_one(name: str, value: Any) -> Any:
    return getattr(configure(Method, "toy", {name: value}), name)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("bins", 64, 64),
        ("step_mm", 2, 2.0),
        ("step_mm", 0.5, 0.5),
        ("robust", False, False),
        ("model", "affine", "affine"),
        ("sigmas", [8, 4, 2.5], (8.0, 4.0, 2.5)),
        ("sigmas", [], ()),
        ("sigmas", "8,4, 2.5", (8.0, 4.0, 2.5)),
        ("size", "4,5,6", (4, 5, 6)),
        ("size", [4, 5, 6], (4, 5, 6)),
        ("seed", 3, 3),
        ("seed", None, None),
        ("seed", "none", None),
        ("label", "", ""),
        ("anything", {"a": [1]}, {"a": [1]}),
    ],
)
def test_a_value_of_the_fields_type_is_taken(name: str, value: Any, expected: Any) -> None:
    found = set_one(name, value)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("name", "value", "takes"),
    [
        ("bins", 1.5, "int"),
        ("bins", True, "int"),
        ("bins", "64", "int"),
        ("bins", None, "int"),
        ("step_mm", True, "float"),
        ("step_mm", "fast", "float"),
        ("robust", 1, "bool"),
        ("robust", "yes", "bool"),
        ("model", "rigit", r"rigid \| affine"),
        ("sigmas", 4.0, r"\[float, \.\.\.\]"),
        ("sigmas", [4.0, "x"], r"\[float, \.\.\.\]"),
        ("size", "1,2", r"\[int, int, int\]"),
        ("size", "1,2,x", r"\[int, int, int\]"),
        ("size", [1, 2], r"\[int, int, int\]"),
        ("size", [1, 2, 3, 4], r"\[int, int, int\]"),
        ("size", [1, 2, True], r"\[int, int, int\]"),
        ("seed", "three", r"int \| none"),
        ("label", 5, "str"),
    ],
)
def test_any_other_value_is_refused_in_one_sentence(name: str, value: Any, takes: str) -> None:
    with pytest.raises(ParameterError, match=f"^toy: {name} takes {takes}, got {value!r}".replace(
        "[1", r"\[1").replace("[4", r"\[4")):  # fmt: skip
        set_one(name, value)


def test_an_unknown_parameter_suggests_a_close_one() -> None:
    with pytest.raises(ParameterError, match="toy has no parameter 'step'; did you mean step_mm"):
        configure(Method, "toy", {"step": 1})


def test_defaults_hold_where_nothing_is_set() -> None:
    assert configure(Method, "toy", {}) == Method()


def test_parameters_in_their_order_with_type_and_default() -> None:
    rows = [(p.name, p.type_name, p.default) for p in parameters_of(Method).values()]
    assert rows[:7] == [
        ("bins", "int", 32),
        ("step_mm", "float", 1.5),
        ("robust", "bool", True),
        ("model", "rigid | affine", "rigid"),
        ("sigmas", "[float, ...]", (4.0, 2.0)),
        ("size", "[int, int, int]", (1, 2, 3)),
        ("seed", "int | none", None),
    ]
    assert rows[8][2] == {}


methods = st.builds(
    Method,
    bins=st.integers(),
    step_mm=st.floats(allow_nan=False, allow_infinity=False),
    robust=st.booleans(),
    model=st.sampled_from(["rigid", "affine"]),
    sigmas=st.lists(st.floats(allow_nan=False, allow_infinity=False)).map(tuple),
    size=st.tuples(st.integers(), st.integers(), st.integers()),
    seed=st.none() | st.integers(),
    label=st.text(),
    anything=st.dictionaries(st.text(), st.integers()),
)


@given(methods)
def test_a_configuration_survives_json(method: Method) -> None:
    text = json.dumps(dataclasses.asdict(method))
    assert configure(Method, "toy", json.loads(text)) == method


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bins=64", ("bins", 64)),
        ("bins = 64", ("bins", 64)),
        ("step_mm=1e-3", ("step_mm", 1e-3)),
        ("robust=false", ("robust", False)),
        ("sigmas=[4, 2.0]", ("sigmas", [4, 2.0])),
        ("model=affine", ("model", "affine")),
        ('label="a b"', ("label", "a b")),
        ("label=a=b", ("label", "a=b")),
        ("seed=none", ("seed", "none")),
        ("label=", ("label", "")),
        ("mi.bins=8", ("mi.bins", 8)),
    ],
)
def test_an_assignment_is_read(text: str, expected: tuple[str, Any]) -> None:
    assert parse_assignment(text) == expected


@pytest.mark.parametrize("text", ["bins", "=64", " = 64", ""])
def test_what_is_no_assignment_is_refused(text: str) -> None:
    with pytest.raises(ParameterError, match=f"^'{text}' is not of the form key=value"):
        parse_assignment(text)


@pytest.mark.parametrize("value", ["a\nb = 1", '"\nevil = "x'])
def test_an_assignment_sets_one_value_only(value: str) -> None:
    key, read = parse_assignment(f"label={value}")
    assert (key, read) == ("label", value)


@given(st.integers() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False))
def test_an_assignment_reads_back_what_json_writes(value: Any) -> None:
    assert parse_assignment(f"x={json.dumps(value)}") == ("x", value)


class NoDataclass:
    """Has no fields."""


@pytest.mark.parametrize(
    ("target", "name"), [(NoDataclass, "NoDataclass"), (3, "3"), (len, "len")]
)
def test_what_is_no_dataclass_is_no_method(target: Any, name: str) -> None:
    with pytest.raises(PluginError, match=f"^{name}.* must be a frozen dataclass"):
        configure(target, "mine", {})


@pytest.mark.parametrize(
    ("method", "key", "value", "words"),
    [
        ("mi", "bins", 0, r"mi: bins must be from 5 to 1024, got 0"),
        (
            "ants-rigid",
            "share",
            0.1,
            r"no parameter 'share'; it is now called 'sampling_fraction'",
        ),
        ("mi", "levels", 99, r"mi: levels must be from 1 to 8, got 99"),
        ("mi", "samples", -3, r"mi: samples must be from 100 to 1e\+09, got -3"),
        ("mi", "seed", 2**40, r"mi: seed must be from 0 to .*, got 1099511627776"),
        (
            "ants-rigid",
            "sampling_fraction",
            0.0,
            r"ants-rigid: sampling_fraction must be from 0.001 to 1, got 0.0",
        ),
    ],
)
def test_values_out_of_range_are_refused_before_anything_runs(method, key, value, words):
    with pytest.raises(ParameterError, match=words):
        build_method(method, {key: value})


@dataclass(frozen=True)
class Picky:
    needed: int
    size: int = 1
    derived: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        if self.size < 0:
            raise ValueError("a size\nbelow zero")


@dataclass(frozen=True)
class Unreadable:
    size: "NoSuchType" = None  # noqa: F821


def test_a_parameter_without_a_value_is_named() -> None:
    with pytest.raises(ParameterError, match="picky needs a value of its parameter 'needed'"):
        configure(Picky, "picky", {})
    assert configure(Picky, "picky", {"needed": 2}).needed == 2


@dataclass(frozen=True)
class LacksWeights:
    def __post_init__(self) -> None:
        raise MissingDependencyError("install the weights")


def test_an_error_of_regkit_keeps_its_class() -> None:
    with pytest.raises(MissingDependencyError, match=r"^install the weights$"):
        configure(LacksWeights, "lacking", {})


def test_any_refusal_of_a_method_is_an_error_in_one_line() -> None:
    words = "picky does not accept its parameters: ValueError: a size below zero"
    with pytest.raises(ParameterError, match=words):
        configure(Picky, "picky", {"needed": 2, "size": -1})


def test_a_type_that_does_not_exist_is_told() -> None:
    words = "the types of the parameters of Unreadable cannot be read: NameError: .*NoSuchType"
    with pytest.raises(PluginError, match=words):
        configure(Unreadable, "unreadable", {})
