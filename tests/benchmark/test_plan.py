import dataclasses
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regkit.benchmark.case_source import DatasetRef
from regkit.benchmark.plan import (
    CONFIG_FILE,
    Method,
    Plan,
    parse_methods,
    read_plan,
    with_parameters,
    write_plan,
)
from regkit.errors import BenchmarkError, UnknownNameError
from regkit.registry import default_registry

PLAN = Plan(
    DatasetRef("toy-cases", {"n": 3}, "test", 2),
    (Method("fine", "fine", {"seconds": 0.5}), Method("chain", "raises+fine,fine", optional=True)),
    seed=3,
)
VALUES = st.one_of(
    st.booleans(),
    st.integers(-(2**62), 2**62),
    st.floats(allow_nan=False),
    st.text(),
    st.lists(st.integers(-9, 9), max_size=3),
)
TABLES = st.dictionaries(st.text(min_size=1), VALUES, max_size=3)


def parse(*texts):
    return parse_methods(texts, default_registry())


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["fine,raises"], {"fine": "fine", "raises": "raises"}),
        (["fine", "raises, hangs"], {"fine": "fine", "raises": "raises", "hangs": "hangs"}),
        (["raises+fine"], {"raises+fine": "raises+fine"}),
        (["hangs/raises+fine"], {"hangs/raises+fine": "hangs,raises+fine"}),
        (["safe=hangs/fine,fine"], {"safe": "hangs,fine", "fine": "fine"}),
        (["fine,(hangs,raises+fine)"], {"fine": "fine", "hangs,raises+fine": "hangs,raises+fine"}),
        (["safe=(hangs,fine),raises"], {"safe": "hangs,fine", "raises": "raises"}),
    ],
)
def test_methods_are_read_from_text(texts, expected):
    assert {m.label: m.expression for m in parse(*texts)} == expected


def test_all_methods_may_lack_what_they_need():
    methods = parse("all")
    assert {m.label for m in methods} >= {"fine", "needy", "hangs"}
    assert all(m.optional for m in methods)


@pytest.mark.parametrize(
    ("texts", "error", "words"),
    [
        ([], BenchmarkError, "needs a method; give one or more with -m"),
        ([","], BenchmarkError, "needs a method"),
        (["fine,fine"], BenchmarkError, "two methods are called 'fine'; .* as in other=fine"),
        (["fyne"], UnknownNameError, "no method is called 'fyne'; did you mean fine"),
        (["=fine"], BenchmarkError, "a method has an empty label"),
        (["fine+/hangs"], UnknownNameError, "'fine.,hangs' is not a method; write a, a.b or a,b"),
        (["(fine,hangs"], UnknownNameError, "is not a method; write a, a.b or a,b"),
    ],
)
def test_methods_that_make_no_sense_are_refused(texts, error, words):
    with pytest.raises(error, match=words):
        parse(*texts)


def test_parameters_find_their_methods():
    methods = parse("quick=fine", "raises+fine")
    quick, both = with_parameters(methods, {"seed": 1, "quick.seconds": 2, "raises.bad": 3})
    assert quick.parameters == {"seed": 1, "seconds": 2}
    assert both.parameters == {"seed": 1, "raises.bad": 3}


def test_a_plan_is_read_as_it_was_written(tmp_path):
    write_plan(PLAN, tmp_path)
    assert read_plan(tmp_path / CONFIG_FILE) == PLAN


@given(of_dataset=TABLES, of_method=TABLES, label=st.text(min_size=1))
def test_any_plan_survives_toml(tmp_path_factory, of_dataset, of_method, label):
    folder = tmp_path_factory.mktemp("plan")
    plan = Plan(DatasetRef("x", of_dataset), (Method(label, "fine", of_method),))
    write_plan(plan, folder)
    assert read_plan(folder / CONFIG_FILE) == plan
    assert tomllib.loads((folder / CONFIG_FILE).read_text())["method"][0]["label"] == label


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("seed = ", r"cannot read the benchmark in .*config.toml"),
        ("seed = 1", r"config.toml: not the plan of a benchmark: 'dataset'"),
        ("method = []\n[dataset]\nplaice = 'x'", "unexpected keyword argument 'plaice'"),
    ],
)
def test_a_plan_that_cannot_be_read_is_explained(tmp_path, text, words):
    (tmp_path / CONFIG_FILE).write_text(text)
    with pytest.raises(BenchmarkError, match=words):
        read_plan(tmp_path / CONFIG_FILE)


def changed(**changes):
    return dataclasses.replace(PLAN, **changes)


@pytest.mark.parametrize(
    "plan",
    [
        PLAN,
        changed(threads=4, timeout_s=1.0, memory_mb=100),
        changed(dataset=DatasetRef("toy-cases", {"n": 3}, "test", 50)),
        changed(methods=(*PLAN.methods, Method("new", "hangs"))),
        changed(methods=(Method("new", "hangs"),)),
    ],
)
def test_a_plan_goes_on_from_one_that_it_does_not_contradict(plan):
    whole = plan.joined_with(PLAN)
    labels = dict.fromkeys([m.label for m in (*PLAN.methods, *plan.methods)])
    assert [m.label for m in whole.methods] == list(labels)
    assert whole.timeout_s == plan.timeout_s


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        (changed(seed=4), "seed: 3 there, 4 now"),
        (changed(device="cuda"), "device: auto there, cuda now"),
        (
            changed(dataset=DatasetRef("toy-stream", {"n": 3}, "test")),
            "dataset place: toy-cases there",
        ),
        (
            changed(dataset=DatasetRef("toy-cases", {}, "test")),
            "dataset parameters n: 3 there, not set now",
        ),
        (
            changed(methods=(Method("fine", "fine", {"seconds": 1.0}),)),
            "method fine parameters seconds: 0.5 there, 1.0 now",
        ),
        (changed(methods=(Method("fine", "hangs"),)), "method fine expression: fine there"),
    ],
)
def test_what_contradicts_is_named(plan, words):
    with pytest.raises(BenchmarkError, match=f"holds another benchmark .*{words}"):
        plan.joined_with(PLAN)
