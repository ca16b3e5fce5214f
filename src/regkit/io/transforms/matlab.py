"""Named columns of numbers in MATLAB 4 files, as ITK writes transforms to .mat files.

Each has a header of five 32-bit integers (type, rows, columns, imaginary, length of the name),
then its name and its numbers (MathWorks, "MAT-File Format", Level 4).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

import numpy as np

from regkit.errors import FileFormatError
from regkit.geometry.grid import FloatArray
from regkit.io.text_header import quoted

_HEADER_BYTES = 20
_LONGEST_NAME = 256  # chosen by hand
# Types: thousands for big-endian numbers, tens for those below.
_BIG_ENDIAN = 1000
_KINDS = {0: "f8", 10: "f4"}


def parse_matlab(content: bytes) -> list[tuple[str, FloatArray]]:
    """Return the names and numbers of a file's columns, float64.

    Raises
    ------
    FileFormatError
        The content is truncated, or holds what is no column of real floating-point numbers.
    """
    found, at = [], 0
    while at < len(content):
        name, numbers, at = _column(content, at)
        found.append((name, numbers))
    return found


def matlab_content(columns: Iterable[tuple[str, FloatArray]]) -> bytes:
    """Return the content of a file of named columns."""
    return b"".join(
        struct.pack("<5i", 0, numbers.size, 1, 0, len(name) + 1)
        + name.encode("ascii")
        + b"\0"
        + numbers.astype("<f8").tobytes()
        for name, numbers in columns
    )


def _column(content: bytes, at: int) -> tuple[str, FloatArray, int]:
    """Return the name and numbers of the column at a byte, and the byte behind it."""
    header = content[at : at + _HEADER_BYTES]
    if len(header) < _HEADER_BYTES:
        raise FileFormatError("it is truncated: it ends inside a header of MATLAB 4")
    order = "<" if 0 <= struct.unpack("<i", header[:4])[0] < _BIG_ENDIAN else ">"
    kind, rows, columns, imaginary, length = struct.unpack(f"{order}5i", header)
    kind -= _BIG_ENDIAN if order == ">" else 0
    is_column = kind in _KINDS and imaginary == 0 and columns == 1 and rows >= 0
    if not (is_column and 1 <= length <= _LONGEST_NAME):
        raise FileFormatError("it is damaged: a header of MATLAB 4 is no column of real numbers")
    dtype = np.dtype(order + _KINDS[kind])
    start = at + _HEADER_BYTES + length
    end = start + rows * dtype.itemsize
    if end > len(content):
        raise FileFormatError(f"it is truncated: it has {len(content)} of {end} bytes")
    name = content[start - length : start].partition(b"\0")[0].decode("latin-1")
    if not name.isprintable():
        raise FileFormatError(f"it is damaged: a column has the name {quoted(name)}")
    return name, np.frombuffer(content, dtype, rows, start).astype(np.float64), end
