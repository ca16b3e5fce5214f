"""The frames of DICOM objects of several frames: enhanced, nuclear medicine, dose.

DICOM PS3.3: C.7.6.16 (functional groups), C.8.4 (nuclear medicine), C.8.8.3 (dose).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.datadict import dictionary_description, keyword_for_tag

from regkit.errors import FileFormatError, GeometryError
from regkit.io.dicom_frames import (
    DicomFrame,
    build_frame,
    frame_count,
    header_labels,
    slice_normal,
)
from regkit.io.real_world_values import MAPPING

ENERGY_WINDOW = "energy window"
STACK = "stack"

_GEOMETRY_MACROS = (
    "PlanePositionSequence",
    "PlaneOrientationSequence",
    "PixelMeasuresSequence",
    "PixelValueTransformationSequence",
)
# Macros, and the attributes in them, by which volumes of one object differ.
_LABEL_MACROS = {
    "FrameContentSequence": {"StackID": STACK},
    "MREchoSequence": {"EffectiveEchoTime": "echo time"},
    "MRDiffusionSequence": {"DiffusionBValue": "b-value"},
    "CardiacSynchronizationSequence": {"NominalPercentageOfCardiacPhase": "cardiac phase"},
}
# Dimensions that number the slices of a volume; the others tell volumes apart.
_SLICE_DIMENSIONS = {
    "StackID", "InStackPositionNumber", "ImagePositionPatient", "ImagePositionVolume",
    "PlanePositionSequence", "TablePosition",
}  # fmt: skip
# Vectors that give each frame of a nuclear-medicine image its place in the acquisition.
_NM_VECTORS = {
    "EnergyWindowVector": ENERGY_WINDOW,
    "DetectorVector": "detector",
    "RotationVector": "rotation",
    "PhaseVector": "phase",
    "RRIntervalVector": "R-R interval",
    "TimeSlotVector": "time slot",
}
_NM_VOLUMES = ("RECON TOMO", "RECON GATED TOMO")

# Attributes that these functions read.
MULTIFRAME_ATTRIBUTES = (
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence",
    "DimensionIndexSequence", "DetectorInformationSequence", "SliceVector", "NumberOfSlices",
    "GridFrameOffsetVector", "DoseGridScaling", "DoseUnits", *_NM_VECTORS,
)  # fmt: skip


def enhanced_frames(header: Any, path: Path) -> list[DicomFrame]:
    """Return the frames of an enhanced multi-frame object, from its functional groups."""
    groups = header.PerFrameFunctionalGroupsSequence
    _require_length("PerFrameFunctionalGroupsSequence", groups, frame_count(header))
    shared = (header.get("SharedFunctionalGroupsSequence") or [{}])[0]
    dimensions = _dimensions(header)
    return [
        build_frame(
            header,
            path,
            number,
            [*_macros(group), *_macros(shared), {MAPPING: header.get(MAPPING)}],
            _group_labels(shared) | _group_labels(group) | _dimension_labels(group, dimensions),
        )
        for number, group in enumerate(groups)
    ]


def nuclear_frames(header: Any, path: Path) -> list[DicomFrame]:
    """Return the slices of a reconstructed nuclear-medicine image.

    The position is that of the first slice; a negative Spacing Between Slices stacks against
    the normal (DICOM PS3.3, NM Reconstruction module, C.8.4.15).
    """
    kind = [str(value) for value in header.get("ImageType") or []]
    if not set(_NM_VOLUMES) & set(kind):
        listed = kind[2] if len(kind) > 2 else "of unknown type"
        raise FileFormatError(
            f"is a nuclear-medicine image ({listed}), not a reconstructed tomogram (RECON TOMO)"
        )
    labels = _nuclear_labels(header)
    numbers = _slice_numbers(header, labels)
    spacing = float(header.get("SpacingBetweenSlices") or 0.0)
    if spacing == 0:
        raise GeometryError("spacing between slices must not be zero; the header has none")
    frames = []
    for number, slice_number in enumerate(numbers):
        first = build_frame(
            header, path, number, [_detector(header, labels[number]), header], labels[number]
        )
        step = slice_normal(first.axes) * spacing
        frames.append(replace(first, position=first.position + (slice_number - 1) * step))
    return frames


def dose_frames(header: Any, path: Path) -> list[DicomFrame]:
    """Return the slices of a dose, in its DoseUnits.

    Grid Frame Offset Vector begins with 0 and counts from the image position along the normal, or,
    in axial planes, it lists the patient's z (DICOM PS3.3, RT Dose module, C.8.8.3.2).
    """
    first = build_frame(header, path, 0, [header], {})
    first = replace(first, slope=float(header.get("DoseGridScaling") or 1.0), intercept=0.0)
    offsets = np.atleast_1d(np.array(header.get("GridFrameOffsetVector", 0.0), dtype=np.float64))
    _require_length("GridFrameOffsetVector", offsets, frame_count(header))
    normal = slice_normal(first.axes)
    is_z = abs(normal[2]) > 1 - 1e-6 and np.isclose(offsets[0], first.position[2], atol=1e-3)
    if offsets[0] != 0 and not is_z:
        raise GeometryError(
            f"GridFrameOffsetVector begins with {offsets[0]:g}, neither 0 nor the z of "
            f"ImagePositionPatient ({first.position[2]:g} mm)"
        )
    direction = normal if offsets[0] == 0 else np.array([0.0, 0.0, 1.0])
    return [
        replace(first, number=number, position=first.position + offset * direction)
        for number, offset in enumerate(offsets - offsets[0])
    ]


def _require_length(what: str, values: Sequence[Any] | Any, frames: int) -> None:
    if len(values) != frames:
        raise FileFormatError(
            f"contradicts itself: {what} has {len(values)} entries, NumberOfFrames is {frames}; "
            "export it again"
        )


def _macros(group: Any) -> list[Any]:
    """Return the parts of a functional group that concern a frame, and the group itself."""
    return [*(group[name][0] for name in _GEOMETRY_MACROS if group.get(name)), group]


def _group_labels(group: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for macro, keywords in _LABEL_MACROS.items():
        if group.get(macro):
            found |= header_labels(group[macro][0], keywords)
    return found


def _dimensions(header: Any) -> list[str]:
    """Return the name of each dimension; empty for those that number the slices."""
    pointers = [
        item.get("DimensionIndexPointer") for item in header.get("DimensionIndexSequence") or []
    ]
    return [_dimension_name(pointer, place) for place, pointer in enumerate(pointers, 1)]


def _dimension_name(pointer: Any, place: int) -> str:
    keyword = keyword_for_tag(pointer) if pointer is not None else ""
    if keyword in _SLICE_DIMENSIONS:
        return ""
    return dictionary_description(pointer).lower() if keyword else f"dimension {place}"


def _dimension_labels(group: Any, dimensions: list[str]) -> dict[str, str]:
    content = (group.get("FrameContentSequence") or [{}])[0]
    values = content.get("DimensionIndexValues") or []
    values = [values] if isinstance(values, int) else list(values)
    if values and len(values) != len(dimensions) and dimensions:
        raise FileFormatError(
            f"contradicts itself: a frame has {len(values)} DimensionIndexValues, "
            f"DimensionIndexSequence has {len(dimensions)} entries"
        )
    return {name: str(value) for name, value in zip(dimensions, values, strict=False) if name}


def _nuclear_labels(header: Any) -> list[dict[str, str]]:
    """Return the energy window, detector and gate of each frame."""
    count = frame_count(header)
    labels: list[dict[str, str]] = [{ENERGY_WINDOW: "1"} for _ in range(count)]
    for keyword, name in _NM_VECTORS.items():
        vector = _vector(header, keyword, count)
        for label, value in zip(labels, vector, strict=False):
            label[name] = str(value)
    return labels


def _vector(header: Any, keyword: str, count: int) -> list[int]:
    values = header.get(keyword)
    if values is None or values == "":
        return []
    numbers = [int(value) for value in ([values] if isinstance(values, int) else values)]
    _require_length(keyword, numbers, count)
    return numbers


def _slice_numbers(header: Any, labels: list[dict[str, str]]) -> list[int]:
    """Return the number of each frame's slice, from 1; they must agree with NumberOfSlices.

    Without a Slice Vector, the slices of a volume follow one another; volumes that no other
    vector tells apart are labelled by their order.
    """
    stated = int(header.get("NumberOfSlices") or 0)
    numbers = _vector(header, "SliceVector", len(labels))
    volumes: defaultdict[tuple[str, ...], list[int]] = defaultdict(list)
    for number, label in enumerate(labels):
        volumes[tuple(label.values())].append(number)
    if numbers:
        expected = set(range(1, (stated or max(numbers)) + 1))
        if any({numbers[frame] for frame in frames} != expected for frames in volumes.values()):
            raise FileFormatError(
                f"contradicts itself: SliceVector names slices {min(numbers)} to {max(numbers)}, "
                f"not each of {len(expected)} in every volume; export it again"
            )
        return numbers
    numbers = [0] * len(labels)
    for frames in volumes.values():
        per_volume = stated or len(frames)
        if len(frames) % per_volume:
            raise FileFormatError(
                f"contradicts itself: {len(frames)} frames are no whole number of volumes of "
                f"NumberOfSlices {stated}; export it again"
            )
        for order, frame in enumerate(frames):
            numbers[frame] = order % per_volume + 1
            if len(frames) > per_volume:
                labels[frame]["volume"] = str(order // per_volume + 1)
    return numbers


def _detector(header: Any, labels: dict[str, str]) -> Any:
    detectors = header.get("DetectorInformationSequence") or [{}]
    number = int(labels.get("detector", 1))
    if not 1 <= number <= len(detectors):
        return detectors[0]
    return detectors[number - 1]
