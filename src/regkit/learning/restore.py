"""From a file of weights to a network ready for use."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from regkit.errors import FileFormatError
from regkit.weights import CARD_SUFFIX, Weights

N = TypeVar("N", bound=nn.Module)


def last_changed(weights: Weights) -> tuple[int, ...]:
    """Return when a file of weights and its card were last written, 0 for one that is missing."""
    both = (weights.file, weights.file.with_suffix(CARD_SUFFIX))
    return tuple(path.stat().st_mtime_ns if path.exists() else 0 for path in both)


def restored(network: N, file: Path, name: str, within: str = "") -> N:
    """Put weights into a network; return it in evaluation mode.

    Parameters
    ----------
    network
        As the card describes it.
    file
        A safetensors file.
    name
        What the card calls the network, for the words of an error.
    within
        What the names of its tensors begin with, where the file has others too.

    Raises
    ------
    FileFormatError
        The file is damaged, or is of another network.
    """
    try:
        state = load_file(file)
        own = {k.removeprefix(within): t for k, t in state.items() if k.startswith(within)}
        network.load_state_dict(own)
    except (SafetensorError, OSError) as error:
        raise FileFormatError(f"{file} is no safetensors file: {error}") from error
    except RuntimeError as error:
        if within:
            raise FileFormatError(
                f"{file} holds no {within.rstrip('.')} like this network's; choose other weights"
            ) from error
        raise FileFormatError(
            f"{file} does not fit the network of its card ({name}); train it again"
        ) from error
    return network.eval()
