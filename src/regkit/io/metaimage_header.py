"""Statements of a MetaImage header on place, unit and modality that ITK ignores."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from regkit.io.length_units import mm_per_unit
from regkit.io.text_header import HeaderStatements, numbers

logger = logging.getLogger(__name__)

# Names of one field in MetaIO, by what it states.
_PLACE = {
    "voxel size": ("elementspacing", "elementsize"),
    "position": ("offset", "position", "origin"),
    "orientation": ("transformmatrix", "orientation", "rotation"),
}
# The scanners that MetaIO knows.
_MODALITIES = {"met_mod_ct": "ct", "met_mod_mr": "mr", "met_mod_us": "us", "met_mod_nm": "spect"}


def metaimage_statements(fields: Mapping[str, str], path: Path) -> HeaderStatements:
    """Return the statements of a MetaImage header; what is not used is logged."""
    _warn_of_unused(fields, path)
    return HeaderStatements(
        np.full(3, _mm_per_unit(fields, path)),
        tuple(what for what, names in _PLACE.items() if not any(fields.get(n) for n in names)),
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
