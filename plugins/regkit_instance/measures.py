"""What a similarity measure is to the rest of the engine."""

from __future__ import annotations

from typing import Protocol

from regkit.grid import FloatArray


class Measure(Protocol):
    """How alike two images are under maps; larger is more alike.

    The images, points and settings are inside. `maps`, of shape (B, 3, 4), are matrices [A | t]
    that take points of the fixed body, in mm from its centre, to moving points A x + t in mm
    (LPS, x, y, z, about the centre that the measure was built with). Where too little of the
    fixed sample meets the moving image, or one of them is constant there, the value is minus
    infinity and the gradient zero; a value is never NaN.
    """

    def values(self, maps: FloatArray) -> FloatArray:
        """Return the similarity (B,) under each map."""

    def values_and_gradients(self, maps: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the similarity (B,) and its derivatives by the entries of the maps (B, 3, 4)."""
