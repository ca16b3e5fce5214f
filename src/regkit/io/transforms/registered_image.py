"""Image as a DICOM Spatial Registration object names it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydicom.dataset import Dataset

from regkit.io.dicom_source import DicomSource


@dataclass(frozen=True, eq=False)
class RegisteredImage:
    """An image as a registration names it: by frame of reference, study, series and instances.

    Parameters
    ----------
    frame_of_reference
        UID of the image's frame of reference; empty if unknown.
    references
        Items of a Referenced Image Sequence, one for each file; none if unknown.
    series
        Study and series UID of each instance UID, as far as known.
    header
        Dataset with the attributes of patient and study.
    """

    frame_of_reference: str
    references: tuple[Dataset, ...]
    series: dict[str, tuple[str, str]]
    header: Dataset


def image_of_source(source: DicomSource) -> RegisteredImage:
    """Return what a registration says of a DICOM image."""
    series = {
        str(header.SOPInstanceUID): (str(header.StudyInstanceUID), str(header.SeriesInstanceUID))
        for header in source.headers
    }
    references = tuple(source.references())
    return RegisteredImage(source.frame_of_reference, references, series, source.first)


def image_of_item(dataset: Any, item: Any) -> RegisteredImage:
    """Return what an item of a Registration Sequence says of its image.

    Parameters
    ----------
    dataset
        The Spatial Registration object.
    item
        Item of its Registration Sequence.
    """
    references = tuple(item.get("ReferencedImageSequence") or ())
    frame = str(item.get("FrameOfReferenceUID") or "")
    return RegisteredImage(frame, references, dict(_series(dataset)), dataset)


def _series(dataset: Any) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield each instance of the Common Instance Reference (C.12.2) with its study and series."""
    others = dataset.get("StudiesContainingOtherReferencedInstancesSequence") or ()
    for study in (dataset, *others):
        for series in study.get("ReferencedSeriesSequence") or ():
            names = _uid(study, "StudyInstanceUID"), _uid(series, "SeriesInstanceUID")
            for instance in series.get("ReferencedInstanceSequence") or ():
                yield _uid(instance, "ReferencedSOPInstanceUID"), names


def _uid(item: Any, name: str) -> str:
    return str(item.get(name) or "")
