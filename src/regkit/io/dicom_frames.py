"""Find the positions of the slices of DICOM files and stack the slices to a volume."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from regkit.errors import FileFormatError, GeometryError
from regkit.geometry.grid import FloatArray
from regkit.io.real_world_values import MAPPING, RESCALE, value_scale

# Slices nearer than this have the same position; chosen by hand, far below any slice spacing.
SAME_POSITION_MM = 0.01
# Deviation from even spacing that is taken for rounding: headers often round to 0.1 mm, which
# is up to 0.05 mm off; the fraction of the spacing, for thick slices, was chosen by hand.
SPACING_TOLERANCE_MM = 0.06
SPACING_TOLERANCE_FRACTION = 0.05

_FRAME_ATTRIBUTES = (
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    *RESCALE,
    MAPPING,
)
_FRAME_MACROS = (
    "PlanePositionSequence",
    "PlaneOrientationSequence",
    "PixelMeasuresSequence",
    "PixelValueTransformationSequence",
)


@dataclass(frozen=True, eq=False)
class DicomFrame:
    """One slice: the geometry of its pixels and the scaling of its stored values.

    Parameters
    ----------
    path, number
        The file, and the frame's number in it, from 0.
    position
        Centre of the first pixel in LPS mm.
    axes
        3 x 2 matrix to LPS mm: its columns are the steps to the next column and the next row.
    slope, intercept
        Rescaling of the stored values: value = slope * stored + intercept.
    """

    path: Path
    number: int
    position: FloatArray
    axes: FloatArray
    slope: float = 1.0
    intercept: float = 0.0


def frames_of(header: Any, path: Path) -> list[DicomFrame]:
    """Return the slices a DICOM header describes.

    Raises
    ------
    FileFormatError
        The file is no image, is in color, or lacks the positions of its slices.
    """
    if not header.get("Rows") or not header.get("Columns"):
        raise FileFormatError(f"is a DICOM {header.get('Modality') or 'object'} without an image")
    if header.get("Modality") == "SEG":
        raise FileFormatError("is a DICOM segmentation object; convert it to NIfTI first")
    if header.get("SamplesPerPixel", 1) != 1 or "PALETTE" in str(
        header.get("PhotometricInterpretation", "")
    ):
        raise FileFormatError("is a color picture; one number per voxel is needed")
    if header.get("PerFrameFunctionalGroupsSequence"):
        return _enhanced(header, path)
    if header.get("DetectorInformationSequence"):
        return _nuclear(header, path)
    count = int(header.get("NumberOfFrames") or 1)
    if count > 1:
        raise FileFormatError(f"has {count} frames and lacks the position of each")
    return [_frame(header, path, 0)]


def stack_frames(frames: list[DicomFrame]) -> tuple[list[DicomFrame], FloatArray]:
    """Sort slices along their normal and return them with the affine from (z, y, x) to LPS mm.

    Raises
    ------
    FileFormatError
        A single slice, slices missing or at the same position, several frames per slice.
    GeometryError
        Slices that are not parallel, impossible directions.
    """
    if len(frames) < 2:
        raise FileFormatError("holds a single slice; give the folder that holds the whole series")
    axes = frames[0].axes
    normal = _normal(axes)
    if any(not np.allclose(frame.axes, axes, rtol=0, atol=1e-3) for frame in frames):
        raise GeometryError(
            "the slices differ in direction or pixel spacing (a localiser?); keep one stack of "
            "parallel slices in the folder"
        )
    ordered = sorted(frames, key=lambda frame: float(frame.position @ normal))
    _check_repeats(ordered, normal)
    step = (ordered[-1].position - ordered[0].position) / (len(ordered) - 1)
    _check_spacing(ordered, normal, step)
    affine = np.eye(4)
    affine[:3, 2], affine[:3, 1], affine[:3, 0] = axes[:, 0], axes[:, 1], step
    affine[:3, 3] = ordered[0].position
    return ordered, affine


def _frame(attributes: Any, path: Path, number: int) -> DicomFrame:
    """Build a frame from a header, or from the parts of it that concern the frame."""
    position = _numbers(attributes, "ImagePositionPatient", 3)
    cosines = _numbers(attributes, "ImageOrientationPatient", 6).reshape(2, 3).T
    rows, columns = _numbers(attributes, "PixelSpacing", 2).tolist()
    if min(rows, columns) <= 0:
        raise GeometryError(f"pixel spacing must be positive, got {rows}, {columns} mm")
    scale = value_scale(attributes)
    return DicomFrame(
        path, number, position, cosines * [columns, rows], scale.slope, scale.intercept
    )


def _merged(parts: Iterable[Any]) -> dict[str, Any]:
    """Return the attributes of a frame, each from the first part of a header that has it."""
    found: dict[str, Any] = {}
    for part in parts:
        for name in _FRAME_ATTRIBUTES:
            if part.get(name) is not None:
                found.setdefault(name, part.get(name))
    return found


def _numbers(header: Any, name: str, count: int) -> FloatArray:
    values = header.get(name)
    if values is None or values == "" or len(values) != count:
        raise FileFormatError(f"lacks the positions of its slices ({name} is missing)")
    numbers = np.array([float(v) for v in values], dtype=np.float64)
    if not np.isfinite(numbers).all():
        raise GeometryError(f"{name} holds numbers that are not finite")
    return numbers


def _enhanced(header: Any, path: Path) -> list[DicomFrame]:
    """Return the frames of an enhanced multi-frame object, from its functional groups."""
    shared = _macros((header.get("SharedFunctionalGroupsSequence") or [{}])[0])
    return [
        _frame(_merged([*_macros(group), *shared, {MAPPING: header.get(MAPPING)}]), path, number)
        for number, group in enumerate(header.PerFrameFunctionalGroupsSequence)
    ]


def _macros(group: Any) -> list[Any]:
    """Return the parts of a functional group that concern a frame, and the group itself."""
    return [*(group[name][0] for name in _FRAME_MACROS if group.get(name)), group]


def _nuclear(header: Any, path: Path) -> list[DicomFrame]:
    """Return the slices of a reconstructed nuclear-medicine image.

    The position is that of the first slice; a negative Spacing Between Slices stacks against
    the normal (DICOM PS3.3, NM Reconstruction module, C.8.4.15).
    """
    kind = [str(value) for value in header.get("ImageType") or []]
    if "RECON TOMO" not in kind:
        listed = kind[2] if len(kind) > 2 else "of unknown type"
        raise FileFormatError(
            f"is a nuclear-medicine image ({listed}), not a reconstructed tomogram (RECON TOMO)"
        )
    detector = header.DetectorInformationSequence[0]
    first = _frame(_merged([detector, header]), path, 0)
    spacing = float(header.get("SpacingBetweenSlices") or 0.0)
    if spacing == 0:
        raise GeometryError("spacing between slices must not be zero; the header has none")
    order = header.get("SliceVector") or range(1, int(header.get("NumberOfFrames") or 1) + 1)
    step = _normal(first.axes) * spacing
    return [
        replace(first, number=number, position=first.position + (int(slice_number) - 1) * step)
        for number, slice_number in enumerate(order)
    ]


def _normal(axes: FloatArray) -> FloatArray:
    right, down = (axes / np.maximum(np.linalg.norm(axes, axis=0), 1e-12)).T
    normal = np.cross(right, down)
    length = np.linalg.norm(normal)
    if length < 1e-3:
        raise GeometryError("the slice direction is singular (ImageOrientationPatient)")
    return np.asarray(normal / length)


def _check_repeats(ordered: list[DicomFrame], normal: FloatArray) -> None:
    along = np.array([frame.position @ normal for frame in ordered])
    same = np.diff(along) < SAME_POSITION_MM
    if not same.any():
        return
    positions = np.concatenate([[0], np.cumsum(~same)])
    counts = set(Counter(positions.tolist()).values())
    if len(counts) == 1:
        raise FileFormatError(
            f"holds {counts.pop()} frames of every slice (time points, echoes or contrasts); "
            "one 3-D image is needed: keep one frame per slice"
        )
    at = int(np.argmax(same))
    raise FileFormatError(
        f"two slices are at the same position: {_neighbors(ordered, at)}; remove one"
    )


def _check_spacing(ordered: list[DicomFrame], normal: FloatArray, step: FloatArray) -> None:
    positions = np.array([frame.position for frame in ordered])
    even = positions[0] + np.arange(len(ordered))[:, None] * step
    tolerance = max(SPACING_TOLERANCE_MM, SPACING_TOLERANCE_FRACTION * float(step @ normal))
    if np.linalg.norm(positions - even, axis=1).max() <= tolerance:
        return
    gaps = np.diff(positions @ normal)
    at = int(np.argmax(np.abs(gaps - np.median(gaps))))
    raise FileFormatError(
        f"the slices are not evenly spaced: {np.median(gaps):.4g} mm mostly, {gaps[at]:.4g} mm "
        f"between {_neighbors(ordered, at)}; a slice may be missing"
    )


def _neighbors(ordered: list[DicomFrame], at: int) -> str:
    return f"{_frame_name(ordered[at])} and {_frame_name(ordered[at + 1])}"


def _frame_name(frame: DicomFrame) -> str:
    return frame.path.name if frame.number == 0 else f"{frame.path.name} frame {frame.number + 1}"
