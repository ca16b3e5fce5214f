"""Trained weights loaded into their network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor, nn

from regkit.errors import FileFormatError, ParameterError
from regkit.learning.card import ModelCard
from regkit.learning.device import device_named
from regkit.weights import CARD_SUFFIX, Weights, open_weights

C = TypeVar("C", bound=ModelCard)
N = TypeVar("N", bound=nn.Module)
# Loaded models kept for the next registration: as many as one comparison usually has.
CACHE_SIZE = 4


@dataclass(frozen=True, eq=False)
class TrainedModel(Generic[C]):
    """A network in evaluation mode with its trained weights, and its card.

    Parameters
    ----------
    network
        The network, on the device.
    card
        Card of the weights.
    device
        Device that the network computes on.
    """

    network: Any
    card: C
    device: torch.device

    def predict(self, *images: NDArray[np.float32]) -> Tensor:
        """Return the network's output for one case, (1, ...) in double precision on the CPU.

        Parameters
        ----------
        images
            Inputs of the network in its order, each without the axes of batch and channel.
        """
        inputs = [
            torch.from_numpy(np.array(image, order="C"))[None, None].to(self.device)
            for image in images
        ]
        with torch.inference_mode():
            output: Tensor = self.network(*inputs)
        return output.double().cpu()

    @property
    def diagnostics(self) -> dict[str, Any]:
        """Facts of the model for `regkit.registrar.Estimate.diagnostics`."""
        return {
            "device": str(self.device),
            "network": self.card.network,
            "sha256": self.card.sha256,
        }


def load_model(name: str, card: type[C], device: str | torch.device = "auto") -> TrainedModel[C]:
    """Return a network with its trained weights; each file is loaded once until it changes.

    Parameters
    ----------
    name
        Name of installed or shipped weights, or a ``.safetensors`` file with its card beside it.
    card
        Class of the card; its `ModelCard.package` may ship the weights.
    device
        ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or a torch device.

    Raises
    ------
    MissingDependencyError
        There are no weights of this name.
    FileFormatError
        The file or its card is missing or damaged, or they do not fit each other.
    ParameterError
        The device cannot be used.
    """
    on = device_named(device) if isinstance(device, str) else device
    weights = open_weights(name, card.package)
    model: TrainedModel[C] = _load(weights.file, modification_times(weights), card, on)
    return model


@lru_cache(maxsize=CACHE_SIZE)
def _load(
    file: Path,
    changed: tuple[int, ...],  # noqa: ARG001 - part of the cache's key
    kind: type[C],
    device: torch.device,
) -> TrainedModel[C]:
    weights = Weights(file, "file")
    card = kind.from_json(weights.card, file)
    weights.verify()
    try:
        _check_size(card, file)
        network = card.build_network()
    except (TypeError, ValueError, ArithmeticError, ParameterError) as error:
        raise FileFormatError(f"the card of {file} describes no network: {error}") from error
    return TrainedModel(load_state(network, file, card.network).to(device), card, device)


def _check_size(card: ModelCard, file: Path) -> None:
    """Refuse a network of other sizes than its weights before memory is taken for it."""
    try:
        with torch.device("meta"):  # tensors without values
            network = card.build_network()
    except (RuntimeError, NotImplementedError):  # it computes with values when it is built
        return
    wanted = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    with _readable(file), safe_open(file, framework="pt") as stored:
        there = {name: tuple(stored.get_slice(name).get_shape()) for name in stored.keys()}  # noqa: SIM118
    if wanted != there:
        raise FileFormatError(_unfit(file, card.network))


def _unfit(file: Path, name: str) -> str:
    return f"{file} does not fit the network of its card ({name}); train it again"


@contextmanager
def _readable(file: Path) -> Iterator[None]:
    """Name the file in errors of reading it."""
    try:
        yield
    except (SafetensorError, OSError) as error:
        raise FileFormatError(f"{file} is no safetensors file: {error}") from error


def modification_times(weights: Weights) -> tuple[int, ...]:
    """Return the times in ns at which weights and card were written, 0 for a missing file."""
    both = (weights.file, weights.file.with_suffix(CARD_SUFFIX))
    return tuple(path.stat().st_mtime_ns if path.exists() else 0 for path in both)


def load_state(network: N, file: Path, name: str, prefix: str = "") -> N:
    """Load weights into a network and put it into evaluation mode.

    Parameters
    ----------
    network
        Network of the same architecture, or a part of it.
    file
        The safetensors file.
    name
        Name of the network on the card, for errors.
    prefix
        Prefix of the names of the part's tensors in the file; empty for the whole network.

    Raises
    ------
    FileFormatError
        The file is damaged, or is of another network.
    """
    try:
        with _readable(file):
            state = load_file(file)
        own = {k.removeprefix(prefix): t for k, t in state.items() if k.startswith(prefix)}
        network.load_state_dict(own)
    except RuntimeError as error:
        if prefix:
            raise FileFormatError(
                f"{file} holds no {prefix.rstrip('.')} like this network's; choose other weights"
            ) from error
        raise FileFormatError(_unfit(file, name)) from error
    return network.eval()
