"""The header of a NRRD file: its fields, and what they state of place, unit and modality.

The format is described at https://teem.sourceforge.net/nrrd/format.html.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from regkit.errors import FileFormatError
from regkit.geometry.grid import FloatArray
from regkit.io.length_units import mm_per_unit
from regkit.io.text_header import HeaderStatements, checked_header, decoded, numbers, quoted

logger = logging.getLogger(__name__)

_MAGIC = re.compile(r"NRRD(?:000[1-5]|00\.01)\s*")
# An empty line ends the header.
_END = re.compile(rb"\n\r?\n")
_FIELDS = (
    "content", "number", "type", "block size", "dimension", "space", "space dimension", "sizes",
    "spacings", "thicknesses", "axis mins", "axis maxs", "space directions", "centers", "kinds",
    "labels", "units", "min", "max", "old min", "old max", "endian", "encoding", "line skip",
    "byte skip", "sample units", "space units", "space origin", "measurement frame", "data file",
)  # fmt: skip
# Names are written with and without spaces; these are other names.
_NAMES = {name.replace(" ", ""): name for name in _FIELDS} | {"centerings": "centers"}
# The patient spaces of NRRD, with their abbreviations; further axes are time.
_PATIENT_SPACES = {
    "right-anterior-superior", "left-anterior-superior", "left-posterior-superior",
    "ras", "las", "lps",
}  # fmt: skip
_MODALITIES = {"ct": "ct", "mr": "mr", "mri": "mr", "dwmri": "mr", "pt": "pet", "pet": "pet",
               "us": "us", "nm": "spect", "spect": "spect"}  # fmt: skip


@dataclass(frozen=True)
class NrrdHeader:
    """The header of a NRRD file.

    Parameters
    ----------
    fields
        Values of the fields, and of keys that are no fields, by their names in lower case.
    files
        Names of data files that are listed at the end of the header.
    size
        Bytes of the header; voxels in the same file follow it.
    """

    fields: Mapping[str, str]
    files: tuple[str, ...]
    size: int

    def required(self, name: str) -> str:
        """Return the value of a field that every header must have."""
        if name not in self.fields:
            raise FileFormatError(f"its header has no field '{name}': damaged or truncated")
        return self.fields[name]

    def words_of_axes(self, name: str, axes: int) -> list[str]:
        """Return a word for each axis; none if the field is missing."""
        words = self.fields.get(name, "").split()
        if words and len(words) != axes:
            raise FileFormatError(
                f"the field '{name}' needs {axes} values, one for each axis, got "
                f"{quoted(self.fields[name])}"
            )
        return words


def read_nrrd_header(path: Path) -> NrrdHeader:
    """Read the header of a NRRD file.

    Raises
    ------
    FileFormatError
        The header does not end, is of an unknown version, or has a field twice or an unknown one.
    """
    header = checked_header(path, _END)
    lines = decoded(header).splitlines()
    if not _MAGIC.fullmatch(lines[0]):
        raise FileFormatError(f"its first line {quoted(lines[0])} is no version of NRRD, 1 to 5")
    found, keys = {}, {}
    rest = iter(lines[1:])
    for line in rest:
        if not line.strip():
            break
        key, separator, value = line.partition(":=")
        if line.startswith("#"):
            continue
        if separator and ": " not in key:
            keys[key.strip().lower()] = value.strip()
            continue
        name, value = _field(line)
        if name in found:
            raise FileFormatError(f"its header has the field '{name}' twice: damaged")
        found[name] = value
        if name == "data file" and value.split()[:1] == ["LIST"]:
            break
    _refuse_spacing_beside_directions(found)
    return NrrdHeader(keys | found, tuple(_listed(rest)), len(header))


def _field(line: str) -> tuple[str, str]:
    name, separator, value = line.partition(":")
    known = _NAMES.get(name.strip().lower().replace(" ", ""))
    if known is None or not separator:
        raise FileFormatError(f"its header has the unknown field {quoted(name)}: damaged")
    return known, value.strip()


def _listed(lines: Iterator[str]) -> Iterator[str]:
    return (line.strip() for line in lines if line.strip() and not line.startswith("#"))


def _refuse_spacing_beside_directions(fields: Mapping[str, str]) -> None:
    """Refuse fields that say the same as the directions, which the format forbids."""
    if "space directions" not in fields:
        return
    for name in ("spacings", "axis mins", "axis maxs", "units"):
        words = fields.get(name, "").replace('"', " ").split()
        if any(word.lower() not in ("nan", "none", "???") for word in words):
            raise FileFormatError(
                f"has '{name}' beside 'space directions', which NRRD forbids: remove the line "
                f"'{name}'"
            )


def nrrd_statements(fields: Mapping[str, str], path: Path) -> HeaderStatements:
    """Return the statements of a NRRD header; a space that is not the patient's is logged."""
    _warn_of_space(fields, path)
    modality = _MODALITIES.get(fields.get("modality", "").lower(), "")
    return HeaderStatements(_mm_per_unit(fields, path), tuple(_missing(fields)), modality)


def _mm_per_unit(fields: Mapping[str, str], path: Path) -> FloatArray:
    """Return mm per unit along x, y, z: of ``space units``, or of ``units`` without a space."""
    names = _strings(fields.get("space units") or fields.get("units", ""))
    stated = [name for name in names if name.lower() != "none"][:3]
    factors = [mm_per_unit(name) if name else 1.0 for name in stated]
    unknown = dict.fromkeys(n for n, f in zip(stated, factors, strict=True) if f is None)
    if unknown:
        listed = ", ".join(f"'{name}'" for name in unknown)
        logger.warning("%s has the unknown unit %s: millimeters are assumed", path, listed)
    return np.array([factor or 1.0 for factor in [*factors, 1.0, 1.0, 1.0][:3]])


def _missing(fields: Mapping[str, str]) -> list[str]:
    directions = bool(fields.get("space directions"))
    stated = {
        "voxel size": directions or bool(np.isfinite(numbers(fields.get("spacings", ""))).any()),
        "position": bool(fields.get("space origin") or fields.get("axis mins")),
        "orientation": directions,
    }
    return [what for what, known in stated.items() if not known]


def _warn_of_space(fields: Mapping[str, str], path: Path) -> None:
    space = fields.get("space", "")
    if space and space.lower().removesuffix("-time").removesuffix("t") not in _PATIENT_SPACES:
        logger.warning("%s is in the space '%s', not in a patient space: read as LPS", path, space)
    elif not space and fields.get("space directions"):
        logger.warning("%s does not name its space: read as LPS, which is a guess", path)


def _strings(text: str) -> list[str]:
    """Return the quoted strings of a field; its words if nothing is quoted."""
    return re.findall(r'"((?:[^"\\]|\\.)*)"', text) if '"' in text else text.split()
