"""Read and write volumes and label maps; the file's name decides the format."""

from __future__ import annotations

import difflib
import importlib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np

from regkit.arguments import checked
from regkit.errors import (
    FileFormatError,
    ParameterError,
    RegkitError,
    SelectionError,
    one_line,
)
from regkit.geometry.volume import LabelMap, Volume
from regkit.io.atomic_output import atomic_output
from regkit.io.formats import (
    DICOM,
    DTYPES,
    SIGNATURE_BYTES,
    Format,
    format_to_read,
    format_to_write,
)
from regkit.io.raw_image import RawImage, whole_type
from regkit.io.selection import ONLY_IMAGE, ImageSelection
from regkit.io.shear import resample_sheared
from regkit.io.voxel_types import typed
from regkit.regular_file import regular_file

logger = logging.getLogger(__name__)

# No scanner has coarser voxels; beyond them the unit is doubtful. Chosen by hand.
LARGEST_VOXEL_MM = 100.0

AnyVolume = TypeVar("AnyVolume", bound=Volume)


@checked
def read_volume(
    path: str | os.PathLike[str],
    modality: str = "",
    *,
    series: str = "",
    frame: int = 0,
    window: int = 0,
) -> Volume:
    """Read a 3-D image.

    Parameters
    ----------
    path
        A .nii, .nii.gz, .hdr/.img, .mgh, .mgz, .nrrd, .nhdr, .mha or .mhd file, a folder of DICOM
        files, that of a whole study too, or a multi-frame DICOM file.
    modality
        One of `regkit.geometry.volume.MODALITIES`; when empty, that of the file, if it states
        one: DICOM, a JSON file beside NIfTI (as dcm2niix writes it), MetaImage, NRRD.
    series, frame, window
        DICOM series, volume and energy window among several, as in
        `regkit.io.selection.ImageSelection`; empty and 0 for the only one.

    Returns
    -------
    Volume
        float32, scaling of the file applied; DICOM PET in SUV if its header suffices, else in the
        file's unit, with a warning in the log. A sheared (gantry-tilt) image is resampled onto an
        orthogonal grid, with a warning in the log.

    Raises
    ------
    FileFormatError
        The file is missing, unreadable, truncated, not 3-D, or not of its name's format.
    SelectionError
        The path holds several series or volumes, and none is chosen; the message lists them.
    GeometryError
        The header's geometry is impossible.
    """
    return read_selected_volume(path, ImageSelection(series, frame, window), modality)


def read_selected_volume(
    path: str | os.PathLike[str], selection: ImageSelection, modality: str = ""
) -> Volume:
    """Read the chosen 3-D image, as `read_volume` does."""
    return read_as(Volume, Path(path), selection, modality)


@checked
def write_volume(volume: Volume, path: str | os.PathLike[str], dtype: str = "") -> None:
    """Write a volume; an older file of this name is replaced.

    Parameters
    ----------
    volume
        The image or segmentation.
    path
        Its suffix chooses the format: .nii, .nii.gz, .mgh, .mgz, .nrrd, .nhdr, .mha or .mhd.
        Missing folders are made; the file appears whole or not at all.
    dtype
        Type of the voxels: uint8, int16, uint16, int32 or float32. For whole numbers, values are
        rounded to the nearest, and those outside the type are clipped, with a warning in the log.
        When empty, the type of the file that the volume was read from if that was an integer
        type, the next larger that holds the values, else float32; of a label map, the smallest
        that holds the labels.

    Raises
    ------
    FileFormatError
        The suffix is none of these, or the format cannot hold the type or the label values.
    ParameterError
        The type is none of these, or cannot hold the labels.
    OutputError
        The folder cannot be written.
    """
    target = Path(path)
    write = imported(check_writable(target, dtype).writer)
    with atomic_output(target.parent) as stage:
        path = stage.path(target.name)
        try:
            write(typed(volume, dtype, format_to_write(target), target), path)
        except FileFormatError as error:
            raise FileFormatError(f"{target}: {error}") from error


