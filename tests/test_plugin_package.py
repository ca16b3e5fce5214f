"""The example of a third-party package, installed beside regkit and found like any other."""

import json
import tomllib
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from regkit import register
from regkit.cli import app
from regkit.datasets.case import Case, Dataset
from regkit.metrics.evaluation import Evaluation, evaluate
from regkit.registry import Registry, default_registry
from regkit.testing import method_tests

PACKAGE = Path(__file__).parents[1] / "examples" / "plugin_package"

test_edge_shift = pytest.mark.conformance(method_tests("edge-shift"))


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    return list(default_registry().dataset("tiny-thorax").load()())


def test_everything_it_offers_has_it_as_owner() -> None:
    registry = default_registry()
    found = (
        registry.method("edge-shift"),
        registry.metric("worst_tre_mm"),
        registry.dataset("tiny-thorax"),
    )
    assert {offer.owner.distribution for offer in found} == {"regkit-example-plugin"}
    assert {offer.owner.name for offer in found} == {"example"}
    assert all(offer.spec.summary for offer in found)


def test_its_owner_has_the_version_it_declares() -> None:
    declared = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    owner = default_registry().method("edge-shift").owner
    assert (owner.distribution, owner.version) == (declared["name"], declared["version"])


def test_the_command_line_lists_it() -> None:
    listed = json.loads(CliRunner().invoke(app, ["methods", "--json"]).stdout)
    row = next(m for m in listed if m["name"] == "edge-shift")
    assert (row["plugin"], row["distribution"]) == ("example", "regkit-example-plugin")


def test_its_dataset_holds_cases_with_true_answers(cases: list[Case]) -> None:
    dataset = default_registry().dataset("tiny-thorax").load()()
    assert isinstance(dataset, Dataset)
    assert len(dataset) == len(cases) == 4
    assert len({case.id for case in cases}) == 4
    assert all(case.truth is not None for case in cases)


def test_its_method_solves_its_dataset_by_its_metric(cases: list[Case]) -> None:
    """The worst point of a pure shift is as far off as any: half a 9 mm voxel is allowed."""
    metrics = {name: default_registry().metric(name).load() for name in ("worst_tre_mm", "tre_mm")}
    for case in cases:
        result = register(case.pair.fixed, case.pair.moving, "edge-shift")
        scores = evaluate(case, result, metrics)
        assert scores["worst_tre_mm"] < 4.5
        assert scores["worst_tre_mm"] == pytest.approx(scores["tre_mm"], abs=1e-6)


def test_its_metric_is_the_largest_distance(cases: list[Case]) -> None:
    case = cases[0]
    result = register(case.pair.fixed, case.pair.moving, "identity")
    worst = default_registry().metric("worst_tre_mm").load()(Evaluation(case, result))
    assert worst == pytest.approx(np.linalg.norm((12, 0, 0)))


def test_no_plugins_leaves_it_out() -> None:
    registry = Registry(builtin_only=True)
    assert "edge-shift" not in {offer.spec.name for offer in registry.methods}
    left_out = {p.name: p.problem for p in registry.plugins if p.problem}
    assert left_out["example"] == "left out: only built-in plugins were asked for"
    assert {p.distribution for p in registry.plugins if not p.problem} == {"regkit-imaging"}


def test_the_method_is_about_thirty_lines() -> None:
    """As regkit's README promises."""
    source = (PACKAGE / "src/regkit_example/edge_shift.py").read_text()
    assert sum(bool(line.strip()) for line in source.splitlines()) <= 35
