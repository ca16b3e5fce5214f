"""Checks of the declaration of a method: its parameters and the cost of importing its plugin."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

from regkit.errors import RegkitError
from regkit.registrar import Registrar
from regkit.registration.parameters import configure, parameters_of
from regkit.testing.method_under_test import MethodUnderTest, require

# Packages whose import takes long; a plugin must not import them to declare its methods.
HEAVY = (
    "numpy", "scipy", "torch", "SimpleITK", "itk", "ants", "matplotlib", "nibabel", "pydicom",
    "skimage", "pandas", "monai", "tensorflow", "jax", "sklearn", "PIL", "numba",
)  # fmt: skip

# Loads a plugin as the registry does and prints the heavy packages that this imported.
PROBE = """
import sys
from importlib.metadata import EntryPoint
target, *heavy = sys.argv[1:]
before = set(sys.modules)
plugin = EntryPoint("probe", target, "regkit").load()
kinds = ("methods", "metrics", "datasets", "frames", "commands")
for hook in (f"regkit_{kind}" for kind in kinds):
    list(getattr(plugin, hook, tuple)())
print(*(name for name in heavy if name in set(sys.modules) - before))
"""
PROBE_TIMEOUT_S = 60  # chosen by hand; a light declaration takes less than a second


def parameters_are_plain_data(subject: MethodUnderTest) -> None:
    """Check that the method is a frozen dataclass with defaults that JSON can hold."""
    target = subject.target
    frozen = getattr(getattr(target, "__dataclass_params__", None), "frozen", False)
    require(frozen, f"{subject.spec.target} must be a frozen dataclass of its parameters")
    require(
        issubclass(target, Registrar), f"{subject.spec.target} has no method register(self, pair)"
    )
    for parameter in parameters_of(target).values():
        require(
            parameter.default is not dataclasses.MISSING,
            f"parameter '{parameter.name}' has no default",
        )
    _round_trip(subject)


def _round_trip(subject: MethodUnderTest) -> None:
    """Require that the method can be built again from its parameters written as JSON."""
    registrar = subject.new()
    try:
        text = json.dumps(dataclasses.asdict(registrar), allow_nan=False)  # type: ignore[call-overload]
        again = configure(subject.target, subject.spec.name, json.loads(text))
    except (TypeError, ValueError, RegkitError) as error:
        require(False, f"its parameters do not survive JSON: {error}")
    else:
        require(again == registrar, f"its parameters change on the way through JSON: {text}")


def declaration_is_light(subject: MethodUnderTest) -> None:
    """Check that loading the plugin in a fresh process imports no heavy package."""
    command = [sys.executable, "-P", "-c", PROBE, subject.owner.target, *HEAVY]
    try:
        probe = subprocess.run(  # noqa: S603 - our own interpreter, our own code
            command, capture_output=True, text=True, timeout=PROBE_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        require(False, f"loading {subject.owner.target} takes over {PROBE_TIMEOUT_S} s")
        return
    reason = (probe.stderr.strip().splitlines() or ["no message"])[-1]
    require(
        probe.returncode == 0,
        f"a fresh Python process cannot load {subject.owner.target} ({reason}); "
        "install the package rather than putting it on sys.path",
    )
    loaded = probe.stdout.split()
    require(
        not loaded,
        f"loading {subject.owner.target} imports {', '.join(loaded)}; name the target as a "
        "string and import inside the module that it names",
    )
