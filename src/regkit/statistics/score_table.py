"""Tables of cases by methods, one for every score of every dataset."""

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

# Costs, which the benchmark measures itself; they describe completed runs and are not tested.
COSTS = ("runtime_s", "peak_memory_mb")


@dataclass(frozen=True, eq=False)
class ScoreTable:
    """The values of one score on one dataset.

    Parameters
    ----------
    dataset, name
        Names of the dataset and of the score.
    better
        ``lower`` or ``higher``.
    methods
        Names of the columns.
    cases
        Ids of the rows: the cases that support the score.
    patient
        Number of each case's patient, from 0, shape (cases,).
    values
        Scores, shape (cases, methods); NaN where there is none.
    failed
        True where the method failed or its score is not finite, shape (cases, methods).
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
    def known(self) -> Bools:
        """True where there is a value or a failure, shape (cases, methods)."""
        return np.isfinite(self.values) | self.failed

    @property
    def patients(self) -> int:
        """The number of patients."""
        return int(self.patient.max(initial=-1)) + 1

    @cached_property
    def worst(self) -> float | None:
        """The worst value of any method on any case; None without values."""
        values = self.values[np.isfinite(self.values)]
        if values.size == 0:
            return None
        return float(self.sign * (self.sign * values).max())

    @cached_property
    def filled(self) -> FloatArray:
        """The values, with the worst one in place of failures; NaN where there is no record."""
        return np.where(self.failed, np.nan if self.worst is None else self.worst, self.values)

    @cached_property
    def order(self) -> FloatArray:
        """The values with a sign that makes smaller ones better; infinite for failures."""
        return np.where(self.failed, np.inf, self.sign * self.values)

    def per_patient(self, rows: FloatArray) -> FloatArray:
        """Return the sums over each patient's cases of rows of shape (cases, k)."""
        sums = np.zeros((self.patients, rows.shape[1]))
        np.add.at(sums, self.patient, rows)
        return sums


@dataclass
class DatasetRecords:
    """The records of one dataset.

    Parameters
    ----------
    name
        Name of the dataset.
    groups
        Patient of each case.
    records
        Last record of each case and method.
    methods
        Names of the methods that ran.
    unavailable
        Methods that could not run here, with the reason.
    repeated
        Number of records that a later one of the same case and method replaces.
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
        _separate_unavailable(dataset)
    return list(found.values())


def scores_of(dataset: DatasetRecords, better: Mapping[str, str]) -> list[ScoreTable]:
    """Return a table for every score in the records of a dataset.

    Parameters
    ----------
    dataset
        Records of the dataset.
    better
        Direction of each score, ``lower`` (the default) or ``higher``; empty for a measurement,
        which has no table.
    """
    names: dict[str, None] = {}
    for record in dataset.records.values():
        names.update(dict.fromkeys(record.get("scores") or ()))
    names.update(dict.fromkeys(_costs(dataset)))
    directions = {name: better.get(name, "lower") for name in names}
    tables = [
        _score(dataset, name, direction) for name, direction in directions.items() if direction
    ]
    return [table for table in tables if table.cases]


def _separate_unavailable(dataset: DatasetRecords) -> None:
    """Separate the methods that could not run here at all; they count as no failure."""
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
    # A case that does not support the score has no row.
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
    """Return a score; NaN for null, None for a record without it."""
    source = record if name in COSTS else record.get("scores") or {}
    if name not in source or (name in COSTS and source[name] is None):
        return None
    return math.nan if source[name] is None else float(source[name])
