"""The cases of a training: a dataset that is simulated, or a dataset folder split by patients."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regkit.datasets.case import Dataset
from regkit.datasets.folder import FILE_KEYS, build_dataset, read_dataset
from regkit.errors import ParameterError
from regkit.learning.training_job import TrainingJob


@dataclass(frozen=True)
class TrainingData:
    """The cases of a training.

    Parameters
    ----------
    train, validation
        Cases to train on, and cases of other patients to validate with.
    origin
        All that the cases depend on, as plain data.
    """

    train: Dataset
    validation: Dataset
    origin: Mapping[str, Any]


def open_training_data(
    job: TrainingJob, counts: tuple[int, int], parameters: Mapping[str, Any]
) -> TrainingData:
    """Return the cases of a training.

    Parameters
    ----------
    job
        Training whose data is a dataset folder, or the name of a dataset that a plugin offers.
    counts
        Numbers of cases to train on and to validate with, of a simulated dataset.
    parameters
        Parameters of a simulated dataset.

    Raises
    ------
    FileFormatError, UnknownNameError
        The data is no folder and no name of a dataset.
    ParameterError
        A dataset folder has too few cases.
    """
    if Path(job.data).exists():
        folder = Path(job.data).resolve()
        origin = {"folder": str(folder), "version": _version(folder)}
        return TrainingData(*_split_folder(folder), origin)
    train, validation = (
        build_dataset(job.data, {**parameters, "n": n, "split": split}, job.registry)
        for n, split in zip(counts, ("train", "validation"), strict=True)
    )
    return TrainingData(train, validation, {"name": job.data, "parameters": dict(parameters)})


def _version(path: Path) -> str:
    """Return a digest that changes with the index of a dataset folder and any file in it."""
    folder = read_dataset(path)
    state = hashlib.sha256(json.dumps([dict(e) for e in folder.entries]).encode())
    names = {entry[key] for entry in folder.entries for key in FILE_KEYS if entry.get(key)}
    for file in sorted(folder.folder / name for name in names):
        status = file.stat()
        state.update(f"{file} {status.st_size} {status.st_mtime_ns}".encode())
    return state.hexdigest()


def _split_folder(path: Path) -> tuple[Dataset, Dataset]:
    """Split a folder as its index says, or keep the last tenth of its patients for validation."""
    folder = read_dataset(path)
    train, validation = folder.split("train"), folder.split("validation")
    if len(train) and len(validation):
        return train, validation
    groups = sorted({entry.get("group") or entry["id"] for entry in folder.entries})
    kept = set(groups[-max(1, len(groups) // 10) :])
    if len(groups) < 2:
        raise ParameterError(f"training needs two patients or more, {path} has {len(groups)}")
    parts: tuple[list[Any], list[Any]] = ([], [])
    for entry in folder.entries:
        parts[(entry.get("group") or entry["id"]) in kept].append(entry)
    one, two = (type(folder)(folder.folder, folder.name, tuple(part)) for part in parts)
    return one, two
