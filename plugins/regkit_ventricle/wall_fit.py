"""Estimation of the wall thickness of a ventricle in a blurred image; our own method.

In a blurred image a thin wall of high uptake looks like a thick wall of low uptake, unless the
blur is known; but the whole wall and its surroundings have the same blur. The image around a
ventricle is therefore modelled as

    blurred(wall) x uptake + blurred(cavity) x blood + blurred(surroundings) x their uptake

with four nonlinear parameters: the shifts of the outer and the inner surface of the wall from the
labels, and the widths of a Gaussian blur in the transaxial plane and along the body axis, where
breathing widens it. Uptakes vary slowly around the long axis and along it; they are linear
parameters, eliminated at every step (variable projection: Golub and Pereyra 1973,
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

# The fit uses the ventricle and its surroundings up to this distance, in voxels not finer than
# this, mm; chosen by hand.
NEAR_MM, MIN_VOXEL_MM = 10.0, 2.0
# Margin around the labels in which distances are computed, mm; farther out all is surroundings.
# Chosen by hand.
SURROUNDINGS_MM = 12.0
# Bounds of the shifts of the surfaces and of the standard deviations of the blur, mm; chosen by
# hand. An ever thinner and brighter wall looks almost the same: without bounds it may be the best
# fit.
MAX_SHIFT_MM, MIN_BLUR_MM, MAX_BLUR_MM = 2.0, 0.5, 9.0
# Start of the blur, and step of the finite differences, mm; chosen by hand.
INITIAL_BLUR_MM = 2.5
JACOBIAN_STEP_MM = 0.05
# A shift this near to its bound counts as one at the bound, mm; chosen by hand.
BOUND_MARGIN_MM = 0.25
# Coarser voxels, mm, cannot resolve a wall; fewer voxels per unknown do not determine the fit.
# Chosen by hand.
MAX_VOXEL_MM, MIN_VOXELS_PER_UNKNOWN = 5.0, 10
# Limit of the evaluations of the fit, relative ridge of the linear parameters, and condition
# number above which the nonlinear ones are not determined; chosen by hand.
MAX_EVALUATIONS = 15
RIDGE, MAX_CONDITION = 1e-6, 1e12
# Distance given to voxels outside the computed margin, beyond all surfaces.
FAR_MM = 60.0
Numbers: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Walls:
    """The fitted surfaces of a ventricle's wall relative to its labels, and the blur of the image.

    Parameters
    ----------
    epicardium_mm, endocardium_mm
        Shift of the outer and of the inner surface, outwards positive.
    blur_mm, blur_along_mm
        Standard deviation of the blur in the transaxial plane, and along the body axis.
    thickness_sd_mm
        Standard deviation of the estimated thickness.
    r_squared
        Fraction of the variance of the image around the ventricle that the model explains.
    at_bound
        Whether a parameter of the fit is at one of its bounds.
    """

    epicardium_mm: float
    endocardium_mm: float
    blur_mm: float
    blur_along_mm: float
    thickness_sd_mm: float
    r_squared: float
    at_bound: bool


def fit_walls(
    image: Volume, surfaces: Surfaces, frame: AffineTransform, mask: LabelMap | None = None
) -> Walls:
    """Fit the wall of a ventricle to an image.

    Parameters
    ----------
    image
        Image of the uptake, with about the same blur everywhere.
    surfaces
        Surfaces of the labels of the ventricle.
    frame
        Map of points of the ventricle's short-axis frame to the image, LPS mm.
    mask
        Voxels of the image that are used; all by default.

    Raises
    ------
    RegistrationError
        The image shows too little of the ventricle to determine the wall.
    """
    model = _Model.of(image, surfaces, frame, mask)
    start = np.array([0.0, 0.0, INITIAL_BLUR_MM, INITIAL_BLUR_MM])
    low = [-MAX_SHIFT_MM, -MAX_SHIFT_MM, MIN_BLUR_MM, MIN_BLUR_MM]
    high = [MAX_SHIFT_MM, MAX_SHIFT_MM, MAX_BLUR_MM, MAX_BLUR_MM]
    found = least_squares(
        model.residual,
        start,
        model.jacobian,
        bounds=(low, high),
        max_nfev=MAX_EVALUATIONS,
        xtol=1e-3,
        ftol=1e-5,
        gtol=None,
    )
    outer, inner, across, along = found.x.tolist()
    information = found.jac.T @ found.jac
    if found.status == 0 or not np.linalg.cond(information) < MAX_CONDITION:
        raise RegistrationError("the image does not determine the position of the wall")
    noise = float(np.sum(found.fun**2)) / (len(model.values) - model.unknowns)
    spread = np.linalg.inv(information) * noise * model.correlated_voxels(across, along)
    thickness = np.array([1.0, -1.0, 0.0, 0.0])
    return Walls(
        *(outer, inner, across, along),
        thickness_sd_mm=float(np.sqrt(thickness @ spread @ thickness)),
        r_squared=1 - noise,
        at_bound=max(abs(outer), abs(inner)) > MAX_SHIFT_MM - BOUND_MARGIN_MM
        or bool(found.active_mask.any()),
    )


@dataclass(frozen=True, eq=False)
class _Model:
    """The model of the image around the ventricle; see the top of this file."""

    values: Numbers  # the used voxels of the image, scaled to mean 0 and standard deviation 1
    unknowns: int
    used: NDArray[np.bool_]  # mask of the used voxels
    weights: Numbers  # (used voxels, nodes): basis functions of the uptake
    epicardium: FloatArray
    endocardium: FloatArray
    movable: FloatArray
    spacing_zyx: Numbers
    axial: int  # array axis along the body axis

    @classmethod
    def of(
        cls, image: Volume, surfaces: Surfaces, frame: AffineTransform, mask: LabelMap | None
    ) -> _Model:
        grid = _around(image.grid, surfaces)
        voxel = float(np.prod(grid.spacing)) ** (1 / 3)
        if voxel > MAX_VOXEL_MM:
            raise RegistrationError(
                f"voxels of {voxel:.1f} mm are too coarse to show a wall; "
                f"{MAX_VOXEL_MM:g} mm or less are needed"
            )
        intensity = resample(image, grid, outside=np.nan).array.astype(np.float64)
        outer, inner = (
            resample(some, grid, outside=FAR_MM).array.astype(np.float64)
            for some in (surfaces.epicardium, surfaces.endocardium)
        )
        used = np.isfinite(intensity) & (outer < NEAR_MM)
        if mask is not None:
            used &= resample(mask, grid).array != 0
        if not (used & (outer < 0)).any():
            raise RegistrationError("the image shows nothing of the ventricle")
        points = frame.inverse().map_points(grid.to_physical(np.argwhere(used)))
        weights = uptake_basis(points, points[outer[used] < 0, 2])
        values = intensity[used]
        # Uptakes of wall and surroundings, uptake of the blood, and the four nonlinear parameters.
        unknowns = 2 * weights.shape[1] + 5
        if len(values) < MIN_VOXELS_PER_UNKNOWN * unknowns:
            raise RegistrationError(f"the image shows the ventricle in {len(values)} voxels only")
        contrast = float(values.std())
        if not contrast > 0:
            raise RegistrationError("the image is constant around the ventricle and shows no wall")
        along = np.abs(np.reshape(grid.direction, (3, 3))[2])
        return cls(
            values=(values - values.mean()) / contrast,
            unknowns=unknowns,
            used=used,
            weights=weights,
            epicardium=outer,
            endocardium=inner,
            movable=resample(surfaces.movable, grid, outside=1.0).array.astype(np.float64),
            spacing_zyx=np.array(grid.spacing[::-1]),
            axial=2 - int(along.argmax()),
        )

    def residual(self, parameters: Numbers) -> Numbers:
        """Return the difference of model and image in every used voxel."""
        wall, cavity, rest = self._blurred(parameters)
        parts = np.concatenate(
            [wall[:, None] * self.weights, rest[:, None] * self.weights, cavity[:, None]], axis=1
        )
        normal = parts.T @ parts
        normal += RIDGE * float(np.trace(normal)) / len(normal) * np.eye(len(normal))
        uptakes = np.linalg.solve(normal, parts.T @ self.values)
        return np.asarray(parts @ uptakes - self.values)

    def jacobian(self, parameters: Numbers) -> Numbers:
        """Return the derivatives of the residuals by the parameters, from finite differences."""
        residual = self.residual(parameters)
        # Towards the middle of the allowed range, so that no step leaves it.
        steps = np.where(parameters > 0, -JACOBIAN_STEP_MM, JACOBIAN_STEP_MM)
        steps[2:] = JACOBIAN_STEP_MM
        moved = (self.residual(parameters + step) for step in np.diag(steps))
        return np.stack(
            [(other - residual) / step for other, step in zip(moved, steps, strict=True)], axis=1
        )

    def correlated_voxels(self, across_mm: float, along_mm: float) -> float:
        """Return the number of voxels within which noise as smooth as the image is correlated."""
        widths = np.full(3, across_mm)
        widths[self.axial] = along_mm
        return float(np.prod(np.maximum(2 * np.sqrt(np.pi) * widths / self.spacing_zyx, 1.0)))

    def _blurred(self, parameters: Numbers) -> list[Numbers]:
        outer, inner, across, along = parameters
        within = self._occupancy(self.epicardium - outer * self.movable)
        hollow = within * self._occupancy(self.endocardium - inner)
        widths = np.full(3, across)
        widths[self.axial] = along
        widths /= self.spacing_zyx
        return [
            gaussian_filter(part, widths, mode="nearest", truncate=3.0)[self.used]
            for part in (within - hollow, hollow, 1 - within)
        ]

    def _occupancy(self, distance: FloatArray) -> FloatArray:
        """Return the fraction of each voxel inside a surface."""
        voxel = float(np.prod(self.spacing_zyx)) ** (1 / 3)
        return np.asarray(np.clip(0.5 - distance / voxel, 0, 1))


def _around(image: Grid, surfaces: Surfaces) -> Grid:
    """Return the image's grid around the ventricle, with voxels of at least `MIN_VOXEL_MM`."""
    index = image.to_index(surfaces.epicardium.grid.corners())
    first = np.maximum(np.floor(index.min(axis=0)), 0)
    last = np.minimum(np.ceil(index.max(axis=0)), np.subtract(image.shape_zyx, 1))
    steps = np.maximum(np.divide(MIN_VOXEL_MM, image.spacing[::-1]), 1.0)
    counts = np.floor((last - first) / steps).astype(int) + 1
    if (counts < 1).any():
        raise RegistrationError("the image shows nothing of the ventricle")
    affine = image.affine.copy()
    affine[:3, 3] = image.to_physical(first)
    affine[:3, :3] *= steps
    nz, ny, nx = counts.tolist()
    return Grid.from_affine((nz, ny, nx), affine)
