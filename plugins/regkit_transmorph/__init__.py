"""TransMorph-affine for whole-body PET/CT: network, training, and refinement of each pair."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from regkit_transmorph.catalogue import build_transmorph as build_transmorph
    from regkit_transmorph.catalogue import variant_names as variant_names

# Imported on first use: naming the methods of this package must not import torch.
_HOMES = {"build_transmorph": "catalogue", "variant_names": "catalogue"}

__all__ = ["build_transmorph", "variant_names"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'regkit_transmorph' has no attribute '{name}'")
    return getattr(importlib.import_module(f"regkit_transmorph.{_HOMES[name]}"), name)
