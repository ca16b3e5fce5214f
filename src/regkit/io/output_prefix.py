"""The beginning of the names of the files that a run writes."""

from __future__ import annotations

import os
from pathlib import Path

from regkit.errors import OutputError
from regkit.io.formats import FORMATS
from regkit.io.transforms import FORMATS as TRANSFORMS


def prefix_path(output: str | os.PathLike[str], default_name: str) -> Path:
    """Return the path with which the names of all output files begin.

    Parameters
    ----------
    output
        Prefix, or folder (existing, or ending in a slash). The suffix of an image or a transform
        is dropped from a prefix.
    default_name
        Prefix within a folder.

    Raises
    ------
    OutputError
        ``~user`` names no user of this machine.
    """
    name = os.fspath(output)
    try:
        path = Path(name).expanduser()
    except RuntimeError as error:
        raise OutputError(f"{name}: no home folder of that user is known") from error
    if name.endswith(("/", os.sep)) or path.is_dir():
        return path / default_name
    return path.with_name(_without_suffix(path.name)) if path.name else path


def _without_suffix(name: str) -> str:
    """Return a file's name without the suffix of an image or transform, if it has one."""
    suffixes = {suffix for image in FORMATS for suffix in image.suffixes}
    suffixes |= {suffix for transform in TRANSFORMS for suffix in transform.suffixes}
    for suffix in sorted(suffixes, key=len, reverse=True):  # .nii.gz before .nii
        if name.lower().endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)]
    return name
