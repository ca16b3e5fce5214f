"""Read the card of a calibration: the coefficients of the verdict, fitted to other data."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from regkit.errors import FileFormatError
from regkit.geometry.grid import FloatArray
from regkit.registration.error_model import ErrorModel, shipped_error_model
from regkit.regular_file import regular_file
from regkit.structured_text import parse_json

CARD_FILE = "error_model.json"
TABLE_COLUMNS = 5  # score, lower end, median and upper end of the error, probability
# A card: its model, its file, or the folder of `regkit calibrate`; None for the shipped one.
Calibration: TypeAlias = ErrorModel | str | os.PathLike[str] | None


def calibrated_model(calibration: Calibration) -> ErrorModel:
    """Return the model that a verdict is to use.

    Parameters
    ----------
    calibration
        Model, card file, or folder of ``regkit calibrate``; None for the one that comes with
        regkit.

    Raises
    ------
    FileFormatError
        The file is no card, or one of another version of regkit.
    """
    if calibration is None:
        return shipped_error_model()
    return calibration if isinstance(calibration, ErrorModel) else _read(Path(calibration))


def _read(path: Path) -> ErrorModel:
    file = path / CARD_FILE if path.is_dir() else path
    try:
        content = regular_file(file).read_bytes()
        card = parse_json(content)
    except (OSError, ValueError) as error:
        raise FileFormatError(f"cannot read the calibration in {file}: {error}") from error
    problem = _problem(card)
    if problem:
        raise FileFormatError(
            f"{file} is no calibration of this version of regkit: {problem}; make one with "
            "`regkit calibrate`"
        )
    return ErrorModel.from_card(card, hashlib.sha256(content).hexdigest())


def _problem(card: Any) -> str:
    """Return what is wrong with a card; empty if nothing is."""
    if not isinstance(card, dict):
        return "it is not a JSON object"
    missing = [key for key in ("curves", "table") if key not in card]
    if missing:
        return f"it has no '{missing[0]}'"
    names = shipped_error_model().curves
    if not isinstance(card["curves"], dict) or set(card["curves"]) != set(names):
        return f"its curves are not {', '.join(names)}"
    for name, curve in card["curves"].items():
        points = _numbers(curve, 2)
        if points is None or (np.diff(points[:, 0]) <= 0).any() or _falls(points[:, 1]):
            return f"the curve of {name} must be rising points of two numbers"
    return _table_problem(_numbers(card["table"], TABLE_COLUMNS))


def _table_problem(table: FloatArray | None) -> str:
    if table is None:
        return f"its table must have rows of {TABLE_COLUMNS} numbers"
    if any(map(_falls, table.T)) or any(map(_falls, table[:, 1:4])):
        return "its table must rise from row to row, and from the lower to the upper end"
    return ""


def _numbers(rows: Any, columns: int) -> FloatArray | None:
    """Return finite numbers in rows of so many; None where they are not."""
    try:
        found = np.array(rows, np.float64)
    except (TypeError, ValueError):
        return None
    right = found.ndim == 2 and found.shape[1] == columns and len(found) > 1
    return found if right and bool(np.isfinite(found).all()) else None


def _falls(values: FloatArray) -> bool:
    return bool((np.diff(values) < 0).any())
