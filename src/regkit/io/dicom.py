"""DICOM: a folder with one series, or one multi-frame file."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from itertools import groupby
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pydicom
from numpy.typing import NDArray

from regkit.errors import FileFormatError
from regkit.io.dicom_frames import DicomFrame, frames_of, stack
from regkit.io.dicom_pixels import stored_values
from regkit.io.formats import is_dicom
from regkit.io.native_output import suppress_native_output
from regkit.io.raw_image import RawImage
from regkit.io.suv import ATTRIBUTES as SUV_ATTRIBUTES
from regkit.io.suv import SuvConversion, suv_conversions

logger = logging.getLogger(__name__)

Headers: TypeAlias = dict[Path, Any]

_MODALITIES = {"CT": "ct", "PT": "pet", "MR": "mr", "US": "us", "NM": "spect"}
# All that is asked of a header; the rest of it is not even parsed.
_ATTRIBUTES = [
    "Modality", "SeriesInstanceUID", "SeriesDescription", "ImageType", "Rows", "Columns",
    "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation", "ImagePositionPatient",
    "ImageOrientationPatient", "PixelSpacing", "SpacingBetweenSlices", "RescaleSlope",
    "RescaleIntercept", "DetectorInformationSequence", "SliceVector",
    "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence", *SUV_ATTRIBUTES,
]  # fmt: skip
_LISTED_SERIES = 8


def read_dicom(path: Path) -> RawImage:
    """Read one DICOM file that holds several slices."""
    with suppress_native_output():
        stored, headers = _volume({path: _header(path)})
    return _in_suv(stored, headers)


def read_folder(folder: Path) -> RawImage:
    """Read the one image series in a folder; other files in it are passed over."""
    with suppress_native_output():
        stored, headers = _volume(_one_series(_headers(folder)))
    return _in_suv(stored, headers)


def suv_of(path: Path) -> SuvConversion:
    """Return how the PET of a folder or file becomes SUV; of its first slice, where they differ.

    Raises
    ------
    FileFormatError
        It is no DICOM PET, or an attribute that is needed is missing: the message names it.
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
        named = [_described(members) for members in series.values()]
        more = ["..."] if len(named) > _LISTED_SERIES else []
        raise FileFormatError(
            f"the folder holds {len(series)} series: {'; '.join(named[:_LISTED_SERIES] + more)}. "
            "Move each into a folder of its own"
        )
    return images


def _described(members: Headers) -> str:
    header = next(iter(members.values()))
    description = header.get("SeriesDescription") or "no description"
    return f"'{description}' ({header.get('Modality', 'unknown')}, {len(members)} slices)"


def _volume(headers: Headers) -> tuple[RawImage, list[Any]]:
    """Return the volume, and the header of each of its slices."""
    frames = [frame for path, header in headers.items() for frame in frames_of(header, path)]
    ordered, affine = stack(frames)
    header = headers[ordered[0].path]
    shape = (len(ordered), int(header.Rows), int(header.Columns))
    modality = _MODALITIES.get(str(header.get("Modality")), "")
    stored = RawImage(_values(ordered, shape), affine, modality)
    return stored, [headers[frame.path] for frame in ordered]


def _in_suv(stored: RawImage, headers: list[Any]) -> RawImage:
    """Return PET in SUV, or as it is, with a warning, if the headers do not say enough."""
    if stored.modality != "pet":
        return stored
    try:
        factors = [uptake.factor for uptake in suv_conversions(headers)]
    except FileFormatError as error:
        logger.warning("the PET stays in the unit of its file, it is not in SUV: %s", error)
        return stored
    stored.array[:] *= np.array(factors, np.float32)[:, None, None]
    return stored


def _values(ordered: list[DicomFrame], shape: tuple[int, int, int]) -> NDArray[Any]:
    """Return the rescaled values, float32; each slice has its own scaling (PET)."""
    volume = np.empty(shape, dtype=np.float32)
    placed = sorted(enumerate(ordered), key=lambda item: (item[1].path, item[1].number))
    for path, group in groupby(placed, key=lambda item: item[1].path):
        pixels = stored_values(path)
        for place, frame in group:
            if frame.number >= len(pixels) or pixels.shape[1:] != shape[1:]:
                raise FileFormatError(
                    f"{path.name} has {len(pixels)} frames of {pixels.shape[1:]} pixels, not "
                    f"the size its series promises"
                )
            np.multiply(pixels[frame.number], frame.slope, out=volume[place], casting="unsafe")
            volume[place] += np.float32(frame.intercept)
    return volume
