"""Read DICOM images: a folder with one series, or one multi-frame file."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pydicom
from numpy.typing import NDArray

from regkit.errors import FileFormatError
from regkit.io.dicom_frames import DicomFrame, frames_of, stack_frames
from regkit.io.dicom_pixels import stored_values
from regkit.io.formats import is_dicom
from regkit.io.native_output import suppress_native_output
from regkit.io.raw_image import RawImage, whole_type
from regkit.io.real_world_values import MAPPING, RESCALE, header_scale
from regkit.io.suv import SUV_ATTRIBUTES, SuvConversion, implausible_suv, suv_conversions

logger = logging.getLogger(__name__)

Headers: TypeAlias = dict[Path, Any]

_MODALITIES = {"CT": "ct", "PT": "pet", "MR": "mr", "US": "us", "NM": "spect"}
# The attributes that are read; the rest of a header is not parsed, which saves time.
_ATTRIBUTES = [
    "Modality", "SeriesInstanceUID", "SeriesDescription", "ImageType", "Rows", "Columns",
    "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation", "ImagePositionPatient",
    "ImageOrientationPatient", "PixelSpacing", "SpacingBetweenSlices", *RESCALE, MAPPING,
    "DetectorInformationSequence", "SliceVector",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence", *SUV_ATTRIBUTES,
]  # fmt: skip
# Series that an error message lists; chosen by hand.
_LISTED_SERIES = 8


def read_dicom(path: Path) -> RawImage:
    """Read one DICOM file that holds several slices."""
    with suppress_native_output():
        raw, headers = _assemble({path: _header(path)})
    return _to_suv(raw, headers)


def read_folder(folder: Path) -> RawImage:
    """Read the one image series in a folder; other files in it are ignored."""
    with suppress_native_output():
        raw, headers = _assemble(_one_series(_headers(folder)))
    return _to_suv(raw, headers)


def image_files(path: Path) -> list[Path]:
    """Return the DICOM files that hold the image of a path, in the order of their names."""
    return list(_one_series(_headers(path))) if path.is_dir() else [path]


def read_suv_conversion(path: Path) -> SuvConversion:
    """Return the conversion of a PET folder or file to SUV, that of the first slice.

    Raises
    ------
    FileFormatError
        The path holds no DICOM PET, or a needed attribute is missing: the message names it.
    """
    with suppress_native_output():
        files = _one_series(_headers(path)) if path.is_dir() else {path: _header(path)}
        headers = list(files.values())
        if any(header.get("Modality") != "PT" for header in headers):
            raise FileFormatError(f"{path} is no DICOM PET")
        return suv_conversions(headers)[0]


def _headers(folder: Path) -> Headers:
    files = [path for path in sorted(folder.iterdir()) if path.is_file() and is_dicom(path)]
    if not files:
        inside = [path.name for path in sorted(folder.iterdir()) if path.is_dir()][:5]
        hint = f"; give one of its folders: {', '.join(inside)}" if inside else ""
        raise FileFormatError(f"the folder holds no DICOM files{hint}")
    return {path: _header(path) for path in files}


def _header(path: Path) -> Any:
    return pydicom.dcmread(
        path, stop_before_pixels=True, force=True, specific_tags=list(_ATTRIBUTES)
    )


def _one_series(headers: Headers) -> Headers:
    images = {path: header for path, header in headers.items() if header.get("Rows")}
    if not images:
        kinds = Counter(str(header.get("Modality", "unknown")) for header in headers.values())
        listed = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
        raise FileFormatError(f"the folder's DICOM files hold no images ({listed})")
    series: defaultdict[str, Headers] = defaultdict(dict)
    for path, header in images.items():
        series[str(header.get("SeriesInstanceUID", ""))][path] = header
    if len(series) > 1:
        named = [_series_text(members) for members in series.values()]
        more = ["..."] if len(named) > _LISTED_SERIES else []
        raise FileFormatError(
            f"the folder holds {len(series)} series: {'; '.join(named[:_LISTED_SERIES] + more)}. "
            "Give each series its own folder"
        )
    return images


def _series_text(members: Headers) -> str:
    header = next(iter(members.values()))
    description = header.get("SeriesDescription") or "no description"
    return f"'{description}' ({header.get('Modality', 'unknown')}, {len(members)} slices)"


def _assemble(headers: Headers) -> tuple[RawImage, list[Any]]:
    """Return the image and the header of each of its slices."""
    frames = [frame for path, header in headers.items() for frame in frames_of(header, path)]
    ordered, affine = stack_frames(frames)
    header = headers[ordered[0].path]
    shape = (len(ordered), int(header.Rows), int(header.Columns))
    modality = _MODALITIES.get(str(header.get("Modality")), "")
    remark = header_scale(header).remark
    if remark:
        logger.warning("%s", remark)
    scaling = [number for frame in ordered for number in (frame.slope, frame.intercept)]
    raw = RawImage(_pixel_values(ordered, shape), affine, modality, whole_type("int16", *scaling))
    return raw, [headers[frame.path] for frame in ordered]


def _to_suv(raw: RawImage, headers: list[Any]) -> RawImage:
    """Return PET in SUV, or unchanged, with a warning, if the headers do not suffice."""
    if raw.modality != "pet":
        return raw
    try:
        conversions = suv_conversions(headers)
    except FileFormatError as error:
        logger.warning("the PET stays in the unit of its file, it is not in SUV: %s", error)
        return raw
    factors = [conversion.factor for conversion in conversions]
    raw.array[:] *= np.array(factors, np.float32)[:, None, None]
    voxel_ml = abs(np.linalg.det(raw.affine[:3, :3])) / 1e3
    remarks = [*conversions[0].remarks, *implausible_suv(raw.array, conversions[0], voxel_ml)]
    for remark in remarks:
        logger.warning("PET in SUV: %s", remark)
    return replace(raw, dtype="")


def _pixel_values(ordered: list[DicomFrame], shape: tuple[int, int, int]) -> NDArray[Any]:
    """Return the rescaled values, float32; each slice has its own scaling (PET)."""
    volume = np.empty(shape, dtype=np.float32)
    by_file = sorted(enumerate(ordered), key=lambda item: (item[1].path, item[1].number))
    for path, group in groupby(by_file, key=lambda item: item[1].path):
        pixels = stored_values(path)
        for slice_index, frame in group:
            if frame.number >= len(pixels) or pixels.shape[1:] != shape[1:]:
                raise FileFormatError(
                    f"{path.name} has {len(pixels)} frames of {pixels.shape[1:]} pixels, not "
                    f"the size that its series has"
                )
            np.multiply(
                pixels[frame.number], frame.slope, out=volume[slice_index], casting="unsafe"
            )
            volume[slice_index] += np.float32(frame.intercept)
    return volume
