"""The header of a MetaImage file: its fields, and what they state of place, unit and modality."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from regkit.io.length_units import mm_per_unit
from regkit.io.text_header import HEADER_BYTES, HeaderStatements, checked_header, decoded, numbers

logger = logging.getLogger(__name__)

# The field that ends the header; behind it may come a list of files.
_END = re.compile(rb"^[ \t]*ElementDataFile[ \t]*[=:][^\n]*(?:\n|\Z)", re.MULTILINE)
_FIELD = re.compile(r"\s*([^=:]+?)\s*[=:]\s*(.*?)\s*")
# Names of one field in MetaIO, by what it states; the first that is there counts.
PLACE = {
    "voxel size": ("elementspacing", "elementsize"),
    "position": ("offset", "position", "origin"),
    "orientation": ("transformmatrix", "orientation", "rotation"),
}
# The scanners that MetaIO knows.
_MODALITIES = {"met_mod_ct": "ct", "met_mod_mr": "mr", "met_mod_us": "us", "met_mod_nm": "spect"}


@dataclass(frozen=True)
class MetaImageHeader:
    """The header of a MetaImage file.

    Parameters
    ----------
    fields
        Values by their names in lower case.
    files
        Names of data files that are listed behind the header.
    size
        Bytes of the header; voxels in the same file follow it.
    """

    fields: Mapping[str, str]
    files: tuple[str, ...]
    size: int

    def place(self, what: str) -> str:
        """Return the value of the field that states a part of the place; empty if none does."""
        return next((self.fields[n] for n in PLACE[what] if self.fields.get(n)), "")


def read_metaimage_header(path: Path) -> MetaImageHeader:
    """Read the header of a MetaImage file."""
    header = checked_header(path, _END)
    found = (_FIELD.fullmatch(line) for line in decoded(header).splitlines())
    fields = {field[1].lower(): field[2] for field in found if field}
    is_list = fields.get("elementdatafile", "").startswith("LIST")
    files = _lines_behind(path, len(header)) if is_list else ()
    return MetaImageHeader(fields, tuple(files), len(header))


def _lines_behind(path: Path, size: int) -> list[str]:
    with path.open("rb") as file:
        file.seek(size)
        lines = decoded(file.read(HEADER_BYTES)).splitlines()
    return [line.strip() for line in lines if line.strip()]


def metaimage_statements(fields: Mapping[str, str], path: Path) -> HeaderStatements:
    """Return the statements of a MetaImage header; what is not used is logged."""
    _warn_of_unused(fields, path)
    return HeaderStatements(
        np.full(3, _mm_per_unit(fields, path)),
        tuple(what for what, names in PLACE.items() if not any(fields.get(n) for n in names)),
        _MODALITIES.get(fields.get("modality", "").lower(), ""),
    )


def _mm_per_unit(fields: Mapping[str, str], path: Path) -> float:
    name = fields.get("distanceunits", "mm")
    known = mm_per_unit(name)
    if known is None and name != "?":  # MetaIO's own name of no unit
        logger.warning("%s has the unknown unit '%s': millimeters are assumed", path, name)
    return known or 1.0


def _warn_of_unused(fields: Mapping[str, str], path: Path) -> None:
    if any(numbers(fields.get("centerofrotation", ""))):
        logger.warning("%s has a CenterOfRotation: it is ignored, as ITK does", path)
    slope = numbers(fields.get("elementtointensityfunctionslope", ""))
    offset = numbers(fields.get("elementtointensityfunctionoffset", ""))
    if slope not in ([], [1.0]) or any(offset):
        logger.warning("%s has an ElementToIntensityFunction: it is ignored, as ITK does", path)
