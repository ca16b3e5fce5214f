"""Description of a transform in numbers: model, motion about a centre, matrices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from regkit.geometry.grid import FloatArray, Grid, Vector3
from regkit.geometry.rigid import RigidParameters, rigid_parameters
from regkit.geometry.rotation import nearest_rotation
from regkit.geometry.transform import (
    AffineTransform,
    DisplacementField,
    Transform,
    TransformChain,
    linear_part,
    model_of,
)
from regkit.io.image_header import ImageSource, header_of
from regkit.io.transforms.frames import (
    freesurfer_matrix,
    fsl_matrix,
    ras_matrix,
    voxel_matrix,
)
from regkit.io.transforms.fsl import why_undefined

# Points along each axis at which displacements are measured; chosen by hand.
SAMPLES_PER_AXIS = 40


@dataclass(frozen=True)
class MatrixForm:
    """A linear map as the matrix of one convention.

    Parameters
    ----------
    name
        ``lps``, ``ras``, ``fsl``, ``freesurfer`` or ``voxel``.
    maps
        Spaces that the matrix maps from and to, and their unit.
    used_by
        Programs that use this convention.
    matrix
        4 x 4, or None when something is missing.
    needs
        Missing information, if there is no matrix.
    """

    name: str
    maps: str
    used_by: str
    matrix: FloatArray | None
    needs: str = ""


@dataclass(frozen=True)
class Displacement:
    """Displacements over the fixed field of view, mm, and the smallest Jacobian determinant."""

    mean_mm: float
    largest_mm: float
    smallest_determinant: float


@dataclass(frozen=True)
class Description:
    """A transform in numbers; see `describe`.

    Parameters
    ----------
    model
        ``identity``, ``translation``, ``rigid``, ``similarity``, ``affine``,
        ``displacement field`` or ``chain``.
    steps
        The models of a chain, the first to map first.
    centre_name
        Name of the point that the motion is about.
    motion
        Rotation and translation about the centre (of the linear part there).
    mapped_centre
        Point that the centre is mapped to, LPS mm.
    scales, shears
        Diagonal (x, y, z) and off-diagonal (xy, xz, yz) of U in: linear part = R U, U symmetric.
    determinant
        Determinant of the linear part at the centre.
    displacement
        Displacement over the fixed field of view, None without a fixed image.
    linear_fit
        4 x 4, the map itself if linear, else its tangent at the centre.
    matrices
        The same map in every convention; empty if it is not linear.
    """

    model: str
    steps: tuple[str, ...]
    centre_name: str
    motion: RigidParameters
    mapped_centre: Vector3
    scales: Vector3
    shears: Vector3
    determinant: float
    displacement: Displacement | None
    linear_fit: FloatArray
    matrices: tuple[MatrixForm, ...]

    @property
    def centre(self) -> Vector3:
        """The point that the motion is about, LPS mm."""
        return self.motion.centre_mm

    def as_data(self) -> dict[str, Any]:
        """Return the description as plain data that JSON can hold."""
        return {
            "maps": "fixed points to moving points, LPS mm",
            "model": self.model,
            "steps": list(self.steps),
            "centre_mm": list(self.centre),
            "centre_is": self.centre_name,
            "centre_lands_at_mm": list(self.mapped_centre),
            "moving_shift_to_match_mm": np.subtract(self.centre, self.mapped_centre).tolist(),
            "translation_mm": list(self.motion.translation_mm),
            "euler_deg": list(self.motion.euler_deg),
            "rotation_deg": self.motion.rotation_deg,
            "rotation_axis": list(self.motion.axis),
            "scales": list(self.scales),
            "shears": list(self.shears),
            "determinant": self.determinant,
            "displacement": None if self.displacement is None else vars(self.displacement),
            "linear_fit": self.linear_fit.tolist(),
            "matrices": {form.name: _matrix_data(form) for form in self.matrices},
        }


def describe(
    transform: Transform, fixed: ImageSource | None = None, moving: ImageSource | None = None
) -> Description:
    """Describe a transform.

    Parameters
    ----------
    transform
        Map of fixed to moving points, LPS mm.
    fixed
        Fixed image, a file or a grid: the motion is about its centre, else about the origin (or
        the centre of a displacement field's grid).
    moving
        Moving image; FSL's and the voxel matrix need both.
    """
    grid = fixed if isinstance(fixed, Grid) or fixed is None else header_of(fixed).grid
    centre, centre_name = _centre(transform, grid)
    fit = linear_fit(transform, centre)
    u = nearest_rotation(fit.matrix[:3, :3]).T @ fit.matrix[:3, :3]
    x, y, z = fit.map_points(centre).tolist()
    sx, sy, sz = np.diag(u).tolist()
    linear = isinstance(transform, AffineTransform)
    return Description(
        model=model_of(transform),
        steps=_steps(transform),
        centre_name=centre_name,
        motion=rigid_parameters(fit, centre),
        mapped_centre=(x, y, z),
        scales=(sx, sy, sz),
        shears=(float(u[0, 1]), float(u[0, 2]), float(u[1, 2])),
        determinant=fit.determinant,
        displacement=None if grid is None else _displacement(transform, grid),
        linear_fit=fit.matrix,
        matrices=_matrix_forms(fit, fixed, moving) if linear else (),
    )


def transform_record(
    transform: Transform, fixed_grid: Grid, file: str | None = None
) -> dict[str, Any]:
    """Return a transform as the record of a registration holds it; its keys are a contract.

    Parameters
    ----------
    transform
        Map of fixed to moving points, LPS mm.
    fixed_grid
        Angles and translation are about its centre.
    file
        Name of the file that holds the transform.
    """
    fit = linear_fit(transform, fixed_grid.centre)
    motion = rigid_parameters(fit, fixed_grid.centre)
    linear = isinstance(transform, AffineTransform)
    return {
        "model": model_of(transform) if linear else "deformable",
        "matrix": fit.matrix.tolist(),
        "centre_mm": list(motion.centre_mm),
        "euler_deg": list(motion.euler_deg),
        "translation_mm": list(motion.translation_mm),
        "rotation_deg": motion.rotation_deg,
        "file": file,
    }


def linear_fit(transform: Transform, centre: Vector3) -> AffineTransform:
    """Return a linear transform itself, or the tangent of another at a point in LPS mm."""
    if isinstance(transform, AffineTransform):
        return transform
    shift = transform.map_points(centre) - np.asarray(centre)
    return AffineTransform.about(linear_part(transform, centre), shift, centre)


def _centre(transform: Transform, fixed: Grid | None) -> tuple[Vector3, str]:
    if fixed is not None:
        return fixed.centre, "the centre of the fixed image"
    if isinstance(transform, DisplacementField):
        return transform.grid.centre, "the centre of the displacement field"
    return (0.0, 0.0, 0.0), "the origin (no fixed image was given)"


def _steps(transform: Transform) -> tuple[str, ...]:
    if not isinstance(transform, TransformChain):
        return ()
    return tuple(model_of(step) for step in transform.transforms)


def _displacement(transform: Transform, grid: Grid) -> Displacement:
    """Measure at voxel centres, thinned out on large grids, and at the outer corners."""
    axes = [
        np.unique(np.linspace(0, n - 1, min(n, SAMPLES_PER_AXIS)).round()) for n in grid.shape_zyx
    ]
    index = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    points = grid.to_physical(index)
    # A displacement field ends with its grid: stay away from the rim to measure how it varies.
    rim = ((index < 1) | (index > np.subtract(grid.shape_zyx, 2))).any(axis=1)
    inner = points if rim.all() else points[~rim]
    lengths = np.linalg.norm(transform.map_points(points) - points, axis=1)
    ends = grid.corners()
    corners = np.linalg.norm(transform.map_points(ends) - ends, axis=1)
    return Displacement(
        mean_mm=float(lengths.mean()),
        largest_mm=float(max(lengths.max(), corners.max())),
        smallest_determinant=_smallest_determinant(transform, inner, min(grid.spacing) / 2),
    )


def _smallest_determinant(transform: Transform, points: FloatArray, step: float) -> float:
    if isinstance(transform, AffineTransform):
        return transform.determinant
    columns = [
        transform.map_points(points + offset) - transform.map_points(points - offset)
        for offset in np.eye(3) * step
    ]
    jacobians = np.stack(columns, axis=-1) / (2 * step)
    return float(np.linalg.det(jacobians).min())


def _matrix_forms(
    transform: AffineTransform, fixed: ImageSource | None, moving: ImageSource | None
) -> tuple[MatrixForm, ...]:
    lps = transform.matrix
    missing = " and ".join(
        option for option, image in (("--fixed", fixed), ("--moving", moving)) if image is None
    )
    invertible = abs(transform.determinant) > 1e-12
    singular = "" if invertible else "an inverse, which this transform does not have"
    fsl = voxel = None
    fsl_lacks = missing or singular
    if fixed is not None and moving is not None:
        headers = header_of(fixed), header_of(moving)
        voxel = voxel_matrix(lps, *headers)
        fsl_lacks = fsl_lacks or why_undefined(headers[0]) or why_undefined(headers[1])
        fsl = None if fsl_lacks else fsl_matrix(lps, *headers)
    freesurfer = freesurfer_matrix(lps) if invertible else None
    return (
        MatrixForm("lps", "FIXED -> MOVING, LPS mm", "ITK, SimpleITK, ANTs, elastix", lps),
        MatrixForm("ras", "FIXED -> MOVING, RAS mm", "greedy, c3d, NIfTI", ras_matrix(lps)),
        MatrixForm("fsl", "MOVING -> FIXED, FSL's mm", "FLIRT's .mat", fsl, fsl_lacks),
        MatrixForm(
            "freesurfer", "MOVING (src) -> FIXED (dst), RAS mm", ".lta", freesurfer, singular
        ),
        MatrixForm(
            "voxel", "FIXED (i, j, k) -> MOVING (i, j, k), from 0", "voxel indices", voxel, missing
        ),
    )


def _matrix_data(form: MatrixForm) -> dict[str, Any]:
    return {
        "maps": form.maps,
        "used_by": form.used_by,
        "matrix": None if form.matrix is None else form.matrix.tolist(),
        "needs": form.needs,
    }
