"""Torch devices by name."""

from __future__ import annotations

import torch

from regkit.errors import ParameterError

DEVICE_NAMES = "device takes auto, cpu, cuda or cuda:N"


def device_named(name: str) -> torch.device:
    """Return the torch device of a name; ``auto`` is a GPU if there is one.

    Raises
    ------
    ParameterError
        Torch does not know the name, or has no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        raise ParameterError(f"{DEVICE_NAMES}; '{name}' cannot be used here") from error
    if device.type not in {"cpu", "cuda"}:
        raise ParameterError(f"{DEVICE_NAMES}, got '{name}'")
    return device
