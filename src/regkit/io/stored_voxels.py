"""Voxels as NRRD and MetaImage store them: in one file or several, raw, compressed or as text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from regkit.errors import FileFormatError
from regkit.io.limits import check_voxels
from regkit.io.raw_bytes import (
    READ_AT_ONCE,
    bytes_left,
    read_voxels,
    require_bytes,
    skip_bytes,
)
from regkit.io.unpacking import LARGEST_EXPANSION, Unpacked

# The place of voxels that are the last bytes of their file.
AT_END = -1
# Characters of a number as text; chosen by hand.
_LONGEST_NUMBER = 64


@dataclass(frozen=True)
class StoredVoxels:
    """The place of the voxels of an image in files, and their encoding.

    Parameters
    ----------
    files
        Files whose contents follow each other, each with the same number of voxels.
    encoding
        ``raw``, ``packed`` (zlib or gzip), ``text`` (decimal numbers) or ``hex``.
    start
        First byte in each file, before unpacking; `AT_END` for that which leaves just the voxels.
    lines
        Lines to skip from there, before unpacking.
    skipped
        Bytes to skip then, after unpacking; `AT_END` for all but the voxels.
    size
        Bytes that the file must hold from `start` on; 0 if it is not stated.
    """

    files: tuple[Path, ...]
    encoding: str
    start: int = 0
    lines: int = 0
    skipped: int = 0
    size: int = 0

    def read(self, dtype: Any, count: int, wanted: Any = None) -> NDArray[Any]:
        """Return so many voxels of a type, in one dimension.

        Parameters
        ----------
        dtype, count
            Type and number of the voxels.
        wanted
            Type to convert to; None to keep that of the file.

        Raises
        ------
        FileFormatError
            The files hold fewer voxels, or more in their compressed data; the compressed data are
            damaged; there are more voxels than the limit.
        """
        kind = np.dtype(dtype)
        share, rest = divmod(count, len(self.files))
        if rest:
            raise FileFormatError(
                f"its {count} voxels cannot lie in {len(self.files)} files of the same size"
            )
        if len(self.files) == 1:
            return self._read_file(self.files[0], kind, count, wanted)
        require_bytes(count * kind.itemsize, sum(map(self._most_bytes, self.files)))
        check_voxels(count)
        parts = (self._read_file(file, kind, share, wanted) for file in self.files)
        voxels = np.empty(count, wanted or kind)
        for number, part in enumerate(parts):
            voxels[number * share : (number + 1) * share] = part
        return voxels

    def _most_bytes(self, file: Path) -> int:
        return file.stat().st_size * (LARGEST_EXPANSION if self.encoding == "packed" else 1)

    def _read_file(self, path: Path, kind: Any, count: int, wanted: Any) -> NDArray[Any]:
        with path.open("rb") as file:
            self._seek(file, count * kind.itemsize)
            require_bytes(self.size, bytes_left(file))
            return _READERS[self.encoding](file, kind, count, wanted, self.skipped)

    def _seek(self, file: BinaryIO, voxel_bytes: int) -> None:
        if self.start == AT_END or (self.skipped == AT_END and self.encoding == "raw"):
            size = file.seek(0, 2)
            require_bytes(voxel_bytes, size)
            file.seek(size - voxel_bytes)
            return
        file.seek(self.start)
        for _ in range(self.lines):
            # A line of binary data may be long.
            while (part := file.readline(READ_AT_ONCE)) and not part.endswith(b"\n"):
                pass
            if not part:
                raise FileFormatError("the file is truncated: it has fewer lines than are skipped")


def _read_raw(file: Any, kind: Any, count: int, wanted: Any, skipped: int) -> NDArray[Any]:
    if skipped > 0:
        file.seek(skipped, 1)
    return read_voxels(file, kind, count, bytes_left(file), wanted)


def _read_packed(file: Any, kind: Any, count: int, wanted: Any, skipped: int) -> NDArray[Any]:
    if skipped == AT_END:
        raise FileFormatError("byte skip: -1 is for raw data only; its data are compressed")
    most = bytes_left(file) * LARGEST_EXPANSION
    stream = Unpacked(file)
    skip_bytes(stream, skipped)
    voxels = read_voxels(stream, kind, count, most, wanted)
    if stream.read(1):  # the check sum is verified at the end
        raise FileFormatError(
            f"its compressed data hold more than the {count} voxels of its header: damaged"
        )
    return voxels


def _read_text(file: Any, kind: Any, count: int, wanted: Any, skipped: int) -> NDArray[Any]:
    skip_bytes(file, skipped)
    # A number and what separates it from the next.
    require_bytes(2 * count - 1, bytes_left(file))
    check_voxels(count)
    words = file.read().split(maxsplit=count)[:count]
    if len(words) < count:
        raise FileFormatError(
            f"the file is truncated: its header needs {count} numbers, it holds {len(words)}"
        )
    if max(map(len, words)) > _LONGEST_NUMBER:
        raise FileFormatError("its voxels as text have one that is no number")
    try:
        return np.array(words).astype(wanted or kind)
    except (ValueError, OverflowError) as error:
        raise FileFormatError("its voxels as text have one that is no number") from error


def _read_hex(file: Any, kind: Any, count: int, wanted: Any, skipped: int) -> NDArray[Any]:
    skip_bytes(file, skipped)
    require_bytes(2 * count * kind.itemsize, bytes_left(file))
    check_voxels(count)
    try:
        content = bytes.fromhex(file.read().decode("ascii"))
    except ValueError as error:
        raise FileFormatError("its voxels in hexadecimal have another character") from error
    require_bytes(count * kind.itemsize, len(content))
    return np.frombuffer(content, kind, count).astype(wanted or kind)


_READERS: dict[str, Callable[[Any, Any, int, Any, int], NDArray[Any]]] = {
    "raw": _read_raw,
    "packed": _read_packed,
    "text": _read_text,
    "hex": _read_hex,
}
