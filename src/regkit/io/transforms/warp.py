"""Read and write a displacement field stored as an image, as ANTs, greedy and transformix do.

The vectors are in LPS mm at the voxels of the fixed image; they point to the moving image.
"""

from __future__ import annotations

from pathlib import Path

from regkit.errors import FileFormatError, OutputError, TransformError
from regkit.geometry.transform import DisplacementField, Transform
from regkit.io.transforms.format import ImagePair, TransformFormat
from regkit.io.transforms.nifti_intent import INTENT_VECTOR, nifti_intent


def read_warp(path: Path, images: ImagePair) -> Transform:  # noqa: ARG001
    """Read an image of displacement vectors in LPS mm."""
    import SimpleITK as sitk  # noqa: PLC0415 - slow to load, seldom needed

    from regkit.geometry.sitk_bridge import transform_from_sitk  # noqa: PLC0415 - it loads it
    from regkit.io.native_output import suppress_native_output  # noqa: PLC0415 - it loads it

    try:
        with suppress_native_output():
            image = sitk.ReadImage(str(path), sitk.sitkVectorFloat64)
    except RuntimeError as error:
        raise FileFormatError("ITK cannot read it as an image of vectors") from error
    if image.GetDimension() != 3 or image.GetNumberOfComponentsPerPixel() != 3:
        raise FileFormatError(
            "a displacement field needs 3 numbers at each voxel of a 3-D image, got "
            f"{image.GetNumberOfComponentsPerPixel()} in {image.GetDimension()}-D"
        )
    return transform_from_sitk(sitk.DisplacementFieldTransform(image))


def write_warp(transform: Transform, path: Path, images: ImagePair) -> None:  # noqa: ARG001
    """Write a displacement field as an image; the suffix chooses its format."""
    import SimpleITK as sitk  # noqa: PLC0415 - slow to load, seldom needed

    from regkit.geometry.sitk_bridge import transform_to_sitk  # noqa: PLC0415 - it loads it
    from regkit.io.native_output import suppress_native_output  # noqa: PLC0415 - it loads it

    if not isinstance(transform, DisplacementField):
        raise TransformError(
            "this format holds one displacement field only and the transform is another; "
            "write it as ITK .h5 or .tfm (format 'itk')"
        )
    try:
        with suppress_native_output():
            sitk.WriteImage(transform_to_sitk(transform).GetDisplacementField(), str(path))
    except RuntimeError as error:
        raise OutputError(
            "ITK could not write it; use .nii.gz, .mha or .nrrd, or free some disk space"
        ) from error


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
