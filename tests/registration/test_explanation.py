"""Methods say what they explain, and do."""

import sys
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest

from phantoms import small_pair
from regkit.errors import PluginError, RegistrationError
from regkit.geometry.transform import IDENTITY
from regkit.plugin import MethodSpec, hookimpl
from regkit.registrar import Estimate, ExplainedMap, Explainer, Explanation
from regkit.registration.explanation import ExplainableMethod, explainable_method
from regkit.registry import Registry, default_registry


@dataclass(frozen=True)
class Silent:
    """A method that explains nothing."""

    def register(self, pair):
        return Estimate(pair.start)


@dataclass(frozen=True)
class Open(Silent):
    """A method that shows its fixed image, and fails for a start of its own."""

    def explain(self, pair):
        if pair.initial is None:
            raise ValueError("no start\nat all")
        return Explanation(pair.start, (ExplainedMap("all", "fixed", pair.fixed, "itself"),))


def test_all_methods_that_say_so_explain() -> None:
    named = [one for one in default_registry().methods if one.spec.explains]
    assert len(named) >= 4
    for one in named:
        assert callable(one.load().explain), one.spec.name


def test_a_method_that_says_so_and_does_not_is_named(monkeypatch) -> None:
    target = f"{__name__}:Silent"
    spec = MethodSpec(name="silent", target=target, explains="everything")
    plugin = ModuleType("silent_plugin")
    plugin.regkit_methods = hookimpl(lambda: (spec,), specname="regkit_methods")
    monkeypatch.setitem(sys.modules, "silent_plugin", plugin)
    registry = Registry([EntryPoint("silent", "silent_plugin", "regkit")])
    with pytest.raises(PluginError, match=rf"silent \({target}\) has no method explain"):
        explainable_method("silent", registry=registry)


def test_failures_are_one_line_with_the_name() -> None:
    method = ExplainableMethod("open", (), Open(), is_last=True)
    with pytest.raises(RegistrationError, match=r"^open failed: .*no start"):
        method.explain(small_pair())
    found = ExplainableMethod("open", (Silent(),), Open(), is_last=True).explain(small_pair())
    assert found.transform == IDENTITY
    assert isinstance(Open(), Explainer)
    assert not isinstance(Silent(), Explainer)
