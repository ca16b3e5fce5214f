"""Read the bytes of a file, unzipped when needed, and decode the voxels among them."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regkit.errors import FileFormatError
from regkit.io.raw_image import real_type

GZIP_SIGNATURE = b"\x1f\x8b"


def is_gzipped(path: Path) -> bool:
    """Return whether a file's content is gzip, whatever its name says."""
    with path.open("rb") as stream:
        return stream.read(len(GZIP_SIGNATURE)) == GZIP_SIGNATURE


def read_bytes(path: Path) -> bytes:
    """Return a file's bytes; gzip content is unpacked and its check sum verified."""
    raw = path.read_bytes()
    if not raw.startswith(GZIP_SIGNATURE):
        return raw
    try:
        return gzip.decompress(raw)
    except EOFError as error:
        raise FileFormatError("the file is truncated: its compressed data end early") from error
    except (OSError, zlib.error) as error:
        raise FileFormatError(f"the compressed data are damaged ({error})") from error


def read_start(path: Path, count: int) -> bytes:
    """Return the first bytes of a file, unpacked when it is gzip."""
    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        try:
            return gzip.open(raw).read(count) if packed else raw.read(count)
        except EOFError as error:
            raise FileFormatError("the file is truncated: it ends inside its header") from error
        except (OSError, zlib.error) as error:
            raise FileFormatError(f"the compressed data are damaged ({error})") from error


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
        raise FileFormatError(
            f"the file is truncated: its header needs {needed} bytes of voxels, it holds "
            f"{max(len(content) - offset, 0)}"
        )
    flat = np.frombuffer(content, kind, count=math.prod(shape_zyx), offset=offset)
    return flat.reshape(shape_zyx)


def rescale(array: NDArray[Any], slope: float, intercept: float) -> NDArray[Any]:
    """Return ``slope * array + intercept`` in float32; the array itself if unchanged."""
    if slope == 1 and intercept == 0:
        return array
    result = array.astype(np.float32)
    result *= np.float32(slope)
    result += np.float32(intercept)
    return result
