"""Anatomical planes through a fixed image, and the values of images on them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from regkit.geometry.grid import FloatArray, Grid, Vector3
from regkit.geometry.transform import IDENTITY, AffineTransform, Transform
from regkit.geometry.volume import LabelMap, Volume
from regkit.similarity.point_sample import sample_points, values_at

# Margin around the body, as a fraction of its size and at least in mm; chosen by hand.
MARGIN, MARGIN_MM = 0.08, 8.0
# Smallest size of a picture as a fraction of the largest, so that single slices stay visible;
# chosen by hand.
THINNEST = 0.3
# Points that are drawn in the fixed image, and how few of the foreground say where it is; chosen
# by hand.
POINTS, LEAST_POINTS = 20_000, 20


@dataclass(frozen=True)
class Orientation:
    """Orientation of a plane in the patient, in radiological convention.

    Parameters
    ----------
    name
        ``axial``, ``coronal`` or ``sagittal``.
    right, down
        Axis and direction (+1 or -1) in LPS along which the picture runs.
    letters
        Sides of the patient at the left, right, top and bottom of the picture.
    """

    name: str
    right: tuple[int, int]
    down: tuple[int, int]
    letters: tuple[str, str, str, str]

    @property
    def through(self) -> int:
        """The LPS axis that the plane is perpendicular to."""
        return 3 - self.right[0] - self.down[0]


ORIENTATIONS = (
    Orientation("axial", (0, 1), (1, 1), ("R", "L", "A", "P")),
    Orientation("coronal", (0, 1), (2, -1), ("R", "L", "S", "I")),
    Orientation("sagittal", (1, 1), (2, -1), ("A", "P", "S", "I")),
)


@dataclass(frozen=True)
class Plane:
    """A plane of square pixels.

    Parameters
    ----------
    orientation
        Orientation in the patient.
    centre
        The point in the middle of the picture, LPS mm.
    shape
        Height and width in pixels.
    pixel_mm
        Size of a pixel.
    """

    orientation: Orientation
    centre: Vector3
    shape: tuple[int, int]
    pixel_mm: float

    @property
    def position_mm(self) -> float:
        """Coordinate of the plane on the axis that it is perpendicular to, LPS mm."""
        return self.centre[self.orientation.through]

    @cached_property
    def grid(self) -> Grid:
        """The pixels as a grid one voxel thick, its x to the right and its y down."""
        axes = np.zeros((3, 3))
        for column, (axis, sign) in enumerate((self.orientation.right, self.orientation.down)):
            axes[axis, column] = sign
        axes[self.orientation.through, 2] = 1.0
        height, width = self.shape
        middle = self.pixel_mm * np.array([(width - 1) / 2, (height - 1) / 2, 0.0])
        x, y, z = (np.asarray(self.centre) - axes @ middle).tolist()
        spacing = (self.pixel_mm, self.pixel_mm, self.pixel_mm)
        return Grid((1, height, width), spacing, (x, y, z), tuple(axes.ravel().tolist()))

    @cached_property
    def points(self) -> FloatArray:
        """The centres of the pixels, row by row, LPS mm, shape (height * width, 3)."""
        index = np.stack(np.meshgrid(*map(np.arange, (1, *self.shape)), indexing="ij"), axis=-1)
        return self.grid.to_physical(index.reshape(-1, 3))

    def sample(self, volume: Volume, through: Transform = IDENTITY) -> NDArray[np.float32]:
        """Return a volume's values on the plane, shape (height, width); NaN outside the volume.

        Parameters
        ----------
        volume
            Image to sample, by linear interpolation.
        through
            Map from points of the plane to points of the volume, LPS mm.
        """
        if isinstance(through, AffineTransform):
            to_index = volume.grid.inverse_affine @ through.matrix @ self.grid.affine
            pixels = np.indices(self.grid.shape_zyx, np.float32).reshape(3, -1)
            return volume.interpolated(to_index[None, :3], pixels).reshape(self.shape)
        values = values_at(volume, through.map_points(self.points))
        return values.reshape(self.shape).astype(np.float32)


def orthogonal_planes(
    fixed: Volume,
    width: int,
    tallest: int,
    moving: Volume | None = None,
    through: Transform = IDENTITY,
) -> tuple[Plane, ...]:
    """Return three planes through the middle of the foreground, all to one scale.

    With a moving image, they show what both images do: a scan of the whole body is cut down to
    the part that a shorter scan covers.

    Parameters
    ----------
    fixed
        Image or segmentation that the planes go through.
    width
        Width of every picture in pixels.
    tallest
        Largest height of a picture in pixels.
    moving
        Image that the planes show as well.
    through
        Map from points of the fixed to points of the moving image, LPS mm.
    """
    body = _body(fixed) if moving is None else _seen(fixed, moving, through)
    low, high = np.quantile(body, (0.005, 0.995), axis=0)
    middle = np.median(body, axis=0)
    size = np.maximum((high - low) * (1 + 2 * MARGIN), high - low + 2 * MARGIN_MM)
    size = np.maximum(size, THINNEST * size.max())
    pixel_mm = float(max(max(size[:2]) / width, max(size[1:]) / tallest))
    planes = []
    for orientation in ORIENTATIONS:
        centre = (low + high) / 2
        centre[orientation.through] = middle[orientation.through]
        x, y, z = centre.tolist()
        height = max(1, round(size[orientation.down[0]] / pixel_mm))
        planes.append(Plane(orientation, (x, y, z), (height, width), pixel_mm))
    return tuple(planes)


def _body(fixed: Volume) -> FloatArray:
    """Return points of the foreground, LPS mm, shape (N, 3)."""
    if isinstance(fixed, LabelMap):
        return _labelled_points(fixed)
    sample = sample_points(fixed, count=POINTS)
    return sample.points[sample.foreground] if sample.foreground.any() else sample.points


def _seen(fixed: Volume, moving: Volume, through: Transform) -> FloatArray:
    """Return the points of the foreground that a moving image shows as well.

    Where it shows hardly any (the foreground of a PET may be the brain alone), the points of the
    fixed image that it shows; the whole foreground if it shows none.
    """
    body = _body(fixed)
    everywhere = sample_points(fixed, count=POINTS).points
    for points, least in ((body, LEAST_POINTS), (everywhere, 1)):
        seen = points[moving.grid.contains(through.map_points(points))]
        if len(seen) >= least:
            return seen
    return body


def _labelled_points(labels: LabelMap) -> FloatArray:
    """Return voxels with a label, thinned out on large grids; the corners if there are none."""
    steps = np.maximum(1, np.array(labels.grid.shape_zyx) // 128)
    index = np.argwhere(labels.array[tuple(slice(None, None, step) for step in steps)]) * steps
    if len(index) == 0:
        index = np.argwhere(labels.array)
    return labels.grid.to_physical(index) if len(index) else labels.grid.corners()
