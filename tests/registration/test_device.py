"""A GPU reaches the methods that can use one, and is refused in one line for all others."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint

import pytest

from regkit.errors import DeviceError, ParameterError
from regkit.plugin import MethodSpec, hookimpl
from regkit.registrar import Estimate, Pair
from regkit.registration.device import gpu_methods
from regkit.registration.pipeline import Pipeline, build_method
from regkit.registry import Registry, default_registry


@dataclass(frozen=True)
class OnEither:
    device: str = "auto"

    def register(self, pair: Pair) -> Estimate:
        return Estimate(pair.start)


@dataclass(frozen=True)
class OnCpu:
    def register(self, pair: Pair) -> Estimate:
        return Estimate(pair.start)


@hookimpl
def regkit_methods() -> Iterable[MethodSpec]:
    made = {"either": "OnEither", "cpu": "OnCpu", "other-cpu": "OnCpu"}
    return [MethodSpec(name=n, target=f"{__name__}:{target}") for n, target in made.items()]


REGISTRY = Registry([EntryPoint("made", __name__, "regkit")])


def built(expression: str, device: str) -> object:
    return build_method(expression, {}, REGISTRY, {"device": device})


@pytest.mark.parametrize("device", ["auto", "cpu", "cuda", "cuda:1"])
def test_a_method_gets_the_device(device: str) -> None:
    assert built("either", device) == OnEither(device)


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_what_runs_on_the_cpu_runs_there(device: str) -> None:
    assert built("cpu", device) == OnCpu()


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("cpu", "cpu runs on the CPU only, not on 'cuda:1'; methods that can use a GPU: none"),
        ("cpu+other-cpu", "cpu and other-cpu run on the CPU only, not on 'cuda:1'; .*: none$"),
        ("cpu,other-cpu", "cpu and other-cpu run on the CPU only"),
    ],
)
def test_a_gpu_that_nothing_would_use_is_refused(expression: str, says: str) -> None:
    with pytest.raises(DeviceError, match=says):
        built(expression, "cuda:1")


def test_a_stage_that_stays_on_the_cpu_is_told(caplog: pytest.LogCaptureFixture) -> None:
    assert built("cpu+either", "cuda") == Pipeline((OnCpu(), OnEither("cuda")))
    assert caplog.messages == ["cpu runs on the CPU only; the rest of the chain runs on 'cuda'"]


@pytest.mark.parametrize("device", ["gpu", "cuda:x", "", "mps"])
def test_another_word_is_refused_for_every_method(device: str) -> None:
    with pytest.raises(ParameterError, match=f"auto, cpu, cuda or cuda:N, got '{device}'"):
        built("cpu", device)


def test_the_methods_of_regkit_that_can_use_a_gpu() -> None:
    able = list(gpu_methods(default_registry(builtin_only=True)))
    assert {"iso", "dusfe", "transmorph-mi-iso"} <= set(able)
    assert not {"identity", "mi", "fast-mi", "fast-cr", "mind"} & set(able)
    for name in able:
        build_method(name, {}, default_registry(builtin_only=True), {"device": "cuda"})
    with pytest.raises(DeviceError, match=f"mi runs on the CPU only, .*: {', '.join(able)}$"):
        build_method("mi", {}, default_registry(builtin_only=True), {"device": "cuda"})
