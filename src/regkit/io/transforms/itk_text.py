"""The text of ITK's transform files, .tfm and .txt."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from regkit.errors import FileFormatError
from regkit.geometry.grid import FloatArray
from regkit.io.number_text import number_text
from regkit.io.text_header import quoted
from regkit.io.transforms.itk_parts import ItkPart

TEXT_SIGNATURE = b"#Insight Transform File"
# Longer lists of numbers, those of fields, are written without ITK's layout, which takes longer.
_LAID_OUT = 1000
_LISTS = ("Parameters", "FixedParameters")


@dataclass
class _Lines:
    """The lines of one transform."""

    kind: str
    lists: dict[str, str] = field(default_factory=dict)


def parts_of_text(text: str) -> list[ItkPart]:
    """Return the transforms that a file's text holds.

    Raises
    ------
    FileFormatError
        Parameters are missing, or are no numbers. ITK takes such a file for the identity.
    """
    found: list[_Lines] = []
    for line in text.splitlines():
        tag, _, values = line.partition(":")
        if tag == "Transform":
            found.append(_Lines(values.strip()))
        elif tag in _LISTS and found:
            found[-1].lists[tag] = values
    return list(map(_part, found))


def text_of_parts(parts: Iterable[ItkPart]) -> Iterator[str]:
    """Yield the lines of a file, laid out as ITK writes it."""
    yield f"{TEXT_SIGNATURE.decode()} V1.0\n"
    for number, part in enumerate(parts):
        yield f"#Transform {number}\nTransform: {part.kind}\n"
        if not part.is_composite:
            yield f"Parameters: {_text(part.parameters)}\n"
            yield f"FixedParameters: {_text(part.fixed)}\n"


def _part(lines: _Lines) -> ItkPart:
    part = ItkPart(lines.kind, *(_numbers(lines.lists.get(name, "")) for name in _LISTS))
    if len(lines.lists) < len(_LISTS) and not part.is_composite:
        raise FileFormatError("it is truncated: a transform lacks its parameters")
    return part


def _numbers(text: str) -> FloatArray:
    words = text.split()
    try:
        return np.array([float(word) for word in words])
    except ValueError as error:
        wrong = next(word for word in words if not _is_number(word))
        raise FileFormatError(f"a parameter is not a number: {quoted(wrong)}") from error


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _text(numbers: FloatArray) -> str:
    return " ".join(map(number_text if numbers.size < _LAID_OUT else repr, numbers.tolist()))
