"""Text headers of NRRD and MetaImage files."""

from __future__ import annotations

import logging
import re
import zlib
from dataclasses import dataclass
from pathlib import Path

from regkit.errors import FileFormatError, one_line
from regkit.geometry.grid import FloatArray

logger = logging.getLogger(__name__)

# No header of fields is longer; chosen by hand.
HEADER_BYTES = 1 << 20
# Characters of a value that a message quotes; chosen by hand.
_QUOTED = 40
# Longer headers are not searched for a flipped bit; regkit writes shorter ones.
_SEARCHED_BYTES = 1 << 12
# The comment in which regkit writes the check sum of a header's other lines.
_CHECK = re.compile(rb"^(?:# |Comment = )regkit header crc32 ([0-9a-f]{8})\r?\n", re.MULTILINE)


@dataclass(frozen=True)
class HeaderStatements:
    """Statements of a header on units and place.

    Parameters
    ----------
    mm_per_unit
        Length in mm of the units along x, y, z.
    missing
        Names of what the header does not state: voxel size, position, orientation.
    modality
        Modality that the header states; empty if it states none.
    """

    mm_per_unit: FloatArray
    missing: tuple[str, ...]
    modality: str


def checked_header(path: Path, end: re.Pattern[bytes]) -> bytes:
    """Return the header that a file begins with; refuse one with a bit that has flipped.

    Parameters
    ----------
    path
        The file.
    end
        Pattern of the header's last bytes; a header without them goes to the end of the file.

    Raises
    ------
    FileFormatError
        The header does not end, or is one bit away from that which its check sum belongs to.
    """
    with path.open("rb") as file:
        content = file.read(HEADER_BYTES)
    found = end.search(content)
    if found is None and len(content) == HEADER_BYTES:
        raise FileFormatError(f"its header does not end within {HEADER_BYTES} bytes: damaged")
    header = content[: found.end()] if found else content
    _verify(header, path)
    return header


def with_check(before: bytes, comment: str, after: bytes) -> bytes:
    """Return a header of two parts with a comment between them that holds its check sum.

    Parameters
    ----------
    before, after
        The header's parts, whole lines.
    comment
        Beginning of a line that other programs ignore: ``# `` or ``Comment = ``.
    """
    line = f"{comment}regkit header crc32 {zlib.crc32(before + after):08x}\n"
    return before + line.encode("ascii") + after


def _verify(header: bytes, path: Path) -> None:
    """Refuse a header with a flipped bit; tell of one that was edited."""
    check = _CHECK.search(header)
    if check is None:
        return
    checked, stated = header[: check.start()] + header[check.end() :], int(check[1], 16)
    if zlib.crc32(checked) == stated:
        return
    if _is_one_bit_away(checked, stated):
        raise FileFormatError(
            "its header is damaged: a bit differs from what regkit wrote; if it was edited on "
            f"purpose, remove the line '{check[0].decode('ascii').strip()}'"
        )
    logger.warning(
        "%s has another header than the one that regkit wrote: edited, or damaged", path
    )


def _is_one_bit_away(content: bytes, check: int) -> bool:
    """Return whether a flipped bit explains that content has another check sum."""
    changed = bytearray(content[:_SEARCHED_BYTES])
    for place in range(len(changed)):
        for bit in range(8):
            changed[place] ^= 1 << bit
            if zlib.crc32(changed) == check:
                return True
            changed[place] ^= 1 << bit
    return False


def decoded(content: bytes) -> str:
    """Return the text of a header in UTF-8, or in Latin-1 if it is not UTF-8."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def quoted(text: str) -> str:
    """Return the beginning of a value, for a message."""
    plain = one_line(text)
    return f"'{plain[:_QUOTED]}...'" if len(plain) > _QUOTED else f"'{plain}'"


def numbers(text: str) -> list[float]:
    """Return the numbers of a field that lists them, none for one that is empty or has words."""
    try:
        return [float(word) for word in text.split()]
    except ValueError:
        return []


def some_numbers(text: str, count: int, name: str) -> list[float]:
    """Return the numbers of a field that must list so many."""
    found = numbers(text)
    if len(found) != count:
        raise FileFormatError(f"{name} needs {count} numbers, got {quoted(text)}")
    return found


def whole_number(text: str, name: str) -> int:
    """Return the whole number that a field must hold."""
    if not re.fullmatch(r"[-+]?\d{1,18}", text.strip(), re.ASCII):
        raise FileFormatError(f"{name} must be a whole number, got {quoted(text)}")
    return int(text)


def whole_numbers(text: str, count: int, name: str) -> list[int]:
    """Return the whole numbers of a field that must list so many."""
    words = text.split()
    if len(words) != count:
        raise FileFormatError(f"{name} needs {count} whole numbers, got {quoted(text)}")
    return [whole_number(word, name) for word in words]
