"""Colours of what is printed, as far as terminal and environment want them.

Rich does this too, but takes longer to import than all else that prints the result of a command.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import typer

from regkit.errors import printable

# Of a verdict; as options of `styled`.
STATUS_STYLES: dict[str, dict[str, Any]] = {
    "OK": {"fg": "green", "bold": True},
    "CHECK": {"fg": "yellow", "bold": True},
    "FAIL": {"fg": "red", "bold": True},
}


@dataclass(frozen=True)
class StyledText:
    """A text with a style, for `echo`.

    Parameters
    ----------
    text
        The text.
    style
        Arguments of `typer.style`.
    """

    text: str
    style: Mapping[str, Any]


def styled(text: str, **style: Any) -> StyledText:
    """Return a text with a style, in arguments of `typer.style`."""
    return StyledText(text, style)


def echo(*parts: str | StyledText, err: bool = False, nl: bool = True) -> None:
    """Print text, without control characters that a file name or a library brings along.

    Codes of colors go only to a terminal, or where FORCE_COLOR asks for them.
    """
    text = "".join(map(_rendered, parts))
    typer.echo(text, err=err, nl=nl, color=True if os.environ.get("FORCE_COLOR") else None)


def _rendered(part: str | StyledText) -> str:
    if isinstance(part, str):
        return printable(part)
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    text = printable(part.text)
    return text if plain else typer.style(text, **part.style)
