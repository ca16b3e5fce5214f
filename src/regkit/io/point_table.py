"""Landmarks as a file lists them: undefined ones and labels included."""

from __future__ import annotations

import math
from dataclasses import dataclass

# Position of a point that a file marks as undefined or missing.
UNDEFINED = (math.nan, math.nan, math.nan)


@dataclass(frozen=True)
class PointTable:
    """The points of a file in its own convention.

    Parameters
    ----------
    convention
        ``LPS`` or ``RAS``.
    points
        Position x, y, z of each point in mm; `UNDEFINED` for one without a position.
    labels
        Name of each point; empty for one without a name.
    """

    convention: str
    points: tuple[tuple[float, ...], ...]
    labels: tuple[str, ...]
