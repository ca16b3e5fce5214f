"""Compare the transform and the images of a registration with the digests of its record."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from regkit.report.record import read_record, sha256_of


def mismatches(transform: Path) -> list[str]:
    """Return a sentence for each file that is not the one of the record beside a transform.

    Parameters
    ----------
    transform
        File of a transform. Its record is ``PREFIX.json`` beside ``PREFIX.tfm`` or ``PREFIX.h5``,
        if that names the file; without a record there is nothing to say.
    """
    return [
        f"{file} is not the file that {transform.with_suffix('.json').name} was written with: "
        "they do not belong together; register again, or restore the file"
        for file in _changed(transform)
    ]


def _changed(transform: Path) -> Iterator[str]:
    record = read_record(transform.with_suffix(".json"))
    told = record.get("transform")
    if not isinstance(told, dict) or told.get("file") != transform.name:
        return
    images = record.get("images")
    for stored in (told, *(images if isinstance(images, list) else ())):
        if not isinstance(stored, dict):
            continue
        name, digest = stored.get("file"), stored.get("sha256")
        if not (isinstance(name, str) and isinstance(digest, str)):
            continue
        file = transform.parent / Path(name).name
        with suppress(OSError, ValueError):  # a name that no file can have
            if file.is_file() and sha256_of(file) != digest:
                yield file.name
