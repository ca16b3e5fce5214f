"""Prepared cases on disk: simulated and prepared once, trained on many times."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from torch import Tensor

from regkit.datasets.case import Case, Dataset, IndexedDataset
from regkit.datasets.folder import FILE_KEYS, build_dataset, read_dataset
from regkit.errors import FileFormatError, ParameterError
from regkit.io.atomic_output import atomic_output
from regkit.parallel import map_unordered
from regkit.training import TrainingJob, TrainingProgress

SUFFIX = ".safetensors"

Arrays: TypeAlias = Mapping[str, NDArray[Any]]
Facts: TypeAlias = Mapping[str, Any]
# Turns a case into arrays by name, and plain data about it.
Prepare: TypeAlias = Callable[[Case], tuple[Arrays, Facts]]


@dataclass(frozen=True)
class Pool:
    """Where the prepared cases of a dataset are.

    Parameters
    ----------
    dataset
        Where they come from.
    folder
        Where they go.
    prepare
        What is done with each; it travels between processes.
    workers
        Processes that prepare.
    """

    dataset: Dataset
    folder: Path
    prepare: Prepare
    workers: int = 1

    def fill(self, stage: str) -> Iterator[TrainingProgress]:
        """Prepare every case that is not there yet; `stage` is what to call it."""
        total = len(self.dataset)
        if not isinstance(self.dataset, IndexedDataset):
            for index, case in enumerate(self.dataset):
                self._write(index, case)
                yield TrainingProgress(stage, index + 1, total)
            return
        missing = [i for i in range(total) if not self._file(i).exists()]
        done = total - len(missing)
        yield TrainingProgress(stage, done, total)
        for count, _ in enumerate(map_unordered(self.make, missing, self.workers), start=1):
            yield TrainingProgress(stage, done + count, total)

    def make(self, index: int) -> int:
        """Prepare one case of an indexed dataset."""
        assert isinstance(self.dataset, IndexedDataset)  # noqa: S101 - who calls has asked
        self._write(index, self.dataset.case(index))
        return index

    def load(self) -> Iterator[tuple[dict[str, Tensor], dict[str, Any]]]:
        """Read what was prepared of each case."""
        return (_read(self._file(index)) for index in range(len(self.dataset)))

    def _file(self, index: int) -> Path:
        return self.folder / f"{index:06d}{SUFFIX}"

    def _write(self, index: int, case: Case) -> None:
        arrays, facts = self.prepare(case)
        with atomic_output(self.folder) as stage:
            file = stage.path(self._file(index).name)
            save_file(dict(arrays), file, {"facts": json.dumps(facts)})


@dataclass(frozen=True)
class Source:
    """Cases to learn from, cases to validate with, and all that they depend on, as plain data."""

    train: Dataset
    validation: Dataset
    origin: Mapping[str, Any]


def source_of(job: TrainingJob, counts: tuple[int, int], parameters: Mapping[str, Any]) -> Source:
    """Return the cases of a training.

    Parameters
    ----------
    job
        Its data is a dataset folder, or the name of a dataset that a plugin offers.
    counts
        Cases to learn from and to validate with, of a dataset that is made.
    parameters
        Of such a dataset.

    Raises
    ------
    FileFormatError, UnknownNameError
        The dataset is no folder and no name.
    ParameterError
        A dataset folder has too few cases.
    """
    if Path(job.data).exists():
        folder = Path(job.data).resolve()
        return Source(*_from_folder(folder), {"folder": str(folder), "version": _version(folder)})
    train, validation = (
        build_dataset(job.data, {**parameters, "n": n, "split": split}, job.registry)
        for n, split in zip(counts, ("train", "validation"), strict=True)
    )
    return Source(train, validation, {"name": job.data, "parameters": dict(parameters)})


def _version(path: Path) -> str:
    """Return what changes when a dataset folder does: its index, or any file that it names."""
    folder = read_dataset(path)
    state = hashlib.sha256(json.dumps([dict(e) for e in folder.entries]).encode())
    names = {entry[key] for entry in folder.entries for key in FILE_KEYS if entry.get(key)}
    for file in sorted(folder.folder / name for name in names):
        status = file.stat()
        state.update(f"{file} {status.st_size} {status.st_mtime_ns}".encode())
    return state.hexdigest()


def _from_folder(path: Path) -> tuple[Dataset, Dataset]:
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


def _read(file: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    try:
        with safe_open(file, framework="pt") as stored:
            facts = json.loads(stored.metadata()["facts"])
            names = stored.keys()
            return {name: stored.get_tensor(name) for name in names}, facts
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise FileFormatError(f"{file} is damaged; delete it to have it made again") from error