def check_writable(path: Path, dtype: str = "") -> Format:
    """Return the format that a file's name asks for; refuse other suffixes and voxel types.

    Raises
    ------
    FileFormatError, ParameterError
        As `write_volume`.
    """
    found = format_to_write(path)
    if dtype and dtype not in DTYPES:
        raise ParameterError(f"unknown voxel type '{dtype}'; use one of {', '.join(DTYPES)}")
    if dtype and dtype not in found.dtypes:
        raise FileFormatError(
            f"{path}: {found.name} cannot hold {dtype}; use one of {', '.join(found.dtypes)}"
        )
    return found


def read_raw(path: Path, selection: ImageSelection = ONLY_IMAGE, wanted: Any = None) -> RawImage:
    """Read a file's contents as they are stored, with the reader of its format.

    Parameters
    ----------
    path, selection
        The file, and the choice of an image in it.
    wanted
        Type to convert voxels to, by a reader that can; None to keep that of the file.
    """
    found = stored_format(path)
    read = imported(found.reader)
    with np.errstate(over="ignore", invalid="ignore"):  # impossible numbers are found later
        if found == DICOM:
            return cast("RawImage", read(path, selection))
        if selection != ONLY_IMAGE:
            options = ", ".join(f"--{option}" for option in selection.as_data())
            raise SelectionError(f"is {found.name}; {options} can only choose within DICOM")
        return cast("RawImage", read(path, wanted) if found.converts else read(path))


@contextmanager
def reported_errors(path: Path) -> Iterator[None]:
    """Turn every failure to read a file into an error of one line that names the file."""
    try:
        yield
    except RegkitError as error:
        raise _located(path, error) from error
    except PermissionError as error:
        raise FileFormatError(
            f"{path}: permission denied; check the file's permissions"
        ) from error
    except OSError as error:
        raise FileFormatError(f"{path}: cannot be read: {error.strerror or error}") from error
    except Exception as error:
        # A format's library can raise anything at a file that is damaged or just unusual.
        cause = one_line(f"{type(error).__name__}: {error}").removesuffix(":")
        raise FileFormatError(f"{path}: cannot be read ({cause})") from error


def _check_scale(volume: Volume, path: Path) -> None:
    """Warn of voxels that no scanner has: the header's unit may be wrong."""
    largest = max(volume.grid.spacing)
    if largest > LARGEST_VOXEL_MM:
        logger.warning(
            "%s has voxels of %.4g mm: check the unit in its header, or the image will not align",
            path,
            largest,
        )


def _located(path: Path, error: RegkitError) -> RegkitError:
    """Return an error that names the file, with the notes of the error."""
    located = type(error)(f"{path}: {error}")
    for note in getattr(error, "__notes__", []):
        located.add_note(note)
    return located


def read_as(
    kind: type[AnyVolume], path: Path, selection: ImageSelection, modality: str = ""
) -> AnyVolume:
    """Read the chosen 3-D image as a volume or a label map."""
    with reported_errors(path):
        raw = read_raw(path, selection, None if issubclass(kind, LabelMap) else np.float32)
        volume = resample_sheared(raw, kind, modality or raw.modality, path)
        if volume.modality:
            volume = replace(volume, modality_source="given" if modality else "header")
        dtype = raw.dtype or whole_type(raw.array.dtype)
        volume = replace(volume, file_dtype=dtype, frame_of_reference=raw.frame_of_reference)
    _check_scale(volume, path)
    return volume


def stored_format(path: Path) -> Format:
    """Return the format of an image file, or that of a folder of DICOM slices."""
    if path.is_dir():
        return DICOM
    if not path.exists():
        raise FileFormatError(_missing(path))
    with regular_file(path).open("rb") as file:
        head = file.read(SIGNATURE_BYTES)
    if not head:
        raise FileFormatError("the file is empty (0 bytes)")
    return format_to_read(path, head)


def _missing(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f"no such file: the folder {folder} does not exist"
    close = difflib.get_close_matches(path.name, [entry.name for entry in folder.iterdir()])
    return "no such file" + (f"; did you mean {' or '.join(close)}?" if close else "")


def imported(target: str) -> Any:
    """Return the function of a format's reader or writer, which is imported on first use."""
    module, _, function = target.partition(":")
    return getattr(importlib.import_module(f"regkit.io.{module}"), function)
