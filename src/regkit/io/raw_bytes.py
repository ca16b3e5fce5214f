"""Read the bytes of a file, unpacked when they are gzip, and the voxels among them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regkit.errors import FileFormatError
from regkit.io.limits import check_voxels
from regkit.io.raw_image import real_type
from regkit.io.unpacking import GZIP_SIGNATURE, LARGEST_EXPANSION, Unpacked
from regkit.regular_file import regular_file

READ_AT_ONCE = 1 << 20  # bytes
# What may follow the voxels, such as the tables of colors and the commands of an MGH file; more
# is a file that wastes memory. Chosen by hand.
_LARGEST_REST = 1 << 24  # bytes


def is_gzipped(path: Path) -> bool:
    """Return whether a file's content is gzip, whatever its name says."""
    with path.open("rb") as stream:
        return stream.read(len(GZIP_SIGNATURE)) == GZIP_SIGNATURE


@contextmanager
def content_stream(path: Path) -> Iterator[Any]:
    """Open a file's content for reading, unpacked when it is gzip; inside, read only from it.

    Raises
    ------
    FileFormatError
        The compressed data end early, are damaged, or have another checksum.
    """
    with regular_file(path).open("rb") as raw:
        packed = raw.read(len(GZIP_SIGNATURE)) == GZIP_SIGNATURE
        raw.seek(0)
        yield Unpacked(raw) if packed else raw


def largest_content(path: Path) -> int:
    """Return the most bytes that `content_stream` can give."""
    return path.stat().st_size * (LARGEST_EXPANSION if is_gzipped(path) else 1)


def read_bytes(path: Path, most: int) -> bytes:
    """Return a file's bytes; gzip content is unpacked and its checksum verified.

    Raises
    ------
    FileFormatError
        There are more bytes than `most`.
    """
    with content_stream(path) as stream:
        return _read_up_to(stream, most)


def read_start(path: Path, count: int) -> bytes:
    """Return the first bytes of a file, unpacked when it is gzip."""
    with content_stream(path) as stream:
        return read_exactly(stream, count)


def read_exactly(stream: Any, count: int) -> bytes:
    """Return the next bytes of a stream, fewer only at its end."""
    content = bytearray(count)
    return bytes(content[: fill_bytes(stream, memoryview(content))])


def skip_bytes(stream: Any, count: int) -> None:
    """Read past bytes; a stream that ends before is at its end."""
    while count > 0 and (part := stream.read(min(count, READ_AT_ONCE))):
        count -= len(part)


def read_voxels(
    stream: Any, dtype: Any, count: int, most: int, wanted: Any = None
) -> NDArray[Any]:
    """Return the voxels that follow in a stream, in one dimension.

    Parameters
    ----------
    stream
        File, or content of `content_stream`.
    dtype, count
        Type and number of the voxels.
    most
        Most bytes that the stream can still give; no memory is taken for more.
    wanted
        Type to convert to, without ever holding the whole array in the other type; None for none.

    Raises
    ------
    FileFormatError
        The stream is shorter, there are more voxels than the limit, or the type is not a real
        number.
    """
    kind = real_type(dtype)
    require_bytes(count * kind.itemsize, most)
    check_voxels(count)
    voxels = np.empty(count, wanted or kind)
    require_bytes(count * kind.itemsize, _fill(stream, kind, voxels))
    return voxels


def read_rest(stream: Any) -> bytes:
    """Return what follows the voxels, to the end, where a compressed stream has its checksum.

    Raises
    ------
    FileFormatError
        The compressed data are damaged, or hold far more than the voxels.
    """
    return _read_up_to(stream, _LARGEST_REST)


def require_bytes(needed: int, held: int) -> None:
    """Refuse a file that holds fewer bytes than its header needs."""
    if held < needed:
        raise FileFormatError(
            f"the file is truncated: its header needs {needed} bytes of voxels, it holds "
            f"{max(held, 0)}"
        )


def bytes_left(file: Any) -> int:
    """Return how many bytes of an open file follow its position."""
    return int(os.fstat(file.fileno()).st_size - file.tell())


def fill_bytes(stream: Any, content: memoryview) -> int:
    """Read bytes until memory is full or the stream ends; return how many."""
    held = 0
    while held < len(content) and (count := stream.readinto(content[held:])):
        held += count
    return held


def _fill(stream: Any, kind: np.dtype[Any], voxels: NDArray[Any]) -> int:
    """Read voxels of a type until an array is full or the stream ends; return the bytes read."""
    step, held = READ_AT_ONCE // kind.itemsize, 0
    some = np.empty(step, kind)
    for start in range(0, voxels.size, step):
        part = voxels[start : start + step]
        read = part if part.dtype == kind else some[: part.size]
        count = fill_bytes(stream, read.view(np.uint8).data)
        held += count
        if count < read.nbytes:
            break
        if read is not part:
            part[...] = read
    return held


def _read_up_to(stream: Any, most: int) -> bytes:
    parts, held = [], 0
    while part := stream.read(READ_AT_ONCE):
        held += len(part)
        if held > most:
            raise FileFormatError(
                f"its content goes on for over {most:,} bytes: damaged, or made to fill memory"
            )
        parts.append(part)
    return b"".join(parts)


def rescale(array: NDArray[Any], slope: float, intercept: float) -> NDArray[Any]:
    """Return ``slope * array + intercept`` in float32; an array of that type is changed."""
    if slope == 1 and intercept == 0:
        return array
    result = array.astype(np.float32, copy=False)
    result *= np.float32(slope)
    result += np.float32(intercept)
    return result
