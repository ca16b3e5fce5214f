"""Write label maps as DICOM segmentation objects (SEG)."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from copy import copy
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset

from regkit.errors import FileFormatError, one_line
from regkit.geometry.volume import LabelMap
from regkit.io.atomic_output import atomic_output
from regkit.io.dicom_frames import DicomFrame
from regkit.io.dicom_headers import frames_of
from regkit.io.dicom_image import uid_of, volume_digest
from regkit.io.dicom_required import REQUIRED
from regkit.io.dicom_source import DicomSource
from regkit.io.formats import is_dicom
from regkit.io.native_output import suppress_native_output
from regkit.version import installed_version

logger = logging.getLogger(__name__)

# Derived series come after those of a scanner; chosen by hand.
SERIES_NUMBER = 900
# Length of a SegmentLabel (value representation LO, DICOM PS3.5).
_NAME_LENGTH = 64
_UTF_8 = "ISO_IR 192"


def write_seg(labels: LabelMap, path: Path, source: DicomSource) -> None:
    """Write a label map as a binary DICOM segmentation.

    DICOM numbers segments from 1 without gaps: other labels are renumbered, with a warning in the
    log. Segments have the names of the label map, or "label N". Empty slices are left out.

    Parameters
    ----------
    labels
        Label map, in the patient space of the source.
    path
        File to write; it appears whole or not at all.
    source
        Headers of the image that the labels belong to: its patient, study and frame of reference
        become those of the segmentation.

    Raises
    ------
    FileFormatError
        The label map is empty or has negative labels, or the headers do not suffice.
    OutputError
        The folder cannot be written.
    """
    numbers = labels.labels
    if not numbers or numbers[0] < 0:
        fault = "has negative labels" if numbers else "is empty"
        raise FileFormatError(f"{path.name}: the label map {fault}; segments are numbered from 1")
    if numbers != tuple(range(1, len(numbers) + 1)):
        changed = ", ".join(f"{old} is {new}" for new, old in enumerate(numbers, 1) if old != new)
        logger.warning("%s numbers its segments from 1 without gaps: label %s", path.name, changed)
    frame = source.frame_of_reference
    try:
        with suppress_native_output():
            seg = _segmentation(labels, source, frame)
    except (AttributeError, TypeError, ValueError) as error:  # highdicom refuses the headers
        raise FileFormatError(
            f"{source.path}: no segmentation can be made for this image ({one_line(str(error))})"
        ) from error
    with atomic_output(path.parent) as stage, suppress_native_output():
        seg.save_as(stage.path(path.name))


def is_same_seg(new: Path, old: Path) -> bool:
    """Return whether two files hold the same segmentation, if made at different times."""
    if not (old.is_file() and is_dicom(old)):
        return False
    with suppress_native_output():
        uids = [
            pydicom.dcmread(file, stop_before_pixels=True).SOPInstanceUID for file in (new, old)
        ]
    return bool(uids[0] == uids[1])


def _segmentation(labels: LabelMap, image: DicomSource, frame: str) -> Any:
    from highdicom import Volume  # noqa: PLC0415 - takes half a second
    from highdicom.seg import Segmentation  # noqa: PLC0415

    numbers = np.array([0, *labels.labels])
    volume = Volume(
        np.searchsorted(numbers, labels.array).astype(np.min_scalar_type(len(numbers))),
        labels.grid.affine,
        coordinate_system="PATIENT",
        frame_of_reference_uid=frame,
    )
    made = (
        f"{image.first.SeriesInstanceUID} {volume_digest(labels)} {sorted(labels.names.items())}"
    )
    names = [labels.names.get(n) or f"label {n}" for n in labels.labels]
    seg = Segmentation(
        [
            _prepared(header, path, frame, labels.grid.spacing[2])
            for header, path in zip(image.headers, image.files, strict=True)
        ],
        volume,
        "BINARY",
        [_description(number, name) for number, name in enumerate(names, start=1)],
        series_instance_uid=uid_of(made, "series"),
        series_number=SERIES_NUMBER,
        sop_instance_uid=uid_of(made, "segmentation"),
        instance_number=1,
        manufacturer="regkit",
        manufacturer_model_name="regkit",
        software_versions=installed_version(),
        device_serial_number="none",
        content_label="LABELS",
        series_description="Labels (regkit)",
    )
    seg.SpecificCharacterSet = _UTF_8  # names may have characters that the image's lacks
    return seg


def _prepared(header: Any, path: Path, frame: str, thickness: float) -> Any:
    """Return a header with all that highdicom takes from an image."""
    prepared = copy(header)
    prepared.FrameOfReferenceUID = frame
    for name in REQUIRED:
        if name not in prepared:
            setattr(prepared, name, None)
    if "NumberOfFrames" in prepared:
        _set_frames(prepared, frames_of(header, path), thickness)
    return prepared


def _set_frames(header: Any, frames: Sequence[DicomFrame], thickness: float) -> None:
    """Set the positions of the frames of a multi-frame image, as enhanced images have them."""
    from highdicom import (  # noqa: PLC0415
        PixelMeasuresSequence,
        PlaneOrientationSequence,
        PlanePositionSequence,
    )

    axes = frames[0].axes
    sizes = np.linalg.norm(axes, axis=0)
    shared, groups = Dataset(), [Dataset() for _ in frames]
    shared.PlaneOrientationSequence = PlaneOrientationSequence(
        "PATIENT", (axes / sizes).T.ravel().tolist()
    )
    shared.PixelMeasuresSequence = PixelMeasuresSequence(sizes[::-1].tolist(), thickness)
    for group, frame in zip(groups, frames, strict=True):
        group.PlanePositionSequence = PlanePositionSequence("PATIENT", frame.position.tolist())
    header.SharedFunctionalGroupsSequence = [shared]
    header.PerFrameFunctionalGroupsSequence = groups


def _description(number: int, name: str) -> Any:
    """Describe a segment: what it shows is not known, so its codes only say tissue."""
    from highdicom import AlgorithmIdentificationSequence  # noqa: PLC0415
    from highdicom.seg import SegmentDescription  # noqa: PLC0415
    from pydicom.sr.codedict import codes  # noqa: PLC0415

    return SegmentDescription(
        number,
        name[:_NAME_LENGTH],
        codes.SCT.Tissue,
        codes.SCT.Tissue,
        "SEMIAUTOMATIC",
        AlgorithmIdentificationSequence(
            "regkit", codes.cid7162.MorphologicalOperations, installed_version()
        ),
    )
