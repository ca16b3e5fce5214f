"""Records as tables: one of cases by methods for every score of every dataset."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from regkit.geometry.grid import FloatArray

Bools: TypeAlias = NDArray[np.bool_]
Record: TypeAlias = Mapping[str, Any]

# What the harness measures of every run; it describes runs that ended, and is not tested.
COSTS = ("runtime_s", "peak_memory_mb")


@dataclass(frozen=True, eq=False)
class ScoreTable:
    """One score of one dataset.

    Parameters
    ----------
    dataset, name
        What was scored, and with what.
    better
        ``lower`` or ``higher``.
    methods
        The columns.
    cases
        The rows: the cases whose data support the score.
    patient
        Number of each case's patient, from 0, shape (cases,).
    values
        Shape (cases, methods); NaN where there is none.
    failed
        The method failed, or its score is not finite; shape (cases, methods).
    """

    dataset: str
    name: str
    better: str
    methods: tuple[str, ...]
    cases: tuple[str, ...]
    patient: NDArray[np.int64]
    values: FloatArray
    failed: Bools

    @property
    def sign(self) -> int:
        """1 where lower is better, else -1."""
        return -1 if self.better == "higher" else 1

    @cached_property
    def there(self) -> Bools:
        """Where there is a value or a failure; shape (cases, methods)."""
        return np.isfinite(self.values) | self.failed

    @property
    def patients(self) -> int:
        """The number of patients."""
        return int(self.patient.max(initial=-1)) + 1

    @cached_property
    def worst(self) -> float | None:
        """The worst value that any method has on any case; None if there is none."""
        known = self.values[np.isfinite(self.values)]
        if known.size == 0:
            return None
        return float(self.sign * (self.sign * known).max())

    @cached_property
    def filled(self) -> FloatArray:
        """The values, with the worst one for every failure; NaN where there is no record."""
        return np.where(self.failed, np.nan if self.worst is None else self.worst, self.values)

    @cached_property
    def order(self) -> FloatArray:
        """The values such that smaller is better and a failure is behind everything."""
        return np.where(self.failed, np.inf, self.sign * self.values)

    def per_patient(self, rows: FloatArray) -> FloatArray:
        """Add up rows of the table, shape (cases, k), over each patient's cases."""
        sums = np.zeros((self.patients, rows.shape[1]))
        np.add.at(sums, self.patient, rows)
        return sums


@dataclass
class DatasetRecords:
    """The records of one dataset.

    Parameters
    ----------
    name
        Its name.
    groups
        Case -> patient.
    records
        By case and method.
    methods
        Those that ran.
    unavailable
        Those that could not run here, with the reason.
    repeated
        How many records were there before another of the same case and method.
    """

    name: str
    groups: dict[str, str] = field(default_factory=dict)
    records: dict[tuple[str, str], Record] = field(default_factory=dict)
    methods: list[str] = field(default_factory=list)
    unavailable: dict[str, str] = field(default_factory=dict)
    repeated: int = 0


def by_dataset(records: Iterable[Record]) -> list[DatasetRecords]:
    """Sort records by dataset, case and method; of repeated ones the last counts."""
    found: dict[str, DatasetRecords] = {}
    for record in records:
        name, case, method = str(record["dataset"]), str(record["case"]), str(record["method"])
        dataset = found.setdefault(name, DatasetRecords(name))
        dataset.groups.setdefault(case, str(record.get("group") or case))
        dataset.repeated += (case, method) in dataset.records
        dataset.records[case, method] = record
    for dataset in found.values():
        _part_unavailable(dataset)
    return list(found.values())


def scores_of(dataset: DatasetRecords, better: Mapping[str, str]) -> list[ScoreTable]:
    """Return a table for every score that some record of a dataset has.

    Parameters
    ----------
    dataset
        The records.
    better
        ``lower`` or ``higher`` for every score; lower where it is not said. Empty for a
        measurement, which has no table.
    """
    names: dict[str, None] = {}
    for record in dataset.records.values():
        names.update(dict.fromkeys(record.get("scores") or ()))
    names.update(dict.fromkeys(_costs(dataset)))
    ways = {name: better.get(name, "lower") for name in names}
    tables = [_score(dataset, name, way) for name, way in ways.items() if way]
    return [table for table in tables if table.cases]


def _part_unavailable(dataset: DatasetRecords) -> None:
    """Set aside methods that could not run here at all; they did not fail."""
    ran: dict[str, bool] = {}
    for (_, method), record in dataset.records.items():
        ran[method] = ran.get(method, False) or record["status"] != "unavailable"
    dataset.methods = [method for method, did in ran.items() if did]
    dataset.unavailable = {
        method: str(record.get("error") or "no reason given")
        for (_, method), record in dataset.records.items()
        if not ran[method]
    }


def _costs(dataset: DatasetRecords) -> list[str]:
    return [
        name
        for name in COSTS
        if any(record.get(name) is not None for record in dataset.records.values())
    ]


def _score(dataset: DatasetRecords, name: str, better: str) -> ScoreTable:
    cases, methods = list(dataset.groups), dataset.methods
    row = {case: number for number, case in enumerate(cases)}
    column = {method: number for number, method in enumerate(methods)}
    values = np.full((len(cases), len(methods)), np.nan)
    failed = np.zeros(values.shape, bool)
    lacking = np.zeros(len(cases), bool)
    for (case, method), record in dataset.records.items():
        if method not in column or record["status"] == "unavailable":
            continue
        at = row[case], column[method]
        value = _value(record, name)
        if name in COSTS:
            values[at] = np.nan if record["status"] == "failed" or value is None else value
        elif record["status"] == "failed" or (value is not None and not math.isfinite(value)):
            failed[at] = True
        elif value is None:
            lacking[row[case]] = True
        else:
            values[at] = value
    # A case whose data do not support the score is no row of the table.
    kept = np.isfinite(values).any(axis=1) | (failed.any(axis=1) & ~lacking)
    numbers: dict[str, int] = {}
    kept_cases = tuple(case for case, keep in zip(cases, kept, strict=True) if keep)
    patient = [numbers.setdefault(dataset.groups[case], len(numbers)) for case in kept_cases]
    return ScoreTable(
        dataset.name,
        name,
        better,
        tuple(methods),
        kept_cases,
        np.asarray(patient, np.int64),
        values[kept],
        failed[kept],
    )


def _value(record: Record, name: str) -> float | None:
    """Return a score; NaN for one that is null, None for one that is not there."""
    home = record if name in COSTS else record.get("scores") or {}
    if name not in home or (name in COSTS and home[name] is None):
        return None
    return math.nan if home[name] is None else float(home[name])
