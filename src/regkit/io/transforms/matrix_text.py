"""Read and write a matrix as four lines of four numbers, as FSL, greedy and others do."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from regkit.errors import FileFormatError
from regkit.geometry.grid import FloatArray
from regkit.io.text_header import quoted


def looks_like_matrix(start: bytes) -> bool:
    """Return whether the first line that is not a comment holds only numbers."""
    text = start.decode("ascii", errors="replace")
    first = next(iter(meaningful_lines(text)), "")
    try:
        return bool([_number(word) for word in first.split()])
    except ValueError:
        return False


def is_hexadecimal(start: bytes) -> bool:
    """Return whether a text holds hexadecimal floating-point numbers, as 0x1.8p-1."""
    return b"0x" in start.lower()


def read_matrix(path: Path) -> FloatArray:
    """Read a 4 x 4 matrix; blank lines and comments (from # on) are skipped."""
    return parse_matrix(meaningful_lines(read_text(path)))


def parse_matrix(lines: Iterable[str]) -> FloatArray:
    """Return the 4 x 4 matrix that lines of text hold.

    Raises
    ------
    FileFormatError
        Not four lines of four numbers, NaN or infinity, a last line that is not 0 0 0 1, or a
        singular matrix.
    """
    rows = [_numbers(line) for line in lines]
    shape = [len(row) for row in rows]
    if shape == [12]:
        raise FileFormatError(
            "a matrix needs 4 lines of 4 numbers, got one of 12, as AFNI's .aff12.1D has; convert "
            "it to ITK's format first, for example with nitransforms"
        )
    if shape != [4, 4, 4, 4]:
        raise FileFormatError(f"a matrix needs 4 lines of 4 numbers, got lines of {shape}")
    matrix = np.array(rows)
    if not np.isfinite(matrix).all():
        raise FileFormatError("the matrix holds NaN or infinity")
    if not np.allclose(matrix[3], (0, 0, 0, 1)):
        raise FileFormatError(f"the last line of the matrix must be 0 0 0 1, got {rows[3]}")
    if abs(np.linalg.det(matrix)) < 1e-12:
        raise FileFormatError("the matrix is singular: it maps space onto a plane, line or point")
    return matrix


def format_matrix(matrix: FloatArray) -> str:
    """Return a matrix as lines of numbers that read back exactly."""
    # Adding zero turns -0.0 into 0.0.
    return "".join(" ".join(repr(v) for v in row) + "\n" for row in (matrix + 0.0).tolist())


def read_text(path: Path) -> str:
    """Read a text file, refusing a binary one."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise FileFormatError("it is not a text file") from error


def meaningful_lines(text: str) -> list[str]:
    """Return the lines without comments (from # on), blank ones left out."""
    lines = (line.partition("#")[0].strip() for line in text.splitlines())
    return [line for line in lines if line]


def _number(word: str) -> float:
    return float.fromhex(word) if "0x" in word.lower() else float(word)


def _numbers(line: str) -> list[float]:
    try:
        return [_number(word) for word in line.split()]
    except ValueError as error:
        raise FileFormatError(f"a matrix needs numbers, got {quoted(line)}") from error
