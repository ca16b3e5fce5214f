"""Read DICOM images: a series in a folder, or one multi-frame file."""

from __future__ import annotations

import logging
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regkit.errors import FileFormatError, SelectionError
from regkit.io.dicom_folder import find_series
from regkit.io.dicom_frames import DicomFrame
from regkit.io.dicom_headers import read_dicom_header
from regkit.io.dicom_pixels import stored_values
from regkit.io.dicom_series import MODALITIES, DicomSeries
from regkit.io.dicom_volumes import select_volume, stack_frames
from regkit.io.native_output import suppress_native_output
from regkit.io.raw_image import RawImage, whole_type
from regkit.io.real_world_values import header_scale, unmapped_count
from regkit.io.selection import ONLY_IMAGE, ImageSelection
from regkit.io.suv import SuvConversion, implausible_suv, suv_conversions

logger = logging.getLogger(__name__)


def read_dicom(path: Path, selection: ImageSelection = ONLY_IMAGE) -> RawImage:
    """Read a series in a folder or in the folders in it, or one file that holds several slices.

    Raises
    ------
    FileFormatError, GeometryError
        No image, files cut short, slices missing, headers that contradict themselves.
    SelectionError
        Several series or volumes, and none chosen.
    """
    with suppress_native_output():
        series, remarks = _one_series(path, selection)
        ordered, affine = stack_frames(select_volume(series.frames(), selection))
        headers = [series.headers[frame.path] for frame in ordered]
        remarks += _header_remarks(headers[0], len(ordered))
        modality = MODALITIES.get(series.modality, "")
        scaling = [number for frame in ordered for number in (frame.slope, frame.intercept)]
        values, stored, unmapped = _pixel_values(ordered)
        remarks += _range_remarks(ordered, unmapped)
        dtype = whole_type("int16" if stored.kind in "iu" else stored, *scaling)
        frame = str(headers[0].get("FrameOfReferenceUID") or "")
        raw = RawImage(values, affine, modality, dtype, frame)
    for remark in remarks:
        logger.warning("%s: %s", path, remark)
    return _to_suv(raw, headers, path)


def image_files(path: Path, selection: ImageSelection = ONLY_IMAGE) -> list[Path]:
    """Return the DICOM files that hold the image of a path, in the order of their names."""
    with suppress_native_output():
        series, _ = _one_series(path, selection)
        return sorted({frame.path for frame in select_volume(series.frames(), selection)})


def read_suv_conversion(path: Path, selection: ImageSelection = ONLY_IMAGE) -> SuvConversion:
    """Return the conversion of a PET folder or file to SUV, that of the first slice.

    Raises
    ------
    FileFormatError
        The path holds no DICOM PET, or a needed attribute is missing: the message names it.
    """
    with suppress_native_output():
        series, _ = _one_series(path, selection)
        headers = list(series.headers.values())
        if any(header.get("Modality") != "PT" for header in headers):
            raise FileFormatError(f"{path} is no DICOM PET")
        return suv_conversions(headers)[0]


def _one_series(path: Path, selection: ImageSelection) -> tuple[DicomSeries, list[str]]:
    """Return the series of a folder or file, and remarks on what is passed over."""
    if path.is_dir():
        return find_series(path, selection.series)
    if selection.series:
        raise SelectionError(f"is one file; --series '{selection.series}' chooses in folders")
    return DicomSeries({path: read_dicom_header(path)}), []


def _header_remarks(header: Any, slices: int) -> list[str]:
    """Return what a header says that the image does not show: its scale, the slices of a PET."""
    remark = header_scale(header).remark
    remarks = [remark] if remark else []
    stated = int(header.get("NumberOfSlices") or slices)
    if header.get("Modality") == "PT" and stated != slices:
        remarks.append(
            f"NumberOfSlices is {stated}, but {slices} slices are there: some may be missing"
        )
    return remarks


def _range_remarks(ordered: list[DicomFrame], unmapped: int) -> list[str]:
    """Return a remark on voxels whose stored values the Real World Value Mapping leaves out."""
    ranges = sorted({frame.mapped for frame in ordered if frame.mapped})
    if not unmapped:
        return []
    told = ", ".join(f"{first:.15g} to {last:.15g}" for first, last in ranges[:3])
    held = f"the Real World Value Mapping holds for stored values {told}"
    return [f"{held}; {unmapped} voxels lie outside and are scaled like the others"]


def _to_suv(raw: RawImage, headers: list[Any], path: Path) -> RawImage:
    """Return PET in SUV, or unchanged, with a warning, if the headers do not suffice."""
    if raw.modality != "pet":
        return raw
    try:
        conversions = suv_conversions(headers)
    except FileFormatError as error:
        kept = "the PET stays in the unit of its file, it is not in SUV"
        logger.warning("%s: %s: %s", path, kept, error)
        return raw
    factors = [conversion.factor for conversion in conversions]
    raw.array[:] *= np.array(factors, np.float32)[:, None, None]
    voxel_ml = abs(np.linalg.det(raw.affine[:3, :3])) / 1e3
    remarks = [*conversions[0].remarks, *implausible_suv(raw.array, conversions[0], voxel_ml)]
    for remark in remarks:
        logger.warning("%s: PET in SUV: %s", path, remark)
    return replace(raw, dtype="")


def _pixel_values(ordered: list[DicomFrame]) -> tuple[NDArray[Any], np.dtype[Any], int]:
    """Return the rescaled values, float32, the type of the stored ones, and how many are unmapped.

    Each slice has its own scaling (PET).
    """
    unmapped = 0
    kinds: list[np.dtype[Any]] = []
    volume = np.empty((len(ordered), *ordered[0].size), dtype=np.float32)
    by_file = sorted(enumerate(ordered), key=lambda item: (item[1].path, item[1].number))
    for path, group in groupby(by_file, key=lambda item: item[1].path):
        pixels = stored_values(path)
        kinds.append(pixels.dtype)
        for slice_index, frame in group:
            if frame.number >= len(pixels) or pixels.shape[1:] != frame.size:
                raise FileFormatError(
                    f"{path.name} has {len(pixels)} frames of {pixels.shape[1:]} pixels, not "
                    f"the size that its header says"
                )
            np.multiply(
                pixels[frame.number], frame.slope, out=volume[slice_index], casting="unsafe"
            )
            volume[slice_index] += np.float32(frame.intercept)
            unmapped += unmapped_count(pixels[frame.number], frame.mapped)
    return volume, np.result_type(*kinds), unmapped
