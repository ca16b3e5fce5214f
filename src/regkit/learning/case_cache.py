"""Preprocessed cases on disk: simulated and preprocessed once, trained on many times."""

from __future__ import annotations

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
from regkit.errors import FileFormatError
from regkit.io.atomic_output import atomic_output
from regkit.learning.training_job import TrainingProgress
from regkit.parallel import map_unordered
from regkit.structured_text import parse_json
from regkit.weights import SUFFIX

Arrays: TypeAlias = Mapping[str, NDArray[Any]]
Facts: TypeAlias = Mapping[str, Any]
# Preprocesses a case: returns arrays by name, and plain data about them.
PrepareCase: TypeAlias = Callable[[Case], tuple[Arrays, Facts]]


@dataclass(frozen=True)
class CaseCache:
    """The preprocessed cases of a dataset, one file each.

    Parameters
    ----------
    dataset
        Original cases.
    folder
        Folder of the files.
    prepare
        Function that preprocesses a case; it must be picklable if there are several workers.
    num_workers
        Number of processes that preprocess.
    """

    dataset: Dataset
    folder: Path
    prepare: PrepareCase
    num_workers: int = 1

    def build(self, stage: str) -> Iterator[TrainingProgress]:
        """Preprocess every case that has no file yet.

        Parameters
        ----------
        stage
            Name of this work, for the progress shown.
        """
        total = len(self.dataset)
        if not isinstance(self.dataset, IndexedDataset):
            for index, case in enumerate(self.dataset):
                self._write(index, case)
                yield TrainingProgress(stage, index + 1, total)
            return
        missing = [i for i in range(total) if not self._file(i).exists()]
        done = total - len(missing)
        yield TrainingProgress(stage, done, total)
        written = map_unordered(self.write_case, missing, self.num_workers)
        for count, _ in enumerate(written, start=1):
            yield TrainingProgress(stage, done + count, total)

    def write_case(self, index: int) -> int:
        """Preprocess one case of an indexed dataset; return its index."""
        assert isinstance(self.dataset, IndexedDataset)  # noqa: S101 - `build` has checked
        self._write(index, self.dataset.case(index))
        return index

    def load(self) -> Iterator[tuple[dict[str, Tensor], dict[str, Any]]]:
        """Yield tensors and facts of each case.

        Raises
        ------
        FileFormatError
            A file is damaged.
        """
        return (_read(self._file(index)) for index in range(len(self.dataset)))

    def _file(self, index: int) -> Path:
        return self.folder / f"{index:06d}{SUFFIX}"

    def _write(self, index: int, case: Case) -> None:
        arrays, facts = self.prepare(case)
        with atomic_output(self.folder) as stage:
            file = stage.path(self._file(index).name)
            save_file(dict(arrays), file, {"facts": json.dumps(facts)})


def _read(file: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    try:
        with safe_open(file, framework="pt") as stored:
            facts = parse_json(stored.metadata()["facts"])
            names = stored.keys()
            return {name: stored.get_tensor(name) for name in names}, facts
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        raise FileFormatError(f"{file} is damaged; delete it to have it made again") from error
