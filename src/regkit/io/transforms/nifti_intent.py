"""The intent of a NIfTI file: what the numbers at its voxels mean."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

# The NIfTI-1 standard's code for vectors.
INTENT_VECTOR = 1007
# Size of the header to: type and offset of intent_code, offset of intent_name (16 characters);
# the NIfTI-1 and NIfTI-2 standards.
_FIELDS = {348: ("h", 68, 328), 540: ("i", 504, 508)}


@dataclass(frozen=True)
class NiftiIntent:
    """Code and name of the intent in a NIfTI header."""

    code: int
    name: str


def nifti_intent(start: bytes) -> NiftiIntent | None:
    """Return the intent from the first bytes of a file; None if they are no NIfTI header."""
    content = _unpacked(start)
    for order in "<", ">":
        size = struct.unpack(f"{order}i", content[:4])[0] if len(content) >= 4 else 0
        if size in _FIELDS and len(content) >= size:
            kind, code_at, name_at = _FIELDS[size]
            (code,) = struct.unpack_from(f"{order}{kind}", content, code_at)
            name = content[name_at : name_at + 16].partition(b"\0")[0]
            return NiftiIntent(code, name.decode("latin-1").strip())
    return None


def _unpacked(start: bytes) -> bytes:
    if start[:2] != b"\x1f\x8b":
        return start
    try:
        return zlib.decompressobj(wbits=31).decompress(start, 1024)
    except zlib.error:
        return b""
