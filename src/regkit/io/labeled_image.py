"""The image that a label file belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from regkit.geometry.grid import Grid


@dataclass(frozen=True)
class LabeledImage:
    """The image that labels belong to.

    Parameters
    ----------
    grid
        Its voxels: contours have none of their own.
    path
        Its file or folder, whose frame of reference is compared; None for an image in memory.
    """

    grid: Grid
    path: Path | None = None
