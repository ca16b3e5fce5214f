"""Devices by name. A method that can use a GPU declares it by its parameter ``device``."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from typing import Any

from regkit.errors import DeviceError, ParameterError, RegkitError
from regkit.plugin import MethodSpec
from regkit.registration.parameters import configure, parameters_of
from regkit.registry import Registry
from regkit.version import DISTRIBUTION

logger = logging.getLogger(__name__)

DEVICE_NAMES = "device takes auto, cpu, cuda or cuda:N"


def check_device_name(name: str) -> None:
    """Raise `ParameterError` unless a text has the form of a device."""
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", name):
        raise ParameterError(f"{DEVICE_NAMES}, got '{name}'")


def is_gpu(name: str) -> bool:
    """Return True for a device that must be a GPU; ``auto`` only may be one."""
    return name.startswith("cuda")


def check_gpu_is_usable(targets: Mapping[str, Any], name: str, registry: Registry) -> None:
    """Refuse a GPU for methods that all compute on the CPU; warn where only some do.

    Parameters
    ----------
    targets
        Classes of the methods of one expression by name.
    name
        Device that was asked for.
    registry
        Source of the methods that the message proposes instead.

    Raises
    ------
    DeviceError
        None of the methods can use a GPU.
    """
    check_device_name(name)
    if not is_gpu(name):
        return
    cpu_only = [method for method, target in targets.items() if not _can_use_gpu(target)]
    if not cpu_only:
        return
    runs = f"{' and '.join(cpu_only)} run{'s' if len(cpu_only) == 1 else ''} on the CPU only"
    if len(cpu_only) == len(targets):
        able = ", ".join(gpu_methods(registry)) or "none"
        raise DeviceError(f"{runs}, not on '{name}'; methods that can use a GPU: {able}")
    logger.warning("%s; the rest of the chain runs on '%s'", runs, name)


def gpu_methods(registry: Registry) -> Iterable[str]:
    """Yield the names of the methods of regkit itself that can use a GPU.

    Code of other packages is not imported for a list.
    """
    for entry in registry.methods:
        own = entry.owner.distribution == DISTRIBUTION and not entry.problem
        if own and _takes_gpu(entry.load(), entry.spec):
            yield entry.spec.name


def _takes_gpu(target: Any, spec: MethodSpec) -> bool:
    """Return True for a method that takes a GPU with its own settings."""
    if not _can_use_gpu(target):
        return False
    try:
        configure(target, spec.name, {**spec.preset, "device": "cuda"})
    except RegkitError:
        return False
    return True


def _can_use_gpu(target: Any) -> bool:
    return "device" in parameters_of(target)
