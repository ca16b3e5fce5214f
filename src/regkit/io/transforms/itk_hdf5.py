"""ITK's transform files in HDF5, .h5: read in a process of their own, written with checksums."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from regkit.errors import FileFormatError, OutputError
from regkit.geometry.grid import FloatArray
from regkit.io.transforms import hdf5_reader
from regkit.io.transforms.hdf5_process import HDF5_PROCESS
from regkit.io.transforms.itk_parts import ItkPart

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
# Bytes of the shortest superblock; HDF5 File Format Specification, section II.A.
_SUPERBLOCK_BYTES = 48


def read_hdf5(path: Path) -> list[ItkPart]:
    """Read the transforms of a file.

    Raises
    ------
    FileFormatError
        The file is damaged, truncated, or holds something else.
    """
    with path.open("rb") as file:
        _check_superblock(file.read(_SUPERBLOCK_BYTES), path.stat().st_size)
    told, numbers = HDF5_PROCESS.read(path)
    if "error" in told:
        raise FileFormatError(told["error"])
    return list(_parts(told["parts"], np.frombuffer(numbers, "<f8")))


def write_hdf5(parts: Sequence[ItkPart], path: Path) -> None:
    """Write transforms, with checksums of all numbers, and of what HDF5 needs to find them.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    import h5py  # noqa: PLC0415 - slow to load, seldom needed

    text = h5py.string_dtype("ascii")
    try:
        # ITK reads this version of the format since 2008; what describes the numbers in it has
        # checksums of HDF5's, the numbers have one of regkit's.
        with h5py.File(path, "w", libver=("v108", "v108")) as file:
            for number, part in enumerate(parts):
                group = file.create_group(f"{hdf5_reader.GROUP}/{number}")
                group.create_dataset(hdf5_reader.TYPE, (1,), text, [part.kind])
                lists = [] if part.is_composite else [part.parameters, part.fixed]
                for names, numbers in zip(hdf5_reader.LISTS, lists, strict=False):
                    group.create_dataset(names[0], data=numbers, dtype="<f8")
                group.attrs[hdf5_reader.CHECK] = hdf5_reader.check_sum(part.kind, lists)
    except OSError as error:
        raise OutputError("the file could not be written; is the disk full?") from error


def _check_superblock(start: bytes, size: int) -> None:
    """Refuse another signature, and missing bytes."""
    if not start.startswith(HDF5_SIGNATURE) or len(start) < _SUPERBLOCK_BYTES:
        raise FileFormatError("it is not an HDF5 file despite its name")
    # The superblock holds the end of the file, at a place that depends on its version.
    at = 28 if start[8] >= 2 else 40
    end = int.from_bytes(start[at : at + 8], "little")
    if end > size:
        raise FileFormatError(f"it is truncated: it has {size} of {end} bytes")


def _parts(told: list[list[Any]], numbers: FloatArray) -> list[ItkPart]:
    found, at = [], 0
    for kind, *counts in told:
        first, second = (at + counts[0], at + sum(counts))
        found.append(ItkPart(kind, numbers[at:first], numbers[first:second]))
        at = second
    return found
