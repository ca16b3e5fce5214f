"""A pair of a batch: the files of one registration, and how to read them."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# What Windows and macOS refuse in a name, and names of files of a batch folder.
_NOT_IN_NAMES = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]')
_TAKEN = {
    *("batch.csv", "index.html", "methods.md", "pages", "pairs.csv", "records.jsonl"),
    *("reviewed.csv", "con", "prn", "aux", "nul"),
}
# Longest name of a folder in bytes: with the endings of files it stays below the 255 of common
# file systems.
_LONGEST_NAME = 150


@dataclass(frozen=True)
class BatchPair:
    """A pair of a batch.

    Parameters
    ----------
    id
        Name, unique in its batch.
    values
        Text of every further column that is not empty; paths are absolute.
    problem
        Sentence that says why there is nothing to register; empty for a whole pair.
    """

    id: str
    values: Mapping[str, str]
    problem: str = ""

    @property
    def folder_name(self) -> str:
        """Name of the folder of its files: the id, changed where file systems need it."""
        return folder_name(self.id)

    def digest(self, settings: Mapping[str, Any]) -> str:
        """Return a digest of the pair and of the settings that decide its result."""
        content = {"id": self.id, "values": dict(self.values), "settings": dict(settings)}
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def folder_name(pair_id: str) -> str:
    """Return a name of a folder for an id; different ids give different names.

    Letters of any language stay. An id that some file system refuses gets "_" in place of what is
    refused, and a part of its digest.
    """
    normal = unicodedata.normalize("NFC", pair_id)
    safe = _NOT_IN_NAMES.sub("_", normal).strip(". ")
    safe = safe.encode()[:_LONGEST_NAME].decode(errors="ignore")
    if safe and safe == pair_id and safe.casefold() not in _TAKEN:
        return safe
    return f"{safe}-{hashlib.sha256(pair_id.encode()).hexdigest()[:8]}".lstrip("-")
