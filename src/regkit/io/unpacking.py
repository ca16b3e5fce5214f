"""Unpack zlib and gzip streams, with their checksums verified."""

from __future__ import annotations

import io
from typing import Any

from isal import igzip_lib

from regkit.errors import FileFormatError

GZIP_SIGNATURE = b"\x1f\x8b"
LARGEST_EXPANSION = 1032  # of deflate (zlib's technical notes, zlib.net/zlib_tech.html)
_READ_AT_ONCE = 1 << 18  # bytes


class Unpacked(io.RawIOBase):
    """Unpacked bytes of a compressed stream; what follows its last member is not read.

    Parameters
    ----------
    packed
        File at the first byte of a zlib stream, or of a gzip stream of one or more members.

    Raises
    ------
    FileFormatError
        While it is read: the compressed data end early, are damaged, or have another checksum.
    """

    def __init__(self, packed: Any) -> None:
        self._packed = packed
        self._waiting = packed.read(_READ_AT_ONCE)
        self._is_gzip = self._waiting.startswith(GZIP_SIGNATURE)
        self._member = self._new_member()

    def readable(self) -> bool:
        """Return that the stream can be read."""
        return True

    def readinto(self, target: Any) -> int:
        """Fill memory with the next bytes; return how many, 0 at the end."""
        try:
            part = self._next(len(target))
        except igzip_lib.IsalError as error:  # type: ignore[misc]
            raise FileFormatError(f"the compressed data are damaged ({error})") from error
        target[: len(part)] = part
        return len(part)

    def _next(self, most: int) -> bytes:
        while not self._member.eof or self._begin_next_member():
            part = bytes(self._member.decompress(self._waiting, most))
            self._waiting = b""
            if part:
                return part
            if not self._member.eof:
                self._waiting = self._packed.read(_READ_AT_ONCE)
                if not self._waiting:
                    raise FileFormatError("the file is truncated: its compressed data end early")
        return b""

    def _begin_next_member(self) -> bool:
        rest = self._member.unused_data
        rest += self._packed.read(len(GZIP_SIGNATURE)) if len(rest) < len(GZIP_SIGNATURE) else b""
        if not (self._is_gzip and rest.startswith(GZIP_SIGNATURE)):
            return False
        self._waiting, self._member = rest, self._new_member()
        return True

    def _new_member(self) -> Any:
        flag = igzip_lib.DECOMP_GZIP if self._is_gzip else igzip_lib.DECOMP_ZLIB
        return igzip_lib.IgzipDecompressor(flag=flag)
