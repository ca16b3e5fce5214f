"""Read and write transforms with SimpleITK, as ITK's files of any suffix."""

from __future__ import annotations

from pathlib import Path

import SimpleITK as sitk

from regkit.errors import FileFormatError, OutputError
from regkit.geometry.sitk_bridge import transform_from_sitk, transform_to_sitk
from regkit.geometry.transform import Transform
from regkit.io.native_output import suppress_native_output

# ITK tells of a full disk when it writes these; its other writers lose numbers silently.
CHECKED_BY_ITK = (".h5", ".hdf5")


def read_with_sitk(path: Path, declared: list[list[int]] | None = None) -> Transform:
    """Read a linear transform, a displacement field or a composite.

    Parameters
    ----------
    path
        The file.
    declared
        Numbers of parameters and fixed parameters that the file gives to each transform.
    """
    transform = _read(path)
    _check_counts(declared or [], transform)
    return transform_from_sitk(transform)


def _read(path: Path) -> sitk.Transform:
    """Read a file with SimpleITK; its errors of many lines become one line."""
    try:
        with suppress_native_output():
            return sitk.ReadTransform(str(path))
    except (RuntimeError, UnicodeDecodeError) as error:  # ITK quotes whatever bytes it found
        text = str(error)
        if "Could not create an instance of" in text:
            raise FileFormatError(
                "it holds a transform of a type that ITK does not know"
            ) from error
        raise FileFormatError(
            "ITK cannot read it as a transform: it is damaged, truncated or something else"
        ) from error


def write_with_sitk(transform: Transform, path: Path) -> None:
    """Write a file with SimpleITK; its errors of many lines become one line."""
    written = transform_to_sitk(transform)
    try:
        with suppress_native_output():
            sitk.WriteTransform(written, str(path))
    except RuntimeError as error:
        raise OutputError("ITK could not write it; is the disk full?") from error
    if path.suffix.lower() not in CHECKED_BY_ITK and not _reads_back_equal(path, written):
        raise OutputError("ITK could not write it whole; is the disk full?")


def _reads_back_equal(path: Path, written: sitk.Transform) -> bool:
    try:
        found = sitk.ReadTransform(str(path))
    except RuntimeError:
        return False
    return bool(
        found.GetParameters() == written.GetParameters()
        and found.GetFixedParameters() == written.GetFixedParameters()
    )


def _check_counts(declared: list[list[int]], transform: sitk.Transform) -> None:
    specific = transform.Downcast()
    parts = [specific]
    if isinstance(specific, sitk.CompositeTransform) and specific.GetNumberOfTransforms() > 0:
        count = specific.GetNumberOfTransforms()
        parts = [specific.GetNthTransform(n) for n in range(count)]
    for (parameters, _), part in zip(declared, parts, strict=False):
        expected = part.GetNumberOfParameters()
        if parameters != expected:
            raise FileFormatError(
                f"a {part.GetName()} needs {expected} parameters, the file gives {parameters}: "
                "is it truncated?"
            )
