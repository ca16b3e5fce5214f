"""Left ventricles whose volumes, axes and uptake are known: shells between cut ellipsoids."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from regkit.geometry.grid import Grid
from regkit.geometry.rigid import rigid
from regkit.geometry.transform import AffineTransform
from regkit.geometry.volume import LabelMap, Volume

# An everyday pose: the apex to the left, in front and below.
POSE = rigid((-67, 17, 32), (-31.0, 22.0, 47.0))


def cut_volume_ml(radius: float, depth: float, cut: float) -> float:
    """Volume of x^2/a^2 + y^2/a^2 + z^2/c^2 <= 1 below z = cut, by integration of its discs."""
    return float(np.pi * radius**2 * (cut + depth - (cut**3 + depth**3) / (3 * depth**2)) / 1000)


@dataclass(frozen=True)
class Shell:
    """Sizes in mm from the centre of the ellipsoids, which is the frame's origin."""

    radius: float = 34.0
    depth: float = 58.0
    wall: float = 10.5
    cut: float = 30.0

    @property
    def cavity_ml(self) -> float:
        return cut_volume_ml(self.radius - self.wall, self.depth - self.wall, self.cut)

    @property
    def myocardium_ml(self) -> float:
        return cut_volume_ml(self.radius, self.depth, self.cut) - self.cavity_ml

    @property
    def centred(self) -> AffineTransform:
        """The pose of a frame whose origin is the centre of wall and cavity together."""
        c, z = self.depth, self.cut
        moment = (z**2 - c**2) / 2 - (z**4 - c**4) / (4 * c**2)
        volume = z + c - (z**3 + c**3) / (3 * c**2)
        return POSE @ AffineTransform.shift((0.0, 0.0, moment / volume))

    def draw(
        self,
        grid: Grid,
        pose: AffineTransform = POSE,
        uptake: Callable[..., np.ndarray] = lambda x, y, z: np.ones_like(x),
    ) -> tuple[Volume, LabelMap]:
        """Return an image and labels; `pose` maps the frame to LPS mm, `uptake` is of the frame.

        Outside the wall the uptake goes on, so that interpolation at its borders changes nothing.
        """
        points = grid.to_physical(np.moveaxis(np.indices(grid.shape_zyx), 0, -1))
        x, y, z = np.moveaxis(pose.inverse().map_points(points), -1, 0)
        whole = self.inside(x, y, z, 0.0)
        cavity = self.inside(x, y, z, self.wall)
        labels = np.where(cavity, 2, whole.astype(int))
        near = self.inside(x, y, z, -8.0, 12.0) & ~self.inside(x, y, z, self.wall + 6.0)
        image = np.where(near, uptake(x, y, z), 0.05)
        return Volume(image, grid, "pet"), LabelMap(labels.astype(np.uint8), grid)

    def inside(self, x, y, z, less: float, beyond: float = 0.0) -> np.ndarray:
        radius, depth = self.radius - less, self.depth - less
        return ((x**2 + y**2) / radius**2 + z**2 / depth**2 <= 1) & (z <= self.cut + beyond)


def holed(labels: LabelMap, about, fraction: float, number: int = 0) -> LabelMap:
    """Return labels without the part of the wall that is nearest to a point, LPS mm.

    `number` is what the part becomes: 0 is a hole, 2 a cavity that leaks through the wall.
    """
    wall = np.argwhere(labels.array == 1)
    away = np.linalg.norm(labels.grid.to_physical(wall) - about, axis=1)
    array = labels.array.copy()
    array[tuple(wall[away <= np.quantile(away, fraction)].T)] = number
    return labels.with_array(array)


def cube(spacing: float = 3.0, side: float = 165.0, pose: AffineTransform = POSE) -> Grid:
    """Return an upright grid around a posed shell."""
    return box((spacing, spacing, spacing), np.eye(3), side, pose)


def box(spacing, direction, side: float = 165.0, pose: AffineTransform = POSE) -> Grid:
    """Return a grid around a posed shell with any voxels and axes."""
    shape = tuple(round(side / s) for s in reversed(spacing))
    extent = np.multiply(shape[::-1], spacing) - np.asarray(spacing)
    centre = pose.map_points((0.0, 0.0, -10.0))
    origin = centre - direction @ (extent / 2)
    return Grid(shape, tuple(spacing), tuple(origin), tuple(np.ravel(direction)))
