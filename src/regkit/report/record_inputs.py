"""Find the inputs that a record names, and compare them with their digests."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regkit.errors import FileFormatError
from regkit.report.record import sha256_of

ROLES = {
    "fixed": "fixed image",
    "moving": "moving image",
    "fixed_mask": "fixed mask",
    "moving_mask": "moving mask",
    "points": "file of points",
    "init": "initial transform",
    "calibration": "calibration",
}


@dataclass(frozen=True)
class FoundInput:
    """An input of a record, unchanged.

    Parameters
    ----------
    role
        Key of the input in the record.
    path
        Place where it was found.
    sha256
        Its digest.
    moved
        Whether it lies elsewhere than the record says.
    """

    role: str
    path: Path
    sha256: str
    moved: bool


def find_inputs(
    record: Mapping[str, Any], file: Path, folder: Path | None = None
) -> tuple[FoundInput, ...]:
    """Return the inputs of a record: at their paths, or where they lie as seen from the record.

    Parameters
    ----------
    record, file
        Content of PREFIX.json, and its path.
    folder
        Further folder in which the inputs may lie now, under their path or their name.

    Raises
    ------
    FileFormatError
        An input came from memory, is missing or has changed.
    """
    inputs = record["inputs"]
    return tuple(_found(role, inputs[role], file, folder) for role in ROLES if role in inputs)


def _found(role: str, told: Mapping[str, Any], file: Path, folder: Path | None) -> FoundInput:
    name, path = ROLES[role], told["path"]
    if not path:
        raise FileFormatError(
            f"{file}: the {name} came from memory and cannot be read again; write it to a file, "
            "and register that"
        )
    places = _places(told, file, folder)
    existing = [place for place in places if place.exists()]
    digests = {place: sha256_of(place) for place in existing}
    for place, digest in digests.items():
        if digest == told["sha256"]:
            return FoundInput(role, place, digest, place != places[0])
    if not existing:
        looked = " or ".join(dict.fromkeys(map(str, places)))
        raise FileFormatError(
            f"{file}: the {name} is missing: there is no {looked}; name the folder in which it "
            "lies now with --inputs FOLDER"
        )
    raise FileFormatError(
        f"{file}: the {name} {existing[0]} has changed: its SHA-256 begins with "
        f"{digests[existing[0]][:12]}, that of the record with {told['sha256'][:12]}; replay "
        "needs the same file"
    )


def _places(told: Mapping[str, Any], file: Path, folder: Path | None) -> list[Path]:
    """Return the places where an input may lie, the one that the record says first."""
    path = Path(told["path"])
    places = [path]
    if told.get("relative_path"):
        places.append(Path(os.path.normpath(file.parent / told["relative_path"])))
    if folder is not None:
        places += (
            [folder / path.name] if path.is_absolute() else [folder / path, folder / path.name]
        )
    return places
