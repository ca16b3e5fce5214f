"""Geometry of an image file as its header states it, before regkit resamples a sheared image.

Formats whose numbers refer to voxels (FSL's, FreeSurfer's voxel to voxel) need it: what a program
counted are the voxels of the file, with the sizes written there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

import numpy as np

from regkit.geometry.grid import FloatArray, Grid, Vector3
from regkit.io.images import read_raw, reported_errors, stored_format
from regkit.io.nifti import read_nifti_header
from regkit.io.nifti_geometry import nifti_affine
from regkit.io.nifti_header import header_shape
from regkit.io.raw_image import volume_shape
from regkit.io.selection import ONLY_IMAGE, ImageSelection
from regkit.io.shear import unsheared_grid

DICOM = "DICOM"
NIFTI = "NIfTI"


@dataclass(frozen=True, eq=False)
class ImageHeader:
    """The voxels of an image file in patient space.

    Parameters
    ----------
    shape_zyx
        Number of voxels along the array axes z, y, x.
    affine
        4 x 4 matrix from array index (z, y, x, 1) to LPS mm; may be sheared.
    voxel_size
        Size of a voxel along x, y, z as the header writes it, in the file's own unit; without a
        sign, but possibly zero or NaN.
    radiological
        Order of the voxels along x for FSL: true for a negative determinant, and for an image
        without orientation.
    format
        Name of the file format; empty for a grid in memory.
    path
        The file; None for a grid in memory.
    """

    shape_zyx: tuple[int, int, int]
    affine: FloatArray
    voxel_size: Vector3
    radiological: bool
    format: str = ""
    path: Path | None = None

    @cached_property
    def grid(self) -> Grid:
        """Grid of the volume that `regkit.io.read_volume` returns."""
        return unsheared_grid(self.shape_zyx, self.affine)

    @property
    def voxel_to_lps(self) -> FloatArray:
        """4 x 4 matrix from voxel (i, j, k), first axis x, to LPS mm."""
        return np.asarray(self.affine[:, [2, 1, 0, 3]])

    @classmethod
    def of_affine(
        cls,
        shape_zyx: tuple[int, ...],
        affine: FloatArray,
        format: str = "",  # noqa: A002
        path: Path | None = None,
    ) -> ImageHeader:
        """Build the header of an image whose voxel sizes are those of its matrix, in mm."""
        z, y, x = shape_zyx
        sx, sy, sz = np.linalg.norm(affine[:3, 2::-1], axis=0).tolist()
        return cls((z, y, x), affine, (sx, sy, sz), _is_radiological(affine), format, path)


@dataclass(frozen=True)
class ImageFile:
    """An image file, and the choice of one image in it; its header is read when needed."""

    path: Path
    selection: ImageSelection = ONLY_IMAGE


ImageSource: TypeAlias = ImageHeader | ImageFile | Grid | str | Path


def header_of(source: ImageSource) -> ImageHeader:
    """Return the header of an image file, or that of a grid in memory."""
    if isinstance(source, ImageHeader):
        return source
    if isinstance(source, Grid):
        return ImageHeader.of_affine(source.shape_zyx, source.affine)
    if isinstance(source, ImageFile):
        return read_image_header(source.path, source.selection)
    return read_image_header(source)


def read_image_header(path: str | Path, selection: ImageSelection = ONLY_IMAGE) -> ImageHeader:
    """Read the geometry of any file or folder that `regkit.io.read_volume` reads.

    Raises
    ------
    FileFormatError, SelectionError, GeometryError
        As `regkit.io.read_volume`.
    """
    path = Path(path)
    with reported_errors(path):
        kind = stored_format(path).name
        if kind.startswith(NIFTI) and selection == ONLY_IMAGE:
            header = _nifti_header(path, kind)
        else:
            raw = read_raw(path, selection)
            header = ImageHeader.of_affine(raw.array.shape, raw.affine, kind, path)
        _ = header.grid  # refuses impossible geometry
    return header


def _nifti_header(path: Path, kind: str) -> ImageHeader:
    stored = read_nifti_header(path)
    shape = volume_shape(header_shape(stored))
    x, y, z = (abs(float(size)) for size in stored["pixdim"][1:4])
    oriented = stored["sform_code"] > 0 or stored["qform_code"] > 0
    affine = nifti_affine(stored, path)
    return ImageHeader(
        shape, affine, (x, y, z), not oriented or _is_radiological(affine), kind, path
    )


def _is_radiological(affine: FloatArray) -> bool:
    # The determinant of the voxel axes in the order x, y, z; LPS and RAS have the same.
    return bool(np.linalg.det(affine[:3, 2::-1]) < 0)
