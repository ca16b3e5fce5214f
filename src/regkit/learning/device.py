"""Torch devices by name."""

from __future__ import annotations

import torch

from regkit.errors import DeviceError
from regkit.registration.device import DEVICE_NAMES, check_device_name

NO_GPU = "there is no GPU that torch can use"


def device_named(name: str) -> torch.device:
    """Return the torch device of a name; ``auto`` is a GPU if there is one.

    Raises
    ------
    ParameterError
        The name has another form, or torch has no such device here (`DeviceError`).
    """
    check_device_name(name)
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        count = torch.cuda.device_count()
        there_is = (
            f"torch finds {count} GPU{'s'[: count != 1]}, numbered from 0" if count else NO_GPU
        )
        raise DeviceError(f"'{name}' cannot be used here: {there_is}; {DEVICE_NAMES}") from error
