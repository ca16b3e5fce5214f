"""A network with its trained weights."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from regkit.geometry.grid import FloatArray
from regkit.learning.restore import last_changed, restored
from regkit.weights import Weights, open_weights
from regkit_pairnets.card import Card
from regkit_pairnets.catalogue import build_network
from regkit_pairnets.networks.pair_network import PairNetwork

PACKAGE = "regkit_pairnets"


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """A network in evaluation mode, and its card."""

    network: PairNetwork
    card: Card
    device: torch.device

    def numbers(self, fixed: NDArray[np.float32], moving: NDArray[np.float32]) -> FloatArray:
        """Return the six numbers of two prepared images (z, y, x), as the card's convention."""
        inputs = [self._tensor(a) for a in self._ordered(fixed, moving)]
        with torch.inference_mode():
            outputs = self.network(*inputs)[0].double().cpu().numpy()
        return np.asarray(outputs * self.card.units)

    def _ordered(
        self, fixed: NDArray[np.float32], moving: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        return (fixed, moving) if self.card.first == "fixed" else (moving, fixed)

    def _tensor(self, array: NDArray[np.float32]) -> torch.Tensor:
        ordered = array.transpose() if self.card.convention.axes == "xyz" else array
        return torch.from_numpy(np.ascontiguousarray(ordered))[None, None].to(self.device)


def load_network(name: str, device: torch.device) -> TrainedNetwork:
    """Load weights by name or path, once per process and file.

    Raises
    ------
    MissingDependencyError
        There are no weights of this name.
    FileFormatError
        The file or its card is missing or damaged, or they do not fit each other.
    """
    weights = open_weights(name, PACKAGE)
    return _loaded(weights.file, last_changed(weights), device)


@lru_cache(maxsize=4)
def _loaded(file: Path, changed: tuple[int, ...], device: torch.device) -> TrainedNetwork:  # noqa: ARG001 - a changed file is another one
    weights = Weights(file, "file")
    card = Card.from_json(weights.card, file)
    weights.verify()
    grid = card.grid((0.0, 0.0, 0.0))
    network = build_network(card.network, card.convention.shape(grid), **card.switches)
    network = restored(network, file, card.network)
    return TrainedNetwork(network.to(device), card, device)
