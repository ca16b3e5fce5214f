"""The three ways a reoriented left ventricle is looked at, as volumes and as pictures.

All are stacks in the short-axis frame, sorted and turned as nuclear cardiology shows them
(American Heart Association, American College of Cardiology and Society of Nuclear Medicine 1992,
standardization of cardiac tomographic imaging, Circulation 86:338-339): short axes from apex to
base with the anterior wall above and the lateral wall at the right; horizontal long axes from
inferior to anterior with the apex above; vertical long axes from septum to lateral wall with the
apex at the right.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from regkit.geometry.grid import Grid
from regkit.report.slice_planes import Orientation


@dataclass(frozen=True)
class SliceView:
    """A way of cutting the ventricle.

    Parameters
    ----------
    key
        ``sa``, ``hla`` or ``vla``: what its file's name ends in.
    title
        What its slices are called, and how they are sorted.
    orientation
        How a slice lies in the short-axis frame.
    deeper
        +1 or -1: the direction, along the axis through the slices, of the slices that follow.
    """

    key: str
    title: str
    orientation: Orientation
    deeper: int

    def grid(self, side_mm: float, spacing_mm: float) -> Grid:
        """Return a cube of cubic voxels around the origin, its slices sorted as the view is."""
        columns = np.zeros((3, 3))
        steps = (self.orientation.right, self.orientation.down, (self._through, self.deeper))
        for column, (axis, sign) in enumerate(steps):
            columns[axis, column] = sign
        count = max(2, round(side_mm / spacing_mm))
        x, y, z = (-columns.sum(axis=1) * spacing_mm * (count - 1) / 2).tolist()
        spacing = (spacing_mm, spacing_mm, spacing_mm)
        return Grid((count, count, count), spacing, (x, y, z), tuple(columns.ravel().tolist()))

    @property
    def _through(self) -> int:
        return self.orientation.through


SHORT_AXIS: Final = SliceView(
    "sa",
    "short axis, apex to base",
    Orientation("short axis", (0, 1), (1, 1), ("S", "L", "A", "I")),
    1,
)
HORIZONTAL: Final = SliceView(
    "hla",
    "horizontal long axis, inferior to anterior",
    Orientation("horizontal long axis", (0, 1), (2, 1), ("S", "L", "apex", "base")),
    -1,
)
VERTICAL: Final = SliceView(
    "vla",
    "vertical long axis, septum to lateral wall",
    Orientation("vertical long axis", (2, -1), (1, 1), ("base", "apex", "A", "I")),
    1,
)
VIEWS: Final = (SHORT_AXIS, HORIZONTAL, VERTICAL)
