"""The record of a registration or reorientation, its pair and its method, to run it again."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from regkit.errors import FileFormatError
from regkit.io.images import read_selected_volume
from regkit.io.selection import ImageSelection
from regkit.registrar import Pair
from regkit.registration.expression import parse_expression
from regkit.registration.modalities import with_modalities, with_modality
from regkit.registration.request import requested_pair, requested_start
from regkit.report.record import read_record
from regkit.report.reorientation import named_frame, pair_in_frame
from regkit.report.request_record import request_of

# Keys of a record of a registration; others have some of them.
KEYS = {"method", "transform", "verdict", "inputs", "start", "diagnostics"}


def read_run_record(file: Path) -> dict[str, Any]:
    """Return the record of a registration or reorientation in a file.

    Raises
    ------
    FileFormatError
        There is no such file, or it is no such record.
    """
    if not file.is_file():
        raise FileFormatError(f"{file}: no such file; give the PREFIX.json of a registration")
    record = read_record(file)
    if not record.keys() >= KEYS:
        raise FileFormatError(f"{file} is no record of a registration; give its PREFIX.json")
    return record


def is_reorientation(record: Mapping[str, Any]) -> bool:
    """Return True for the record of a reorientation, whose fixed image is a standard frame."""
    return "facts" in record


def require_options(record: Mapping[str, Any], file: Path) -> None:
    """Refuse the record of a registration that lacks the options."""
    if "options" not in record:
        raise FileFormatError(
            f"{file} was written by regkit {record.get('regkit', '')}, whose records lack the "
            "options; register again to get one that can be replayed"
        )


def recorded_pair(record: Mapping[str, Any], files: Mapping[str, Path]) -> Pair:
    """Return the pair that the method of a record got, with its initial transform.

    Parameters
    ----------
    record
        Content of PREFIX.json.
    files
        Places of the inputs, by role.
    """
    if not is_reorientation(record):
        request = request_of(record, files)
        pair = with_modalities(requested_pair(request))
        return requested_start(pair, request.initializer, request)[0]
    told = record["inputs"]["moving"]
    chosen = {f.name: told[f.name] for f in dataclasses.fields(ImageSelection) if f.name in told}
    moving = read_selected_volume(files["moving"], ImageSelection(**chosen), told["modality"])
    frame = named_frame(None).load()()
    return pair_in_frame(with_modality(moving, "moving"), frame)


def recorded_parameters(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters of every method of a chain ``a+b`` as ``name.key`` -> value."""
    stages = record["parameters"].get("stages") or [record["parameters"]]
    names = parse_expression(record["method"])[0]
    return {
        f"{name}.{key}": value
        for name, values in zip(names, stages, strict=False)
        for key, value in values.items()
        if value is not None
    }
