"""The checkpoint of a training: one file, which is complete at any moment."""

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
from regkit.io.output_error import output_error_message
from regkit.structured_text import parse_json

CHECKPOINT_NAME = "checkpoint.safetensors"


def write_checkpoint(
    folder: Path,
    networks: Mapping[str, nn.Module],
    optimizer: Optimizer,
    facts: Mapping[str, Any],
) -> None:
    """Replace the checkpoint of a folder; killed at any moment, the old or the new one is there.

    Parameters
    ----------
    folder
        Folder of the checkpoint; made if missing.
    networks
        Networks by name.
    optimizer
        Optimizer of the first network.
    facts
        Further state as plain data, such as the step.

    Raises
    ------
    OutputError
        The folder cannot be written.
    """
    content = save(_tensors(networks, optimizer), {"facts": json.dumps(facts)})
    partial = folder / f".{CHECKPOINT_NAME}.partial"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(folder / CHECKPOINT_NAME)
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
        return dict(parse_json(stored.metadata()["facts"]))


def read_tensors(folder: Path, networks: Mapping[str, nn.Module], optimizer: Optimizer) -> None:
    """Load the checkpoint of a folder into networks and optimizer.

    Raises
    ------
    FileFormatError
        The file is damaged, or of another training.
    """
    with _opened(folder) as stored:
        tensors = {key: stored.get_tensor(key) for key in stored.keys()}  # noqa: SIM118
        for name, network in networks.items():
            network.load_state_dict(_part(tensors, f"{name}."))
        _restore(optimizer, _part(tensors, "optimizer."))


@contextmanager
def _opened(folder: Path) -> Iterator[Any]:
    """Open the checkpoint of a folder; errors name the file."""
    file = folder / CHECKPOINT_NAME
    try:
        with safe_open(file, framework="pt") as stored:
            yield stored
    except (OSError, SafetensorError, RuntimeError, KeyError, TypeError, ValueError) as error:
        first = (str(error).splitlines() or [""])[0]
        raise FileFormatError(
            f"{file} is no checkpoint of this training ({first}); delete it to begin anew"
        ) from error


def _tensors(networks: Mapping[str, nn.Module], optimizer: Optimizer) -> dict[str, Tensor]:
    found = {
        f"{name}.{key}": tensor
        for name, network in networks.items()
        for key, tensor in network.state_dict().items()
    }
    for index, state in optimizer.state_dict()["state"].items():
        found |= {f"optimizer.{index}.{key}": torch.as_tensor(v) for key, v in state.items()}
    return {key: tensor.detach().cpu().contiguous().clone() for key, tensor in found.items()}


def _restore(optimizer: Optimizer, tensors: Mapping[str, Tensor]) -> None:
    states: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        index, _, name = key.partition(".")
        states.setdefault(int(index), {})[name] = tensor
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": states, "param_groups": groups})


def _part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): t for k, t in tensors.items() if k.startswith(prefix)}
