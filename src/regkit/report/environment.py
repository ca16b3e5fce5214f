"""The machine and the packages of a run, as a record tells them: nothing that names the host."""

from __future__ import annotations

import os
import platform
import sys
from functools import cache
from pathlib import Path

from regkit.errors import PluginError
from regkit.plugin import MethodSpec
from regkit.registration.expression import method_names
from regkit.registration.run import versions
from regkit.registry import RegisteredSpec, default_registry
from regkit.version import package_version

# Environment variables that change how numbers are computed, and which methods there are.
VARIABLES = (
    "CUBLAS_WORKSPACE_CONFIG", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS", "MKL_NUM_THREADS",
    "NUMBA_DISABLE_JIT", "NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS",
    "REGKIT_DISABLE_PLUGINS",
)  # fmt: skip


def environment(device: str = "cpu") -> dict[str, str | int | dict[str, str]]:
    """Return the machine of a run as plain data.

    Parameters
    ----------
    device
        Device of the computation, as torch names it.
    """
    told: dict[str, str | int | dict[str, str]] = {
        "system": platform.system(),
        "machine": platform.machine(),
        "libc": " ".join(part for part in platform.libc_ver() if part),
        "processor": _processor(),
        "cores": os.cpu_count() or 0,
    }
    if device != "cpu":
        told["gpu"] = _gpu(device)
    variables = {name: os.environ[name] for name in VARIABLES if name in os.environ}
    return told | ({"variables": variables} if variables else {})


def method_versions(expression: str) -> dict[str, str]:
    """Return the versions of Python, of regkit's packages, and of those of a method's plugins."""
    found = versions()
    for method in _methods(expression):
        if method.owner.distribution:
            found[method.owner.distribution] = method.owner.version
        packages = (requirement.partition("[")[0] for requirement in method.spec.requires.values())
        found |= {package: package_version(package) for package in packages}
    return found


def _methods(expression: str) -> list[RegisteredSpec[MethodSpec]]:
    """Return the methods of an expression; none for a registrar that has another name."""
    try:
        return [default_registry().method(name) for name in method_names(expression)]
    except PluginError:
        return []


@cache
def _processor() -> str:
    """Return the model of the processor; empty if the system does not tell it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.processor())


def _gpu(device: str) -> str:
    torch = sys.modules.get("torch")
    return "" if torch is None else str(torch.cuda.get_device_name(device))
