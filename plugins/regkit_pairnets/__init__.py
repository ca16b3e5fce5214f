"""Learned rigid registration of a pair of images: six networks, their training, their weights."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from regkit_pairnets.catalogue import build_pair_network as build_pair_network
    from regkit_pairnets.catalogue import pair_network_names as pair_network_names

# Imported on first use: naming the methods of this package must not import torch.
_HOMES = {"build_pair_network": "catalogue", "pair_network_names": "catalogue"}

__all__ = ["build_pair_network", "pair_network_names"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'regkit_pairnets' has no attribute '{name}'")
    return getattr(importlib.import_module(f"regkit_pairnets.{_HOMES[name]}"), name)
