"""Small pairs of phantom images with known transforms, on grids of every kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from regkit.geometry.grid import FloatArray, Grid, Vector3
from regkit.geometry.rigid import rigid
from regkit.geometry.rotation import rotation_matrix
from regkit.geometry.transform import IDENTITY, AffineTransform, Transform
from regkit.geometry.volume import AnyVolume, LabelMap, Volume
from regkit.registrar import Pair
from regkit.testing.phantom import PARTS, Contrast, thorax

BODY_MM = np.array(PARTS[0].half_axes)
VOXEL_MM = 8.0  # coarse, so that a pair is painted in milliseconds

# No swap of axes and no change of signs leaves these components unchanged.
MOTION = rigid(euler_deg=(3, -4, 4), translation_mm=(20, -12, -8))
# The fields of view do not overlap, and the rotation is large, so that the order of maps matters.
FAR_MOTION = rigid(euler_deg=(0, 0, 60), translation_mm=(460, -40, 30))
# A scanner's isocentre or table position may be so far from the origin.
AWAY_MM = (310.0, -420.0, -1250.0)
# Offset of the fields of view of the plain problem: a voxel and half voxels.
BESIDE_MM = (8.0, 4.0, -4.0)
# The table is brighter than bone and lies 13 mm below the body; the waist parts chest and belly.
TABLE_HU = 2000.0
TABLE_MM = 108.0
WAIST_MM = 20.0


@dataclass(frozen=True, eq=False)
class Problem:
    """A pair and its true transform.

    Parameters
    ----------
    pair
        Input of the method.
    truth
        True map of fixed to moving points, LPS mm.
    points
        Points of the fixed body, shape (N, 3), LPS mm, at which maps are compared.
    """

    pair: Pair
    truth: Transform
    points: FloatArray

    def error_mm(self, transform: Transform) -> float:
        """Return the mean target registration error of a map at the points, mm."""
        return distance_mm(transform, self.truth, self.points)

    @property
    def centre(self) -> Vector3:
        """Centre of the fixed body, LPS mm."""
        x, y, z = self.points.mean(axis=0).tolist()
        return x, y, z

    @property
    def start_mm(self) -> float:
        """Error of the initial transform."""
        return self.error_mm(self.pair.start)


def fresh(pair: Pair) -> Pair:
    """Copy a pair with its arrays, so that a method cannot change a cached problem."""
    return Pair(
        _copy(pair.fixed),
        _copy(pair.moving),
        pair.fixed_mask and _copy(pair.fixed_mask),
        pair.moving_mask and _copy(pair.moving_mask),
        pair.initial,
    )


def _copy(volume: AnyVolume) -> AnyVolume:
    return volume.with_array(volume.array.copy())


def distance_mm(one: Transform, other: Transform, points: FloatArray) -> float:
    """Return the mean distance in mm between the images of points (N, 3) under two maps."""
    return float(np.linalg.norm(one.map_points(points) - other.map_points(points), axis=1).mean())


def covering(
    spacing: tuple[float, float, float] = (VOXEL_MM, VOXEL_MM, VOXEL_MM),
    axes: ArrayLike = ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    centre: ArrayLike = (0.0, 0.0, 0.0),
    margin: float = 32.0,
) -> Grid:
    """Build a grid along given axes that holds the whole body.

    Parameters
    ----------
    spacing
        Voxel spacing along the grid's x, y, z in mm.
    axes
        Directions of the grid's x, y, z in LPS as columns, 3 x 3.
    centre
        Centre of the field of view, LPS mm.
    margin
        Margin around the body in mm.
    """
    columns = np.asarray(axes, dtype=float)
    half = np.linalg.norm(BODY_MM[:, None] * columns, axis=0) + margin
    counts = np.ceil(2 * half / spacing)
    first = np.asarray(centre) - columns @ ((counts - 1) / 2 * spacing)
    nx, ny, nz = (int(n) for n in counts)
    x, y, z = first.tolist()
    return Grid((nz, ny, nx), spacing, (x, y, z), tuple(columns.ravel().tolist()))


@cache
def pose_problem(
    fixed: Grid,
    moving: Grid,
    *,
    motion: AffineTransform = MOTION,
    pose: AffineTransform = IDENTITY,
    contrasts: tuple[Contrast, Contrast] = ("ct", "ct"),
    initial: Transform | None = None,
) -> Problem:
    """Paint the thorax, posed by `pose`, on the fixed grid and, moved on, on the moving one.

    `motion` acts in the phantom's own frame, so that the body rotates about its own centre also
    with a pose far from the origin. The moving image is noisy, so that no two images are equal.
    """
    truth = pose @ motion @ pose.inverse()
    pair = Pair(
        thorax(fixed, contrasts[0], pose),
        thorax(moving, contrasts[1], truth @ pose, noise=0.02),
        initial=initial,
    )
    return Problem(pair, truth, pose.map_points(body_points()))


def plain_problem() -> Problem:
    """Return a problem of two CT-like images on the simplest grids."""
    return pose_problem(covering(), covering(centre=BESIDE_MM))


def two_contrasts() -> Problem:
    """Return a problem of a PET-like fixed and a CT-like moving image."""
    return pose_problem(covering(), covering(), contrasts=("pet", "ct"))


def flipped() -> Problem:
    """Return a problem with axes that are reversed, exchanged or left-handed."""
    return pose_problem(
        covering(axes=np.diag([-1.0, -1.0, 1.0])),
        covering(axes=((0, 0, 1), (-1, 0, 0), (0, 1, 0))),
    )


def anisotropic() -> Problem:
    """Return a problem with anisotropic voxels, different in both images."""
    return pose_problem(covering((6.0, 8.0, 12.0)), covering((11.0, 7.0, 5.0)))


def oblique() -> Problem:
    """Return a problem of oblique, anisotropic grids: some mistakes show only with both."""
    return pose_problem(oblique_grid(), covering((9, 6, 8), rotation_matrix((-25, 10, 15))))


def oblique_grid() -> Grid:
    """Return a left-handed, oblique, anisotropic grid around the body."""
    axes = rotation_matrix((20.0, -15.0, 30.0)) @ np.diag([1.0, -1.0, 1.0])
    return covering((7.0, 8.0, 10.0), axes)


def offset() -> Problem:
    """Return a problem far from the origin, with different fields of view."""
    pose = AffineTransform.shift(AWAY_MM)
    moved = np.add(AWAY_MM, (32.0, 24.0, -28.0))
    return pose_problem(covering(centre=AWAY_MM), covering(centre=moved, margin=64.0), pose=pose)


def plain_far_away() -> Problem:
    """Return the arrays of the plain problem in headers `AWAY_MM` from the origin."""
    pose = AffineTransform.shift(AWAY_MM)
    moved = np.add(AWAY_MM, BESIDE_MM)
    return pose_problem(covering(centre=AWAY_MM), covering(centre=moved), pose=pose)


def sizes() -> Problem:
    """Return a problem with different shapes, spacings and fields of view."""
    return pose_problem(covering((9.0, 9.0, 9.0)), covering((6.0, 6.0, 7.0), margin=56.0))


def from_afar(miss: AffineTransform = IDENTITY) -> Problem:
    """Return images that overlap only under their initial transform, the truth after `miss`."""
    centre = FAR_MOTION.map_points((0.0, 0.0, 0.0))
    moving = covering(axes=FAR_MOTION.matrix[:3, :3], centre=centre)
    return pose_problem(covering(), moving, motion=FAR_MOTION, initial=FAR_MOTION @ miss)


def table_in_fixed() -> Problem:
    """Return a problem with a bright table in the fixed image, outside its mask."""
    problem = pose_problem(covering(margin=72.0), covering(margin=72.0))
    fixed, moving = problem.pair.fixed, problem.pair.moving
    pair = Pair(_with_table(fixed, IDENTITY), moving, fixed_mask=_body_mask(IDENTITY))
    return Problem(pair, problem.truth, problem.points)


def table_in_moving() -> Problem:
    """Return a problem with a bright table in the moving image, outside its mask."""
    problem = pose_problem(covering(margin=72.0), covering(margin=72.0))
    fixed, moving, truth = problem.pair.fixed, problem.pair.moving, problem.truth
    pair = Pair(fixed, _with_table(moving, truth), moving_mask=_body_mask(truth))
    return Problem(pair, truth, problem.points)


@cache
def torn(
    part: Literal["chest", "belly"] = "chest",
    masks: frozenset[str] = frozenset({"fixed_mask", "moving_mask"}),
) -> Problem:
    """Return a problem of a body whose chest and belly move in opposite directions.

    Parameters
    ----------
    part
        Part to align, which the masks mark.
    masks
        Names of the masks to give.
    """
    fixed, moving = covering(), covering(margin=48.0)
    chest, belly = (
        thorax(moving, "ct", motion, noise=0.02) for motion in (MOTION, MOTION.inverse())
    )
    image = chest.with_array(np.where(_above(moving, MOTION), chest.array, belly.array))
    motion = MOTION if part == "chest" else MOTION.inverse()
    pair = Pair(
        thorax(fixed),
        image,
        _body_mask(IDENTITY, part) if "fixed_mask" in masks else None,
        _body_mask(motion, part) if "moving_mask" in masks else None,
    )
    points = body_points()
    marked = (points[:, 2] > WAIST_MM) == (part == "chest")
    return Problem(pair, motion, points[marked])


GRIDS: dict[str, Callable[[], Problem]] = {
    "flipped": flipped,
    "anisotropic": anisotropic,
    "oblique": oblique,
    "offset": offset,
}


def body_points() -> FloatArray:
    """Return points throughout the body in the phantom's own frame, shape (N, 3)."""
    ticks = np.linspace(-0.9, 0.9, 9)
    unit = np.stack(np.meshgrid(ticks, ticks, ticks), axis=-1).reshape(-1, 3)
    return np.asarray(unit[np.linalg.norm(unit, axis=1) < 0.95] * BODY_MM)


