"""Write label maps as DICOM segmentation objects (SEG)."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pydicom

from regkit.errors import FileFormatError, one_line
from regkit.geometry.volume import LabelMap
from regkit.io.atomic_output import atomic_output
from regkit.io.dicom_image import uid_of, volume_digest
from regkit.io.dicom_source import DicomSource, read_dicom_source
from regkit.io.formats import is_dicom
from regkit.io.native_output import suppress_native_output
from regkit.version import installed_version

logger = logging.getLogger(__name__)

# Derived series come after those of a scanner; chosen by hand.
SERIES_NUMBER = 900
# Length of a SegmentLabel (value representation LO, DICOM PS3.5).
_NAME_LENGTH = 64


def write_seg(labels: LabelMap, path: Path, source: Path) -> None:
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
        DICOM folder or file of the image that the labels belong to: its patient, study and frame
        of reference become those of the segmentation.

    Raises
    ------
    FileFormatError
        The label map is empty or has negative labels, or the source is no DICOM image with a frame
        of reference.
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
    image = read_dicom_source(source)
    if not image.first.get("FrameOfReferenceUID"):
        raise FileFormatError(
            f"{source}: names no frame of reference, so a SEG of it would lie nowhere; write the "
            "labels as NIfTI instead"
        )
    try:
        with suppress_native_output():
            seg = _segmentation(labels, image)
    except (AttributeError, TypeError, ValueError) as error:  # highdicom refuses the headers
        raise FileFormatError(
            f"{source}: no segmentation can be made for this image ({one_line(str(error))})"
        ) from error
    with atomic_output(path.parent) as stage:
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


def _segmentation(labels: LabelMap, image: DicomSource) -> Any:
    from highdicom import Volume  # noqa: PLC0415 - takes half a second
    from highdicom.seg import Segmentation  # noqa: PLC0415

    numbers = np.array([0, *labels.labels])
    volume = Volume(
        np.searchsorted(numbers, labels.array).astype(np.min_scalar_type(len(numbers))),
        labels.grid.affine,
        coordinate_system="PATIENT",
        frame_of_reference_uid=image.first.FrameOfReferenceUID,
    )
    made = (
        f"{image.first.SeriesInstanceUID} {volume_digest(labels)} {sorted(labels.names.items())}"
    )
    names = [labels.names.get(n) or f"label {n}" for n in labels.labels]
    return Segmentation(
        image.headers,
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
