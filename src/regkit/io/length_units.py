"""Units of length by the names that file headers use."""

from __future__ import annotations

# Names are compared in lower case. NRRD leaves them free ("mm", "microns"); MetaIO knows um, mm
# and cm; the rest is the international system of units and the inch, 25.4 mm.
_MM = {
    "nm": 1e-6,
    "nanometer": 1e-6,
    "um": 1e-3,
    "\u00b5m": 1e-3,  # micro sign
    "\u03bcm": 1e-3,  # Greek mu
    "micron": 1e-3,
    "micrometer": 1e-3,
    "mm": 1.0,
    "millimeter": 1.0,
    "cm": 10.0,
    "centimeter": 10.0,
    "dm": 100.0,
    "decimeter": 100.0,
    "m": 1000.0,
    "meter": 1000.0,
    "in": 25.4,
    "inch": 25.4,
    "inches": 25.4,
}


def mm_per_unit(name: str) -> float | None:
    """Return the length in mm of a unit, or None for a name that is no unit of length."""
    plain = name.strip().lower().replace("metre", "meter")
    return _MM.get(plain) or _MM.get(plain.removesuffix("s"))
