"""Read the bytes of a file, unzipped when needed, and decode the voxels among them."""

from __future__ import annotations

import math
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from isal import igzip
from isal.igzip_lib import IsalError
from numpy.typing import NDArray

from regkit.errors import FileFormatError
from regkit.io.raw_image import real_type

GZIP_SIGNATURE = b"\x1f\x8b"
LARGEST_EXPANSION = 1032  # of deflate (zlib's technical notes, zlib.net/zlib_tech.html)
READ_AT_ONCE = 1 << 20  # bytes


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
        The compressed data end early or are damaged.
    """
    with path.open("rb") as raw:
        packed = raw.read(len(GZIP_SIGNATURE)) == GZIP_SIGNATURE
        raw.seek(0)
        try:
            # isal unpacks several times faster than zlib.
            yield igzip.GzipFile(fileobj=raw, mode="rb") if packed else raw  # type: ignore[no-untyped-call]
        except EOFError as error:
            raise FileFormatError(
                "the file is truncated: its compressed data end early"
            ) from error
        except (OSError, zlib.error, IsalError) as error:  # type: ignore[misc]
            raise FileFormatError(f"the compressed data are damaged ({error})") from error


def read_bytes(path: Path) -> bytes:
    """Return a file's bytes; gzip content is unpacked and its check sum verified."""
    with content_stream(path) as stream:
        return bytes(stream.read())


def read_start(path: Path, count: int) -> bytes:
    """Return the first bytes of a file, unpacked when it is gzip."""
    with content_stream(path) as stream:
        return bytes(stream.read(count))


def read_voxels(
    stream: Any,
    dtype: Any,
    shape_zyx: tuple[int, int, int],
    offset: int,
    wanted: Any = None,
) -> NDArray[Any]:
    """Return the array that starts at a byte offset of a file's content; read the file to its end.

    Parameters
    ----------
    stream
        Content from `content_stream`; its check sum is verified at its end.
    dtype, shape_zyx
        Type and shape of the array.
    offset
        Byte at which it starts.
    wanted
        Type to convert to, without ever holding the whole array in the other type; None for none.

    Raises
    ------
    FileFormatError
        The content is shorter than the array, or the type is not a real number.
    """
    kind = real_type(dtype)
    count = math.prod(shape_zyx)
    # No more is reserved than the file can hold, whatever a damaged header asks for.
    largest = os.fstat(stream.fileno()).st_size * LARGEST_EXPANSION
    voxels = np.empty(min(count, largest // kind.itemsize), wanted or kind)
    stream.seek(min(offset, largest))
    held = _fill(stream, kind, voxels)
    if held < count * kind.itemsize:
        raise _too_short(count * kind.itemsize, held)
    while stream.read(READ_AT_ONCE):
        pass
    return voxels.reshape(shape_zyx)


def _fill(stream: Any, kind: np.dtype[Any], voxels: NDArray[Any]) -> int:
    """Read voxels of a type until an array is full or the stream ends; return the bytes read."""
    step, held = READ_AT_ONCE // kind.itemsize, 0
    some = np.empty(step, kind)
    for start in range(0, voxels.size, step):
        part = voxels[start : start + step]
        read = part if part.dtype == kind else some[: part.size]
        count = _fill_bytes(stream, read.view(np.uint8).data)
        held += count
        if count < read.nbytes:
            break
        if read is not part:
            part[...] = read
    return held


def _fill_bytes(stream: Any, content: memoryview) -> int:
    """Read bytes until memory is full or the stream ends; return how many."""
    held = 0
    while count := stream.readinto(content[held:]):
        held += count
    return held


def _too_short(needed: int, held: int) -> FileFormatError:
    return FileFormatError(
        f"the file is truncated: its header needs {needed} bytes of voxels, it holds {held}"
    )


def decode_voxels(
    content: bytes, dtype: Any, shape_zyx: tuple[int, int, int], offset: int
) -> NDArray[Any]:
    """Return the array that starts at a byte offset, without a copy.

    Raises
    ------
    FileFormatError
        The content is shorter than the array, or the type is not a real number.
    """
    kind = real_type(dtype)
    needed = math.prod(shape_zyx) * kind.itemsize
    if not 0 <= offset <= len(content) - needed:
        raise _too_short(needed, max(len(content) - offset, 0))
    flat = np.frombuffer(content, kind, count=math.prod(shape_zyx), offset=offset)
    return flat.reshape(shape_zyx)


def rescale(array: NDArray[Any], slope: float, intercept: float) -> NDArray[Any]:
    """Return ``slope * array + intercept`` in float32; an array of that type is changed."""
    if slope == 1 and intercept == 0:
        return array
    result = array.astype(np.float32, copy=False)
    result *= np.float32(slope)
    result += np.float32(intercept)
    return result
