"""Small motions of a body, in millimeters by which they move its points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from regkit.geometry.grid import FloatArray
from regkit.geometry.rotation import rotations

# Entries of a symmetric matrix: stretches along x, y and z, then shears.
PLANES = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))


@dataclass(frozen=True, eq=False)
class SmallMotions:
    """Motions of a body about its centre.

    Parameters
    ----------
    centre
        Centre of the body, LPS mm, shape (3,).
    spread
        Root mean square distance of its points from the centre along x, y and z, mm, shape (3,).
    """

    centre: FloatArray
    spread: FloatArray

    @classmethod
    def of(cls, body: FloatArray) -> Self:
        """Describe points (N, 3) in LPS mm."""
        centre = body.mean(axis=0)
        return cls(centre, np.sqrt(((body - centre) ** 2).mean(axis=0)))

    def after(self, motion: FloatArray) -> SmallMotions:
        """Return the motions of the body where a 4 x 4 motion takes it, its spread unchanged."""
        return SmallMotions(motion[:3, :3] @ self.centre + motion[:3, 3], self.spread)

    def rigid(self, steps: FloatArray) -> FloatArray:
        """Return shifts along and turns about x, y and z.

        Parameters
        ----------
        steps
            Shift and motion of the body by the turn, on average, mm, shape (B, 6).

        Returns
        -------
        FloatArray
            Homogeneous matrices, LPS mm, shape (B, 4, 4).
        """
        radius = float(np.linalg.norm(self.spread)) or 1.0
        return self._about_centre(rotations(steps[:, 3:] / radius), steps[:, :3])

    def affine(self, steps: FloatArray) -> FloatArray:
        """Return shifts and turns of bodies that are stretched before.

        Parameters
        ----------
        steps
            Shift, turn, stretch along x, y and z, and shear in the planes xy, xz and yz, each in
            mm of motion of the body on average, shape (B, 12).

        Returns
        -------
        FloatArray
            Homogeneous matrices, LPS mm, shape (B, 4, 4).
        """
        spread = np.maximum(self.spread, 1.0)
        symmetric = np.zeros((len(steps), 3, 3))
        for (i, j), motion in zip(PLANES, steps.T[6:], strict=True):
            symmetric[:, i, j] = symmetric[:, j, i] = motion / np.linalg.norm(spread[[*{i, j}]])
        turned = self.rigid(steps[:, :6])
        return turned @ self._about_centre(np.eye(3) + symmetric, 0.0)

    def stretches(self, step: float) -> FloatArray:
        """Return stretches along x, y and z by a step in mm on average, shape (3, 4, 4)."""
        longer = step / np.maximum(self.spread, step)
        return self._about_centre(np.eye(3) + np.stack(list(map(np.diag, np.diag(longer)))), 0.0)

    def reflections(self, normals: FloatArray) -> FloatArray:
        """Return reflections about planes through the centre, normals (B, 3), as (B, 4, 4)."""
        return self._about_centre(np.eye(3) - 2 * normals[:, :, None] * normals[:, None, :], 0.0)

    def half_turns(self, axes: FloatArray) -> FloatArray:
        """Return rotations by 180 degrees about axes (B, 3) through the centre, as (B, 4, 4)."""
        return self._about_centre(2 * axes[:, :, None] * axes[:, None, :] - np.eye(3), 0.0)

    def _about_centre(self, linear: FloatArray, shift: FloatArray | float) -> FloatArray:
        matrices = np.zeros((len(linear), 4, 4))
        matrices[:, :3, :3] = linear
        matrices[:, :3, 3] = self.centre + shift - linear @ self.centre
        matrices[:, 3, 3] = 1.0
        return matrices
