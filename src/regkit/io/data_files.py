"""The files of voxels that a detached header names: only those beside or below it."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from regkit.errors import FileFormatError
from regkit.io.limits import leads_outside, outside_allowed
from regkit.io.text_header import quoted, whole_number

# One number in a file's name, as `printf` writes it.
_NUMBER = re.compile(r"%(0?\d{0,2})d")


def file_beside(header: Path, name: str) -> Path:
    """Return the file that a header names.

    Raises
    ------
    FileFormatError
        The name leads elsewhere than beside or below the header, or to no regular file.
    """
    is_no_name = name in ("", "-") or not name.isprintable() or "%" in name
    if is_no_name or not (outside_allowed() or _is_inside(header, name)):
        raise FileFormatError(
            f"names the data file {quoted(name)}; only files beside or below the header are read: "
            "move it there and write its name alone, or trust it: regkit --allow-outside COMMAND"
        )
    file = header.parent / name
    try:
        found = file.is_file()
    except OSError:  # the name is too long
        found = False
    if not found:
        raise FileFormatError(
            f"its voxel data are missing: there is no file {quoted(name)} beside it"
        )
    return file


def _is_inside(header: Path, name: str) -> bool:
    """Return whether a file is beside or below a header, or its target if that is a link.

    Links count as what they lead to: unlike an image of a dataset, any file at all can be taken
    for voxels.
    """
    if leads_outside(name):
        return False
    file = Path(os.path.realpath(header.parent / name))
    homes = os.path.realpath(header.parent), Path(os.path.realpath(header)).parent
    return any(file.is_relative_to(home) for home in homes)


def numbered_files(header: Path, words: Sequence[str], count: int) -> list[Path]:
    """Return the files of a pattern.

    Parameters
    ----------
    header
        The header that names them.
    words
        Name with one number such as ``%03d``, first and last number, and step, 1 by default.
    count
        Number of files that the image needs; 0 for any.
    """
    if len(words) not in (3, 4) or len(_NUMBER.findall(words[0])) != 1:
        raise FileFormatError(
            "a pattern of data files needs a name with one number such as %03d, first, last and "
            f"step, got {quoted(' '.join(words))}"
        )
    stated = [*words[1:], "1"][:3]
    first, last, step = (whole_number(word, "a number of data files") for word in stated)
    if step == 0:
        raise FileFormatError("a pattern of data files has the step 0")
    numbers = range(first, last + (1 if step > 0 else -1), step)
    require_count(len(numbers), count)
    before, width, after = _NUMBER.split(words[0])
    return [file_beside(header, f"{before}{f'%{width}d' % n}{after}") for n in numbers]


def listed_files(header: Path, names: Sequence[str], count: int) -> list[Path]:
    """Return the files of a list, of which the image needs so many; 0 for any number."""
    require_count(len(names), count)
    return [file_beside(header, name) for name in names]


def require_count(found: int, count: int) -> None:
    """Refuse another number of data files than the image needs."""
    if found != (count or found) or found == 0:
        raise FileFormatError(f"its header lists {found} data files, the image needs {count or 1}")
