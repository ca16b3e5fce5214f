"""Removal of what earlier or interrupted runs wrote for a pair that is registered again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from regkit.batches.batch_pair import BatchPair
from regkit.batches.review_pages import PAGES, page_files


def discard_outputs(
    folder: Path, pair: BatchPair, files: Iterable[str], record: Mapping[str, Any]
) -> None:
    """Remove the files of a pair's earlier result that its new one has not replaced.

    Parameters
    ----------
    folder
        Batch folder, which no other process writes to.
    pair
        Pair that was registered again.
    files
        Files that its earlier record names, relative to the folder.
    record
        Its new record.
    """
    own, new = folder / pair.folder_name, {folder / file for file in record.get("files") or ()}
    old = [folder / file for file in files if own in (folder / file).parents]
    pages = () if new else (folder / PAGES / name for name in page_files(pair.folder_name))
    gone = {*old} - new
    series = [file for folder in gone if folder.is_dir() for file in folder.glob("*.dcm")]
    for file in (*series, *(path for path in gone if not path.is_dir()), *pages):
        file.unlink(missing_ok=True)
    folders = {path for path in gone if path.is_dir()} | {file.parent for file in old}
    for empty in sorted(folders, reverse=True):
        with suppress(OSError):  # it holds something else
            empty.rmdir()
