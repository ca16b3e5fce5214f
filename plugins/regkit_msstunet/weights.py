"""A network with its trained weights."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch

from regkit.learning.restore import last_changed, restored
from regkit.weights import Weights, open_weights
from regkit_msstunet.card import Card
from regkit_msstunet.catalogue import build_network
from regkit_msstunet.networks.reorienter import Reorienter

PACKAGE = "regkit_msstunet"


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """A network in evaluation mode, and its card."""

    network: Reorienter
    card: Card
    device: torch.device


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
    network = build_network(card.size, card.network, **card.switches)
    network = restored(network, file, card.network)
    return TrainedNetwork(network.to(device), card, device)
