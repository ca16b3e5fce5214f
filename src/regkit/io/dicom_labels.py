"""Read labels from DICOM objects that are no image: RT Structure Sets and segmentations (SEG)."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pydicom

from regkit.errors import FileFormatError
from regkit.geometry.volume import LabelMap
from regkit.io.formats import is_dicom
from regkit.io.labeled_image import LabeledImage
from regkit.io.native_output import suppress_native_output
from regkit.io.region import choose_regions, merge_regions
from regkit.io.rtstruct import read_structures
from regkit.io.segmentation import put_back_empty_slices, read_segments

logger = logging.getLogger(__name__)

_TAGS = ["Modality", "FrameOfReferenceUID"]


def label_object(path: Path) -> Path | None:
    """Return the DICOM label object that a path is or, as a folder, holds; None if there is none.

    Raises
    ------
    FileFormatError
        A folder holds several label objects.
    """
    found = [file for file in _dicom_files(path) if _header(file).get("Modality") in _READERS]
    if len(found) > 1:
        listed = ", ".join(file.name for file in found[:8])
        raise FileFormatError(f"the folder holds {len(found)} label objects: {listed}; give one")
    return found[0] if found else None


def read_label_object(path: Path, choice: str, image: LabeledImage | None) -> LabelMap:
    """Read regions of an RT Structure Set or a SEG.

    Parameters
    ----------
    path
        The DICOM file.
    choice
        Regions wanted; see `regkit.io.region.choose_regions`.
    image
        Image that the labels belong to: contours are rasterized on its grid, and slices that a SEG
        leaves out are put back as far as it goes.

    Raises
    ------
    FileFormatError
        No such region, contours without an image, segments without a regular grid.
    """
    return _READERS[_header(path)["Modality"].value](path, choice, image)


def _read_contours(path: Path, choice: str, image: LabeledImage | None) -> LabelMap:
    structures = read_structures(path)
    if image is None:
        raise FileFormatError(
            "is an RT Structure Set: contours have no voxels; name the image they were drawn on "
            "(--drawn-on)"
        )
    frames = {structure.number: structure.frame_of_reference for structure in structures}
    chosen = choose_regions([structure.region(image.grid) for structure in structures], choice)
    _compare_frames({frames[region.number] for region in chosen}, path, image.path)
    return merge_regions(chosen, image.grid)


def _read_segments(path: Path, choice: str, image: LabeledImage | None) -> LabelMap:
    regions, grid = read_segments(path)
    labels = merge_regions(choose_regions(regions, choice), grid)
    if image is None:
        return labels
    _compare_frames({str(_header(path).get("FrameOfReferenceUID") or "")}, path, image.path)
    return put_back_empty_slices(labels, image.grid)


_READERS = {"RTSTRUCT": _read_contours, "SEG": _read_segments}


def _compare_frames(frames: Iterable[str], path: Path, image: Path | None) -> None:
    """Warn if labels are in another patient coordinate system than their image."""
    headers = [] if image is None else [_header(file) for file in _dicom_files(image)]
    images = [header for header in headers if header.get("Modality") not in _READERS]
    known = {str(header.get("FrameOfReferenceUID") or "") for header in images} - {""}
    if known and set(frames) - {""} - known:
        logger.warning(
            "%s has another frame of reference (FrameOfReferenceUID) than %s: its labels may lie "
            "elsewhere", path, image,
        )  # fmt: skip


def _dicom_files(path: Path) -> list[Path]:
    files = sorted(path.iterdir()) if path.is_dir() else [path]
    return [file for file in files if file.is_file() and is_dicom(file)]


def _header(path: Path) -> Any:
    with suppress_native_output():
        return pydicom.dcmread(path, force=True, stop_before_pixels=True, specific_tags=_TAGS)
