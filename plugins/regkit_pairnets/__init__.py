"""Learned rigid registration of a pair of images: six networks, their training, their weights."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from regkit_pairnets.catalogue import build_network as build_network
    from regkit_pairnets.catalogue import network_names as network_names

# Imported on first use: naming the methods of this package must not import torch.
_HOMES = {"build_network": "catalogue", "network_names": "catalogue"}

__all__ = ["build_network", "network_names"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'regkit_pairnets' has no attribute '{name}'")
    return getattr(importlib.import_module(f"regkit_pairnets.{_HOMES[name]}"), name)
