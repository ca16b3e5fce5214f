"""Encode pictures as PNG, several times faster than Pillow at the same size."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Codes of the standard (PNG, third edition, W3C 2025): colors, and the filter "up".
_RGB, _UP = 2, 2
# Of isal's 0 to 3: the size of Pillow's level 2 in a seventh of its time, on the picture of a
# brain (MNI152, T1 and T2).
_LEVEL = 2
_MM_PER_INCH = 25.4


def encode_png(pixels: NDArray[np.uint8], dots_per_inch: float) -> bytes:
    """Return colors as the content of a PNG file.

    Parameters
    ----------
    pixels
        Red, green and blue, shape (height, width, 3).
    dots_per_inch
        Resolution for print.
    """
    height, width, _ = pixels.shape
    rows = np.ascontiguousarray(pixels).reshape(height, 3 * width)
    # Each row is stored as the difference from the one above, after the code of this filter.
    filtered = np.empty((height, 1 + 3 * width), np.uint8)
    filtered[:, 0] = _UP
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    per_meter = round(1000 * dots_per_inch / _MM_PER_INCH)
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, _RGB, 0, 0, 0)),
        (b"pHYs", struct.pack(">IIB", per_meter, per_meter, 1)),
        (b"IDAT", isal_zlib.compress(filtered.data, _LEVEL)),
        (b"IEND", b""),
    )
    return _SIGNATURE + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
