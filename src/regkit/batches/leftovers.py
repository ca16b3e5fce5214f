"""Removal of what earlier or interrupted runs wrote for a pair that is registered again."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from regkit.batches.batch_pair import BatchPair
from regkit.batches.review_pages import PAGES, page_files

# Hidden folders of `regkit.io.atomic_output`, which only a killed process leaves behind.
_STAGES = ".regkit-*"


def discard_stages(folder: Path) -> None:
    """Remove what killed processes left half-written in a batch folder, also of finished pairs.

    Parameters
    ----------
    folder
        Batch folder, which no other process writes to.
    """
    for stage in [*folder.rglob(_STAGES)]:
        shutil.rmtree(stage, ignore_errors=True)


def discard_outputs(folder: Path, pair: BatchPair, files: Iterable[str]) -> None:
    """Remove the files of a pair's earlier result.

    Parameters
    ----------
    folder
        Batch folder, which no other process writes to.
    pair
        Pair that is registered again.
    files
        Files that its record names, relative to the folder.
    """
    own = folder / pair.folder_name
    old = [folder / file for file in files if own in (folder / file).parents]
    for file in (*old, *(folder / PAGES / name for name in page_files(pair.folder_name))):
        file.unlink(missing_ok=True)
    for empty in sorted({file.parent for file in old}, reverse=True):
        with suppress(OSError):  # it holds something else
            empty.rmdir()
