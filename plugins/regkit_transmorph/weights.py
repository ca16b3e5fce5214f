"""A TransMorph with its trained weights."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from regkit.errors import FileFormatError, RegkitError
from regkit.geometry.grid import FloatArray
from regkit.learning.restore import last_changed, restored
from regkit.weights import Weights, open_weights
from regkit_transmorph.card import Card
from regkit_transmorph.catalogue import build_network
from regkit_transmorph.networks.affine import matrices
from regkit_transmorph.networks.transmorph_affine import TransMorphAffine

PACKAGE = "regkit_transmorph"


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """A network in evaluation mode, and its card."""

    network: TransMorphAffine
    card: Card
    device: torch.device

    def map(self, fixed: NDArray[np.float32], moving: NDArray[np.float32]) -> FloatArray:
        """Return the normalised map (3, 4) of two prepared images (z, y, x)."""
        images = (
            torch.from_numpy(np.ascontiguousarray(a))[None, None].to(self.device)
            for a in (moving, fixed)
        )
        with torch.inference_mode():
            raw = self.network(*images).double().cpu()
        found: FloatArray = matrices(raw)[0].numpy()
        return found


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


@lru_cache(maxsize=2)
def _loaded(file: Path, changed: tuple[int, ...], device: torch.device) -> TrainedNetwork:  # noqa: ARG001 - a changed file is another one
    weights = Weights(file, "file")
    card = Card.from_json(weights.card, file)
    weights.verify()
    try:
        network = build_network(card.variant, card.shape_zyx, **card.switches)
    except (TypeError, ValueError, RegkitError) as error:
        raise FileFormatError(f"the card of {file} describes no network: {error}") from error
    network = restored(network, file, card.variant)
    return TrainedNetwork(network.to(device), card, device)
