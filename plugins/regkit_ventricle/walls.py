"""How thick the walls of a ventricle are in an image that is blurred: our own.

A wall that is blurred looks the same whether it is thin and takes up much or thick and takes up
little, unless it is known how blurred it is; but the whole wall and its surroundings are blurred
alike. So what an image shows around a ventricle is modelled as

    blurred(wall) x uptake + blurred(cavity) x blood + blurred(surroundings) x their uptake

with four numbers that are not linear: how far the outer and the inner surface of the wall are from
where labels have them, and the widths of a Gaussian blur, across the body and along it, where
breathing adds to it. Uptakes change slowly around the long axis and along it. They are linear, and
solved for at every step (variable projection: Golub and Pereyra 1973,
doi:10.1137/0710036).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.optimize import least_squares

from regkit.errors import RegistrationError
from regkit.geometry.grid import FloatArray, Grid
from regkit.geometry.resampling import resample
from regkit.geometry.transform import AffineTransform
from regkit.geometry.volume import LabelMap, Volume
from regkit_ventricle.surfaces import Surfaces
from regkit_ventricle.uptake_basis import uptake_basis

# What is looked at: the ventricle and what lies this near to it. Finer voxels are not needed.
NEAR_MM, FINEST_MM = 10.0, 2.0
# Of surroundings whose distance has to be known; farther out an image is all surroundings.
AROUND_MM = 12.0
# Bounds of how far surfaces move, and of the deviations of the blur. An ever thinner and brighter
# wall looks almost the same: without bounds that may be the best fit.
FARTHEST_MM, SHARPEST_MM, DULLEST_MM = 2.0, 0.5, 9.0
START_MM = 2.5
DIFFERENCE_MM = 0.05
# Who comes so near to the farthest would rather be beyond it.
NEARLY_MM = 0.25
# Coarser voxels have no place for a wall; fewer of them for each unknown say nothing.
COARSEST_MM, FEWEST_EACH = 5.0, 10
MOST_STEPS = 15
RIDGE, WORST_CONDITION = 1e-6, 1e12
# Beyond all surfaces.
FAR_MM = 60.0
Numbers: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Walls:
    """Where the walls of a ventricle are, from where labels had them, and how blurred they look.

    Parameters
    ----------
    epicardium_mm, endocardium_mm
        How much farther from the cavity the outer and the inner surface are.
    blur_mm, blur_along_mm
        Standard deviation of the blur across the body, and along it.
    thickness_sd_mm
        How well the image determines the thickness: a standard deviation.
    explained
        Share of the variance of the image around the ventricle that the model explains, at most 1.
    bounded
        Whether one of these numbers would rather be where none is looked for.
    """

    epicardium_mm: float
    endocardium_mm: float
    blur_mm: float
    blur_along_mm: float
    thickness_sd_mm: float
    explained: float
    bounded: bool


def fit_walls(
    image: Volume, surfaces: Surfaces, frame: AffineTransform, mask: LabelMap | None = None
) -> Walls:
    """Find where the walls of a ventricle are in an image.

    Parameters
    ----------
    image
        Shows uptake, blurred by about the same everywhere.
    surfaces
        Of labels of the ventricle.
    frame
        Maps points of its own short-axis frame to the image, LPS mm.
    mask
        Where the image counts.

    Raises
    ------
    RegistrationError
        The image shows too little of the ventricle.
    """
    model = _Model.of(image, surfaces, frame, mask)
    start = np.array([0.0, 0.0, START_MM, START_MM])
    low = [-FARTHEST_MM, -FARTHEST_MM, SHARPEST_MM, SHARPEST_MM]
    high = [FARTHEST_MM, FARTHEST_MM, DULLEST_MM, DULLEST_MM]
    found = least_squares(
        model.residual,
        start,
        model.slopes,
        bounds=(low, high),
        max_nfev=MOST_STEPS,
        xtol=1e-3,
        ftol=1e-5,
        gtol=None,
    )
    outer, inner, across, along = found.x.tolist()
    information = found.jac.T @ found.jac
    if found.status == 0 or not np.linalg.cond(information) < WORST_CONDITION:
        raise RegistrationError("the image does not show where the walls are")
    noise = float(np.sum(found.fun**2)) / (len(model.seen) - model.unknowns)
    spread = np.linalg.inv(information) * noise * model.alike(across, along)
    thickness = np.array([1.0, -1.0, 0.0, 0.0])
    return Walls(
        *(outer, inner, across, along),
        thickness_sd_mm=float(np.sqrt(thickness @ spread @ thickness)),
        explained=1 - noise,
        bounded=max(abs(outer), abs(inner)) > FARTHEST_MM - NEARLY_MM
        or bool(found.active_mask.any()),
    )


@dataclass(frozen=True, eq=False)
class _Model:
    """What is known of every voxel around the ventricle; see the top of this file."""

    seen: Numbers  # the image, of the voxels that count; of mean 0 and deviation 1
    unknowns: int
    counts: NDArray[np.bool_]  # which of all do
    weights: Numbers  # (voxels that count, places): shares of the places of uptakes
    epicardium: FloatArray
    endocardium: FloatArray
    movable: FloatArray
    spacing_zyx: Numbers
    axial: int  # the axis of the arrays that runs along the body

    @classmethod
    def of(
        cls, image: Volume, surfaces: Surfaces, frame: AffineTransform, mask: LabelMap | None
    ) -> _Model:
        grid = _around(image.grid, surfaces)
        voxel = float(np.prod(grid.spacing)) ** (1 / 3)
        if voxel > COARSEST_MM:
            raise RegistrationError(f"voxels of {voxel:.1f} mm are too coarse to show a wall in")
        shown = resample(image, grid, outside=np.nan).array.astype(np.float64)
        outer, inner = (
            resample(some, grid, outside=FAR_MM).array.astype(np.float64)
            for some in (surfaces.epicardium, surfaces.endocardium)
        )
        counts = np.isfinite(shown) & (outer < NEAR_MM)
        if mask is not None:
            counts &= resample(mask, grid).array != 0
        if not (counts & (outer < 0)).any():
            raise RegistrationError("the image shows nothing of the ventricle")
        points = frame.inverse().map_points(grid.to_physical(np.argwhere(counts)))
        weights = uptake_basis(points, points[outer[counts] < 0, 2])
        seen = shown[counts]
        # Of each of two tissues; the blood; and what is not linear.
        unknowns = 2 * weights.shape[1] + 5
        if len(seen) < FEWEST_EACH * unknowns:
            raise RegistrationError(f"the image shows the ventricle in {len(seen)} voxels only")
        contrast = float(seen.std())
        if not contrast > 0:
            raise RegistrationError("the image does not show where the walls are")
        along = np.abs(np.reshape(grid.direction, (3, 3))[2])
        return cls(
            seen=(seen - seen.mean()) / contrast,
            unknowns=unknowns,
            counts=counts,
            weights=weights,
            epicardium=outer,
            endocardium=inner,
            movable=resample(surfaces.movable, grid, outside=1.0).array.astype(np.float64),
            spacing_zyx=np.array(grid.spacing[::-1]),
            axial=2 - int(along.argmax()),
        )

    def residual(self, numbers: Numbers) -> Numbers:
        """Return what the model shows more than the image, voxel by voxel."""
        wall, cavity, rest = self._blurred(numbers)
        parts = np.concatenate(
            [wall[:, None] * self.weights, rest[:, None] * self.weights, cavity[:, None]], axis=1
        )
        normal = parts.T @ parts
        normal += RIDGE * float(np.trace(normal)) / len(normal) * np.eye(len(normal))
        uptakes = np.linalg.solve(normal, parts.T @ self.seen)
        return np.asarray(parts @ uptakes - self.seen)

    def slopes(self, numbers: Numbers) -> Numbers:
        """Return how residuals change with each of the numbers."""
        here = self.residual(numbers)
        # Towards the middle of what is allowed.
        steps = np.where(numbers > 0, -DIFFERENCE_MM, DIFFERENCE_MM)
        steps[2:] = DIFFERENCE_MM
        moved = (self.residual(numbers + step) for step in np.diag(steps))
        return np.stack(
            [(there - here) / step for there, step in zip(moved, steps, strict=True)], axis=1
        )

    def alike(self, across_mm: float, along_mm: float) -> float:
        """Return how many voxels noise that is as smooth as the image has in common."""
        widths = np.full(3, across_mm)
        widths[self.axial] = along_mm
        return float(np.prod(np.maximum(2 * np.sqrt(np.pi) * widths / self.spacing_zyx, 1.0)))

    def _blurred(self, numbers: Numbers) -> list[Numbers]:
        outer, inner, across, along = numbers
        within = self._share(self.epicardium - outer * self.movable)
        hollow = within * self._share(self.endocardium - inner)
        widths = np.full(3, across)
        widths[self.axial] = along
        widths /= self.spacing_zyx
        return [
            gaussian_filter(part, widths, mode="nearest", truncate=3.0)[self.counts]
            for part in (within - hollow, hollow, 1 - within)
        ]

    def _share(self, distance: FloatArray) -> FloatArray:
        """Return which share of each voxel is within a surface."""
        voxel = float(np.prod(self.spacing_zyx)) ** (1 / 3)
        return np.asarray(np.clip(0.5 - distance / voxel, 0, 1))


def _around(image: Grid, surfaces: Surfaces) -> Grid:
    """Return the image's own voxels where distances are known, or coarser ones of very fine."""
    index = image.to_index(surfaces.epicardium.grid.corners())
    first = np.maximum(np.floor(index.min(axis=0)), 0)
    last = np.minimum(np.ceil(index.max(axis=0)), np.subtract(image.shape_zyx, 1))
    steps = np.maximum(np.divide(FINEST_MM, image.spacing[::-1]), 1.0)
    counts = np.floor((last - first) / steps).astype(int) + 1
    if (counts < 1).any():
        raise RegistrationError("the image shows nothing of the ventricle")
    affine = image.affine.copy()
    affine[:3, 3] = image.to_physical(first)
    affine[:3, :3] *= steps
    nz, ny, nx = counts.tolist()
    return Grid.from_affine((nz, ny, nx), affine)
