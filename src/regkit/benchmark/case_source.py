"""Reference to the cases of a benchmark, as plain data that any process can open."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from regkit.datasets.case import Case, Dataset, IndexedDataset
from regkit.datasets.folder import build_dataset, read_dataset
from regkit.errors import BenchmarkError, UnknownNameError
from regkit.registry import Registry


@dataclass(frozen=True)
class DatasetRef:
    """A dataset by its name or by the path of its folder.

    Parameters
    ----------
    place
        Name of a plugin's dataset, or path of a dataset folder, table of pairs or Learn2Reg JSON.
    parameters
        Parameters of a named dataset.
    split
        Split of the cases to use (``train``, ``validation``, ``test``); empty for all.
    limit
        Number of cases to use, the first ones; 0 for all.
    """

    place: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    split: str = ""
    limit: int = 0

    def open(self, registry: Registry) -> CaseReader:
        """Return a reader of the cases; none is read yet.

        Raises
        ------
        RegkitError
            Neither a dataset's name nor a folder, a wrong parameter, or no case at all.
        """
        cases = CaseReader(self._dataset(registry), self.limit)
        if not cases.ids:
            in_split = f" in the split '{self.split}'" if self.split else ""
            raise BenchmarkError(f"{self.place} has no cases{in_split}")
        return cases

    def _dataset(self, registry: Registry) -> Dataset:
        available = {offer.spec.name for offer in registry.datasets}
        if self.place in available:
            split = {"split": self.split} if self.split else {}
            return build_dataset(self.place, {**self.parameters, **split}, registry)
        if not Path(self.place).exists():
            raise UnknownNameError(
                f"'{self.place}' is neither a dataset nor a dataset folder or table of pairs; "
                f"available: {', '.join(sorted(available)) or 'none'}{registry.disabled_hint}"
            )
        if self.parameters:
            raise BenchmarkError(
                f"{self.place} is a folder and has no parameter '{next(iter(self.parameters))}'"
            )
        folder = read_dataset(self.place)
        return folder.split(self.split) if self.split else folder


class CaseReader:
    """Read the cases of a dataset in any order, one in memory at a time.

    Parameters
    ----------
    dataset
        Indexed dataset, or one that can only be iterated: going back starts it again.
    limit
        Number of cases, the first ones; 0 for all.
    """

    def __init__(self, dataset: Dataset, limit: int = 0) -> None:
        self.name = dataset.name
        self._dataset = dataset
        self._limit = limit or None
        self._iterator: Iterator[Case] = iter(())
        self._next = -1
        self._ids: tuple[str, ...] | None = None

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the cases; a dataset without an index reads all its cases for that, once."""
        if self._ids is None:
            self._ids = tuple(self._all_ids())[: self._limit]
        return self._ids

    def _all_ids(self) -> Iterable[str]:
        if isinstance(self._dataset, IndexedDataset):
            return self._dataset.ids
        return (case.id for case in self._dataset)

    def case(self, index: int) -> Case:
        """Return the case at an index of the dataset's order."""
        if isinstance(self._dataset, IndexedDataset):
            return self._dataset.case(index)
        if self._next < 0 or index < self._next:
            self._iterator, self._next = iter(self._dataset), 0
        try:
            while self._next < index:
                self._step()
            return self._step()
        except StopIteration:
            raise BenchmarkError(f"{self.name} ended before its case {index + 1}") from None

    def case_of(self, index: int, case_id: str) -> Case:
        """Return the case at an index, whose id is known from before.

        Raises
        ------
        BenchmarkError
            The dataset has another case there.
        """
        case = self.case(index)
        if case.id != case_id:
            raise BenchmarkError(
                f"the dataset has case {case.id} in place of {case_id}; it must not change during "
                "a benchmark"
            )
        return case

    def _step(self) -> Case:
        self._next += 1  # also where reading the case fails
        return next(self._iterator)
