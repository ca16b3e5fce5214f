"""Rigid, similarity and affine motions: steps in millimetres from the map reached so far.

A map is a 3 x 4 matrix [A | t]: a point x of the fixed body, in mm from its centre, goes to
A x + t. Measures take and differentiate the twelve entries; a model restricts the steps.
Parameters are local to each map, so that no rotation is singular.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from regkit.geometry.grid import FloatArray
from regkit.geometry.rotation import TURNS, rotations

Model: TypeAlias = Literal["rigid", "similarity", "anisotropic", "affine"]
PARAMETERS: dict[Model, int] = {"rigid": 6, "similarity": 7, "anisotropic": 9, "affine": 12}


@dataclass(frozen=True)
class Motion:
    """The steps that a transform model allows from any map.

    Parameters
    ----------
    model
        Transform model. ``rigid``: translation and rotation about the centre of the body (6
        parameters); ``similarity``: with one scale (7); ``anisotropic``: with a scale along each
        axis of the fixed frame (9); ``affine``: any matrix (12).
    radius_mm
        Distance of the edge of the body from its centre in mm; a step of length one moves the
        edge by about 1 mm.
    """

    model: Model
    radius_mm: float

    @property
    def size(self) -> int:
        """Number of parameters."""
        return PARAMETERS[self.model]

    def step(self, maps: FloatArray, steps: FloatArray) -> FloatArray:
        """Move maps (B, 3, 4) by steps (B, size) in mm; the first three are the translation."""
        linear, shift = maps[:, :, :3], maps[:, :, 3] + steps[:, :3]
        rest = steps[:, 3:] / self.radius_mm
        if self.model == "affine":
            moved = linear + rest.reshape(-1, 3, 3)
        else:
            moved = rotations(rest[:, :3]) @ linear
        if self.model == "similarity":
            moved = moved * np.exp(rest[:, 3])[:, None, None]
        if self.model == "anisotropic":
            moved = moved * np.exp(rest[:, None, 3:])
        return np.concatenate([moved, shift[:, :, None]], axis=2)

    def tangent(self, maps: FloatArray, gradients: FloatArray) -> FloatArray:
        """Turn gradients by the entries of maps (B, 3, 4) into ones by steps, (B, size)."""
        linear, by_linear = maps[:, :, :3], gradients[:, :, :3]
        steps = np.empty((len(maps), self.size))
        steps[:, :3] = gradients[:, :, 3]
        if self.model == "affine":
            steps[:, 3:] = by_linear.reshape(-1, 9)
        else:
            # d(A) = [w]x A, so the derivative is the axial vector of dS/dA A^T.
            turned = by_linear @ linear.transpose(0, 2, 1)
            steps[:, 3:6] = turned.reshape(-1, 9) @ TURNS.T
        if self.model in ("similarity", "anisotropic"):
            scales = (by_linear * linear).sum(axis=1)  # by the logarithm of each column's length
            whole = self.model == "similarity"
            steps[:, 6:] = scales.sum(axis=1, keepdims=True) if whole else scales
        steps[:, 3:] /= self.radius_mm
        return steps


def affine_maps(linear: FloatArray, translation: FloatArray) -> FloatArray:
    """Return maps (B, 3, 4) of matrices (B, 3, 3) and translations (B, 3) in mm."""
    return np.concatenate([linear, translation[:, :, None]], axis=2)
