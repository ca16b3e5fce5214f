"""The pairs of a batch, wherever they stand: a table, a folder, a dataset, rows in memory."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from regkit.batches.batch_pair import COLUMNS, FILE_COLUMNS, WORD_COLUMNS, BatchPair
from regkit.batches.pair_table import pairs_of, read_pair_table
from regkit.batches.patient_folders import find_pairs, parse_roles
from regkit.datasets.folder import INDEX, read_dataset
from regkit.errors import FileFormatError, ParameterError

# A table, a folder, or rows: mappings of the columns of a table to texts and paths.
PairSource: TypeAlias = str | os.PathLike[str] | Iterable[Mapping[str, Any]]


def read_pairs(source: PairSource, pair: str | None = None) -> list[BatchPair]:
    """Return the pairs of a table, of a folder, or of rows in memory.

    Parameters
    ----------
    source
        CSV or TSV table; folder of patients, BIDS dataset or dataset folder; or rows.
    pair
        Names of the fixed and the moving image of a folder, like ``pet,ct``; None for others.

    Raises
    ------
    FileFormatError
        No pairs, or files that are missing.
    ParameterError
        Names of images where the source says which are meant, or none where it does not.
    """
    roles = None if pair is None else parse_roles(pair)
    if not isinstance(source, str | os.PathLike):
        _refuse(roles, "rows")
        return pairs_of([*map(_row, range(1, 1 << 62), source)], Path(), "the rows")
    path = Path(source).expanduser()
    if not path.exists():
        raise FileFormatError(f"there is no table or folder {path}")
    if path.is_dir() and not (path / INDEX).is_file():
        return find_pairs(path, roles)
    if path.is_dir() or path.suffix.lower() == ".json":
        _refuse(roles, "a dataset")
        return _of_dataset(path)
    _refuse(roles, "a table")
    return read_pair_table(path)


def _refuse(roles: tuple[str, str] | None, kind: str) -> None:
    if roles is not None:
        raise ParameterError(
            f"--pair is for folders of patients; {kind} says which image is which"
        )


def _row(number: int, row: Mapping[str, Any]) -> tuple[int, dict[str, str]]:
    unknown = [name for name in row if name not in COLUMNS]
    if unknown:
        raise ParameterError(
            f"row {number}: '{unknown[0]}' is no column; known are {', '.join(COLUMNS)}"
        )
    return number, {name: str(value) for name, value in row.items() if value not in (None, "")}


def _of_dataset(path: Path) -> list[BatchPair]:
    """Return the pairs of a dataset folder."""
    dataset = read_dataset(path)
    files = {**dict.fromkeys(FILE_COLUMNS), "initial": None}
    pairs = []
    for entry in dataset.entries:
        values = {
            "init" if name == "initial" else name: str((dataset.folder / entry[name]).absolute())
            for name in files
            if entry.get(name)
        }
        values |= {name: entry[name] for name in WORD_COLUMNS if entry.get(name)}
        pairs.append(BatchPair(entry["id"], values))
    return pairs
