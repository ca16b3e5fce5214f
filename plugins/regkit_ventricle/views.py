"""The three standard views of a reoriented left ventricle, as volumes and as pictures.

All are stacks in the short-axis frame, sorted and oriented as nuclear cardiology shows them
(American Heart Association, American College of Cardiology and Society of Nuclear Medicine 1992,
standardization of cardiac tomographic imaging, Circulation 86:338-339): short axes from apex to
base with the anterior wall at the top and the lateral wall on the right; horizontal long axes from
inferior to anterior with the apex at the top; vertical long axes from septum to lateral wall with
the apex on the right.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from regkit.geometry.grid import Grid
from regkit.report.slice_planes import Orientation


@dataclass(frozen=True)
class SliceView:
    """A stack of slices of the ventricle in one orientation.

    Parameters
    ----------
    key
        ``sa``, ``hla`` or ``vla``: ending of the file's name.
    title
        Name of the view and order of its slices.
    orientation
        Orientation of a slice in the short-axis frame.
    slice_direction
        +1 or -1: direction in which the slices follow each other along their normal axis.
    """

    key: str
    title: str
    orientation: Orientation
    slice_direction: int

    def grid(self, side_mm: float, spacing_mm: float) -> Grid:
        """Return a cube of cubic voxels around the origin, its slices sorted as in the view."""
        columns = np.zeros((3, 3))
        steps = (
            self.orientation.right,
            self.orientation.down,
            (self._through, self.slice_direction),
        )
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