def _own(grid: Grid, pose: Transform) -> FloatArray:
    """Return the voxel centres in the phantom's own frame, shape (z, y, x, 3)."""
    index = np.stack(np.meshgrid(*map(np.arange, grid.shape_zyx), indexing="ij"), axis=-1)
    return pose.inverse().map_points(grid.to_physical(index))


def _with_table(volume: Volume, pose: Transform) -> Volume:
    below = _own(volume.grid, pose)[..., 1] > TABLE_MM
    return volume.with_array(np.where(below, TABLE_HU, volume.array))


def _above(grid: Grid, pose: Transform) -> NDArray[np.bool_]:
    """Return whether voxels lie above the waist of the body."""
    return np.asarray(_own(grid, pose)[..., 2] > WAIST_MM)


def _body_mask(pose: Transform, part: str = "body") -> LabelMap:
    """Return a mask slightly larger than the body or a part, on a coarse oblique grid."""
    centre = pose.map_points((0.0, 0.0, 0.0))
    grid = covering((12.0, 10.0, 9.0), rotation_matrix((10, 20, -15)), centre)
    mask = np.linalg.norm(_own(grid, pose) / BODY_MM, axis=-1) < 1.08
    if part != "body":
        mask &= _above(grid, pose) == (part == "chest")
    return LabelMap(mask, grid)
