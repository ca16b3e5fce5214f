"""Fields of the text headers of NRRD and MetaImage files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from regkit.geometry.grid import FloatArray

# No header of fields is longer; chosen by hand.
_HEADER_BYTES = 1 << 20
# An empty line ends the header of a NRRD file, this field that of a MetaImage.
_NRRD_END = re.compile(rb"\r?\n\r?\n")
_METAIMAGE_END = re.compile(rb"^ElementDataFile[^\n]*", re.MULTILINE)
_FIELD = re.compile(r"^\s*([^#:=]+?)\s*(?::=|:|=)\s*(.*?)\s*$")


@dataclass(frozen=True)
class HeaderStatements:
    """Statements of a header that ITK does not use.

    Parameters
    ----------
    mm_per_unit
        Length in mm of the units along x, y, z.
    missing
        Names of what the header does not state: voxel size, position, orientation.
    modality
        Modality that the header states; empty if it states none.
    """

    mm_per_unit: FloatArray
    missing: tuple[str, ...]
    modality: str


def header_fields(path: Path) -> dict[str, str]:
    """Return the fields of a NRRD or MetaImage header by their names in lower case.

    Parameters
    ----------
    path
        File that starts with the header.
    """
    with path.open("rb") as file:
        content = file.read(_HEADER_BYTES)
    end = (_NRRD_END if content.startswith(b"NRRD") else _METAIMAGE_END).search(content)
    text = _decoded(content[: end.end()] if end else content)
    fields = (_FIELD.match(line) for line in text.splitlines())
    return {field[1].lower(): field[2] for field in fields if field}


def numbers(text: str) -> list[float]:
    """Return the numbers of a field that lists them, none for one that is empty or has words."""
    try:
        return [float(word) for word in text.split()]
    except ValueError:
        return []


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")
