"""Read and write a displacement field stored as an image, as ANTs, greedy and transformix do.

The vectors are in LPS mm at the voxels of the fixed image; they point to the moving image.
"""

from __future__ import annotations

from pathlib import Path

from regkit.errors import FileFormatError, TransformError
from regkit.geometry.grid import Grid
from regkit.geometry.transform import DisplacementField, Transform
from regkit.io.formats import FORMATS, format_to_write
from regkit.io.images import imported, stored_format
from regkit.io.transforms.format import ImagePair, TransformFormat
from regkit.io.transforms.nifti_intent import INTENT_VECTOR, nifti_intent
from regkit.io.vector_image import VectorImage


def read_warp(path: Path, images: ImagePair) -> Transform:  # noqa: ARG001
    """Read an image of displacement vectors in LPS mm."""
    found = stored_format(path)
    if not found.vector_reader:
        raise FileFormatError(f"is {found.name}; displacement fields are read from {_listed()}")
    vectors: VectorImage = imported(found.vector_reader)(path)
    *shape, components = vectors.array.shape
    if components != 3:
        raise FileFormatError(
            f"a displacement field needs 3 numbers at each voxel of a 3-D image, got {components}"
        )
    z, y, x = shape
    return DisplacementField(vectors.array, Grid.from_affine((z, y, x), vectors.affine))


def write_warp(transform: Transform, path: Path, images: ImagePair) -> None:  # noqa: ARG001
    """Write a displacement field as an image; the suffix chooses its format."""
    if not isinstance(transform, DisplacementField):
        raise TransformError(
            "this format holds one displacement field only and the transform is another; "
            "write it as ITK .h5 or .tfm (format 'itk')"
        )
    found = format_to_write(path)
    if not found.vector_writer:
        raise FileFormatError(f"{found.name} holds no vectors; use {_listed()}")
    imported(found.vector_writer)(transform.displacement, transform.grid, path)


def _listed() -> str:
    return ", ".join(s for known in FORMATS if known.vector_reader for s in known.suffixes)


def _recognizes(path: Path, start: bytes) -> bool:  # noqa: ARG001
    # ITK gives no name to the intent; SPM calls the positions that it stores "Mapping".
    intent = nifti_intent(start)
    return intent is not None and (intent.code, intent.name) == (INTENT_VECTOR, "")


WARP = TransformFormat(
    name="warp",
    title="ANTs, greedy, transformix: image of displacements, fixed to moving, LPS mm",
    suffixes=(),
    recognizes=_recognizes,
    read=read_warp,
    write=write_warp,
    linear_only=False,
)
