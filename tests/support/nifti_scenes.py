"""NIfTI files with every kind of header that matters to voxel-based transforms."""

from pathlib import Path

import nibabel as nib
import numpy as np
from scipy.spatial.transform import Rotation

SHAPE = (13, 11, 9)
SIZES = (2.0, 2.5, 3.0)


def _axes(signs=(1, 1, 1), sizes=SIZES, turn=(0, 0, 0), shear=0.0, order=(0, 1, 2)):
    matrix = np.eye(4)
    slanted = np.eye(3) + np.array([[0, 0, 0], [0, 0, shear], [0, 0, 0]])
    rotation = Rotation.from_euler("xyz", turn, degrees=True).as_matrix()
    matrix[:3, :3] = (rotation @ slanted @ np.diag(signs))[:, order] * sizes
    matrix[:3, 3] = (21, -34, 5)
    return matrix


# The matrix from voxels to RAS, in the unit of the file.
AFFINES = {
    "radiological": _axes((-1, 1, 1)),
    "neurological": _axes(),
    "flipped y and z": _axes((1, -1, -1)),
    "flipped z": _axes((1, 1, -1)),
    "sheared 15 degrees": _axes((-1, 1, 1), shear=np.tan(np.radians(15))),
    "sheared, neurological": _axes(shear=-0.3),
    "oblique": _axes((-1, 1, 1), (0.7, 1.9, 4.1), (20, -35, 50)),
    "oblique, neurological": _axes((1, 1, 1), (1.1, 0.6, 5.0), (-70, 10, 160)),
    "oblique, sheared": _axes((-1, 1, 1), (0.8, 0.8, 5.0), (5, 12, -8), shear=0.2),
    "sagittal": _axes((-1, 1, -1), (3.0, 1.0, 1.2), order=(1, 2, 0)),
}
KINDS = (*AFFINES, "no orientation", "qform only", "micron", "micron, neurological", "meter")
_UNITS = {"micron": 1000.0, "meter": 0.001}


def unit_mm(kind: str) -> float:
    """Return the millimeters of a file's unit."""
    return 1.0 / _UNITS.get(kind.partition(",")[0], 1.0)


def write_nifti_of_kind(kind: str, path: Path, shape=SHAPE) -> nib.Nifti1Image:
    """Write an image of one of `KINDS`; return it as nibabel reads it back."""
    image = nib.Nifti1Image(np.arange(np.prod(shape), dtype=np.int16).reshape(shape), None)
    unit = kind.partition(",")[0]
    image.header.set_xyzt_units(unit if unit in _UNITS else "mm")
    if kind == "no orientation":
        image.header.set_zooms(SIZES)
    elif kind == "qform only":
        image.set_qform(AFFINES["oblique"], 1)
        image.set_sform(None, 0)
    else:
        name = "neurological" if "neurological" in kind else "radiological"
        affine = AFFINES.get(kind, AFFINES[name]).copy()
        affine[:3] /= unit_mm(kind)
        image.set_sform(affine, 1)
        image.header["pixdim"][1:4] = np.linalg.norm(affine[:3, :3], axis=0)
    image.to_filename(path)
    return nib.load(path)
