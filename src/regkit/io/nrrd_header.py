"""Statements of a NRRD header on place, unit and modality that ITK ignores."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from regkit.geometry.grid import FloatArray
from regkit.io.length_units import mm_per_unit
from regkit.io.text_header import HeaderStatements, numbers

logger = logging.getLogger(__name__)

# The patient spaces of NRRD, with their abbreviations; further axes are time.
_PATIENT_SPACES = {
    "right-anterior-superior", "left-anterior-superior", "left-posterior-superior",
    "ras", "las", "lps",
}  # fmt: skip
_MODALITIES = {"ct": "ct", "mr": "mr", "mri": "mr", "dwmri": "mr", "pt": "pet", "pet": "pet",
               "us": "us", "nm": "spect", "spect": "spect"}  # fmt: skip


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
