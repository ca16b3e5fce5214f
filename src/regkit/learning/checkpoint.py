"""A training's state as one file, which is whole at any moment."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.optim import Optimizer

from regkit.errors import FileFormatError, OutputError
from regkit.io.atomic_output import output_error_message

NAME = "checkpoint.safetensors"


def write_checkpoint(
    folder: Path,
    networks: Mapping[str, nn.Module],
    optimiser: Optimizer,
    facts: Mapping[str, Any],
) -> None:
    """Replace the checkpoint of a folder; killed at any moment, the old or the new one is there.

    Parameters
    ----------
    folder
        Where it is; made if missing.
    networks
        Name -> network.
    optimiser
        Of the first of them.
    facts
        Plain data, such as the step.

    Raises
    ------
    OutputError
        The folder cannot be written.
    """
    content = save(_tensors(networks, optimiser), {"facts": json.dumps(facts)})
    partial = folder / f".{NAME}.partial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(folder / NAME)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise OutputError(output_error_message(folder, error)) from error


def read_facts(folder: Path) -> dict[str, Any]:
    """Return the facts of a folder's checkpoint.

    Raises
    ------
    FileFormatError
        The file is damaged.
    """
    with _opened(folder) as stored:
        return dict(json.loads(stored.metadata()["facts"]))


def read_tensors(folder: Path, networks: Mapping[str, nn.Module], optimiser: Optimizer) -> None:
    """Put networks and optimiser into the state of a folder's checkpoint.

    Raises
    ------
    FileFormatError
        The file is damaged, or of another training.
    """
    with _opened(folder) as stored:
        tensors = {key: stored.get_tensor(key) for key in stored.keys()}  # noqa: SIM118
        for name, network in networks.items():
            network.load_state_dict(_part(tensors, f"{name}."))
        _restore(optimiser, _part(tensors, "optimiser."))


@contextmanager
def _opened(folder: Path) -> Iterator[Any]:
    """Open a folder's checkpoint; whatever goes wrong with it is said of the file."""
    file = folder / NAME
    try:
        with safe_open(file, framework="pt") as stored:
            yield stored
    except (OSError, SafetensorError, RuntimeError, KeyError, TypeError, ValueError) as error:
        first = (str(error).splitlines() or [""])[0]
        raise FileFormatError(
            f"{file} is no checkpoint of this training ({first}); delete it to begin anew"
        ) from error


def _tensors(networks: Mapping[str, nn.Module], optimiser: Optimizer) -> dict[str, Tensor]:
    found = {
        f"{name}.{key}": tensor
        for name, network in networks.items()
        for key, tensor in network.state_dict().items()
    }
    for index, state in optimiser.state_dict()["state"].items():
        found |= {f"optimiser.{index}.{key}": torch.as_tensor(v) for key, v in state.items()}
    return {key: tensor.detach().cpu().contiguous().clone() for key, tensor in found.items()}


def _restore(optimiser: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    states: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        index, _, name = key.partition(".")
        states.setdefault(int(index), {})[name] = tensor
    groups = optimiser.state_dict()["param_groups"]
    optimiser.load_state_dict({"state": states, "param_groups": groups})


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): t for k, t in tensors.items() if k.startswith(prefix)}
