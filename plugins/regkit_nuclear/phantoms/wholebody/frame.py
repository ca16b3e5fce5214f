"""Surfaces of the anatomy that many organs refer to: body wall, rib cage, belly, diaphragm, spine.

Lengths are mm in the frame of the anatomy: a person of 1.70 m lying on the back, x to the left,
y to posterior, z to superior; the heart is at about z = 35, the hips z = -355, the chin z = 245.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from regkit_nuclear.painting.shapes import Coordinates, Profile, smooth_union
from regkit_nuclear.painting.solids import Solid, column, free_form
from regkit_nuclear.phantoms.wholebody.habitus import WholeBodyHabitus

_HEIGHTS = (-430, -400, -350, -260, -180, -120, -60, 0, 60, 110, 150, 180, 205, 225, 250, 300)
_WIDTHS = (158, 166, 168, 158, 140, 137, 141, 148, 155, 160, 158, 130, 84, 62, 57, 56)
_DEPTHS = (92, 96, 100, 94, 88, 90, 96, 102, 106, 103, 92, 79, 66, 60, 57, 58)
_MIDDLE = Profile((-460, 60, 120, 205, 250, 300), (0, 0, 3, 12, 6, 0))

# Upper ends of the vertebrae, from L5 to C1.
VERTEBRAE = (
    *np.linspace(-240, -65, 6).tolist(),
    *np.linspace(-65, 205, 13)[1:].tolist(),
    *np.linspace(205, 318, 8)[1:].tolist(),
)
LUMBAR, THORACIC, CERVICAL = (-240.0, -65.0), (-65.0, 205.0), (205.0, 318.0)


@dataclass(frozen=True)
class BodyFrame:
    """The common surfaces of one patient."""

    habitus: WholeBodyHabitus

    @cached_property
    def flesh(self) -> Solid:
        """Trunk and neck inside the fat under the skin."""
        hips = 1.05 if self.habitus.female else 1.0
        shoulders = 0.95 if self.habitus.female else 1.02
        shape = np.interp(_HEIGHTS, (-250, -100, 50, 150), (hips, 1.0, 1.0, shoulders))
        widths = Profile(_HEIGHTS, np.multiply(_WIDTHS, shape).tolist())
        return column(widths, Profile(_HEIGHTS, _DEPTHS), _MIDDLE, 2.5)

    @cached_property
    def cage(self) -> Solid:
        """Inside of the rib cage."""
        heights = (-150, -60, 0, 60, 110, 150, 182, 204)
        widths = Profile(heights, (120, 129, 132, 126, 111, 88, 56, 14))
        depths = Profile(heights, (76, 85, 88, 86, 77, 62, 42, 14))
        return column(widths, depths, Profile((-150, 0, 110, 204), (-2, -2, 5, 20)), 2.3)

    @cached_property
    def belly(self) -> Solid:
        """Inside of the abdominal wall and the pelvis, up to the diaphragm."""
        heights = (-410, -370, -320, -220, -120, 0, 30)
        widths = Profile(heights, (30, 62, 92, 116, 121, 124, 120))
        visceral = 16 * self.habitus.fatness
        depths = np.array((38, 56, 70, 76, 78, 84, 84)) + visceral * np.array(
            (0, 0.2, 0.6, 1, 1, 0.5, 0.3)
        )
        middle = np.array((8, 2, -4, -8, -4, 0, 0))
        return column(widths, Profile(heights, depths.tolist()), Profile(heights, middle.tolist()))

    @cached_property
    def below_diaphragm(self) -> Solid:
        """The space below the two domes of the diaphragm."""
        shift = np.float32(self.habitus.breathing_mm)

        def distance(p: Coordinates) -> Any:
            y = (p.y - 4) / 84
            right = np.float32(44) * (((p.x + 60) / 80) ** 2 + y * y) - 16
            left = np.float32(40) * (((p.x - 60) / 80) ** 2 + y * y) - 2
            return (
                p.z - shift + smooth_union(right.astype(np.float32), left.astype(np.float32), 24)
            )

        return free_form(distance)

    @cached_property
    def spine_y(self) -> Profile:
        """Middle of the vertebral bodies along y at each height: lordosis and kyphosis."""
        heights = (-440, -330, -270, -200, -140, -60, 40, 120, 180, 215, 260, 318)
        return Profile(heights, (78, 74, 56, 42, 42, 48, 53, 52, 44, 33, 19, 14))

    def spine_at(
        self, z: float, x: float = 0.0, behind: float = 0.0
    ) -> tuple[float, float, float]:
        """Return a point beside the middle of the spine at height z."""
        return x, self.spine_y.at(z) + behind, z
