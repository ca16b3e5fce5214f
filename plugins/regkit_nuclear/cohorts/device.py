"""The device on which torch computes."""

from __future__ import annotations

import torch

from regkit.errors import ParameterError


def check_device(name: str) -> None:
    """Raise an error if torch cannot use a device.

    Raises
    ------
    ParameterError
        Torch does not know the name, or this machine has no such device.
    """
    try:
        torch.empty(1, device=name)
    except (RuntimeError, AssertionError) as error:
        raise ParameterError(f"device '{name}' cannot be used here; use cpu") from error
