"""Read the card of a calibration: the coefficients of the verdict, fitted to other data."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from regkit.errors import FileFormatError
from regkit.registration.error_model import DISTANCES, DOUBTS, ErrorModel, shipped_error_model

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
        content = file.read_bytes()
        card = json.loads(content)
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
    missing = [k for k in ("constant", "distances", "doubt", "doubts", "table") if k not in card]
    if missing:
        return f"it has no '{missing[0]}'"
    for key, names in (("distances", DISTANCES), ("doubts", DOUBTS)):
        if not isinstance(card[key], dict) or set(card[key]) != set(names):
            return f"its {key} are not {', '.join(names)}"
        if not all(_is_number(weight) and weight >= 0 for weight in card[key].values()):
            return f"its {key} must be numbers of at least 0"
    if not (_is_number(card["constant"]) and _is_number(card["doubt"])):
        return "constant and doubt must be numbers"
    return _table_problem(card["table"])


def _table_problem(table: Any) -> str:
    try:
        rows = np.array(table, np.float64)
    except (TypeError, ValueError):
        return "its table is not one of numbers"
    if rows.ndim != 2 or rows.shape[1] != TABLE_COLUMNS or not np.isfinite(rows).all():
        return f"its table must have rows of {TABLE_COLUMNS} numbers"
    if (np.diff(rows, axis=0) < 0).any() or (np.diff(rows[:, 1:4], axis=1) < 0).any():
        return "its table must rise from row to row, and from the lower to the upper end"
    return ""


def _is_number(value: Any) -> bool:
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))
    )
