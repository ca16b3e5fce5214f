"""Where torch computes."""

from __future__ import annotations

import torch

from regkit.errors import ParameterError


def check_device(name: str) -> None:
    """Refuse a device that is not there.

    Raises
    ------
    ParameterError
        Torch does not know the name, or has no such device here.
    """
    try:
        torch.empty(1, device=name)
    except (RuntimeError, AssertionError) as error:
        raise ParameterError(f"device '{name}' cannot be used here; use cpu") from error
