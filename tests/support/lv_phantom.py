"""A ventricle whose labels and image are formulas, in any pose, on any grid."""

from dataclasses import dataclass

import numpy as np

from regkit import AffineTransform, Case, Grid, LabelMap, Pair, Volume
from regkit.geometry.rotation import rotation_matrix
from regkit_msstunet.geometry import cube, pose_transform

# Half-axes of the outer and the inner ellipsoid, mm; both are cut where the base is.
OUTER, INNER, BASE = (32.0, 32.0, 48.0), (21.0, 21.0, 38.0), 22.0
# In half-widths of a cube of 326.4 mm: as in Table 2.
NUMBERS = (-0.8, -1.0, 1.2, 0.25, -0.2, 0.3)
EXTRA = {"myocardium_label": 1, "blood_pool_label": 2}


def labels_of(points):
    """Return labels at points (..., 3) of the short-axis frame: 1 the wall, 2 the pool."""
    inside = [((points / half) ** 2).sum(-1) <= 1 for half in (OUTER, INNER)]
    below = points[..., 2] <= BASE
    return np.where(inside[0] & below, np.where(inside[1], 2, 1), 0).astype(np.uint8)


def points_of(grid):
    return grid.to_physical(np.moveaxis(np.indices(grid.shape_zyx), 0, -1))


@dataclass(frozen=True)
class Phantom:
    """A ventricle on a grid; `pose` maps short-axis points to the grid's, LPS mm."""

    grid: Grid
    pose: AffineTransform
    modality: str = "pet"

    @property
    def labels(self) -> LabelMap:
        return LabelMap(labels_of(self.pose.inverse().map_points(points_of(self.grid))), self.grid)

    @property
    def image(self) -> Volume:
        """A bright wall in a body that is bright at the left and above, so that poses differ."""
        points = points_of(self.grid) - self.grid.centre
        body = (points[..., 0] ** 2 / 150**2 + points[..., 1] ** 2 / 100**2) < 1
        body = body * (0.2 + points[..., 0] / 1500 + points[..., 2] / 1500)
        uptake = np.choose(self.labels.array, [body, 1.0, 0.15])
        return Volume(uptake.astype(np.float32) * 9.0, self.grid, self.modality)

    def case(self, number="a", fixed=None) -> Case:
        fixed = fixed or cube(32, 6.0)
        planes = LabelMap(labels_of(points_of(fixed) - fixed.centre), fixed)
        shown = Volume((planes.array == 1).astype(np.float32), fixed, self.modality)
        truth = self.pose @ AffineTransform.shift(np.negative(fixed.centre))
        pair = Pair(shown, self.image)
        return Case(number, pair, truth, number, planes, self.labels, extra=EXTRA)


def pose_on(grid: Grid, numbers=NUMBERS) -> AffineTransform:
    """Return a pose in a cube of 326.4 mm around the centre of a grid."""
    return pose_transform(numbers, cube(97, 3.4, grid.centre))


def upright(size=48, spacing=7.0, centre=(0.0, 0.0, 0.0)) -> Grid:
    return cube(size, spacing, centre)


def _oblique() -> Grid:
    turn = np.eye(4)
    turn[:3, :3] = rotation_matrix((8.0, -11.0, 20.0)) * 6.5
    turn[:3, :3] = turn[:3, 2::-1]
    middle = turn[:3, :3] @ np.full(3, 24.5)
    turn[:3, 3] = np.subtract((30.0, -20.0, 90.0), middle)
    return Grid.from_affine((50, 50, 50), turn)


def _flipped() -> Grid:
    plain = upright()
    far = plain.to_physical((0, 47, 47))
    return Grid(plain.shape_zyx, plain.spacing, tuple(far), (-1, 0, 0, 0, -1, 0, 0, 0, 1))


GRIDS = {
    "plain": upright(),
    "oblique": _oblique(),
    "flipped": _flipped(),
    "anisotropic": Grid((34, 60, 84), (4.0, 5.5, 10.0), (-160.0, -162.0, -165.0)),
    "far away": upright(centre=(900.0, -700.0, 1200.0)),
}
