"""MS-ST-UNet: turns the left ventricle to its short axis, and segments it."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from regkit_msstunet.catalogue import build_reorienter as build_reorienter
    from regkit_msstunet.catalogue import reorienter_names as reorienter_names

# Imported on first use: naming the methods of this package must not import torch.
_HOMES = {"build_reorienter": "catalogue", "reorienter_names": "catalogue"}

__all__ = ["build_reorienter", "reorienter_names"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'regkit_msstunet' has no attribute '{name}'")
    return getattr(importlib.import_module(f"regkit_msstunet.{_HOMES[name]}"), name)
