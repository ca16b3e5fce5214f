"""Colours of what is printed, as far as terminal and environment want them.

Rich does this too, but takes longer to import than all else that prints the result of a command.
"""

from __future__ import annotations

import os
from typing import Any

import typer

# Of a verdict; as options of `styled`.
STATUS_STYLES: dict[str, dict[str, Any]] = {
    "OK": {"fg": "green", "bold": True},
    "CHECK": {"fg": "yellow", "bold": True},
    "FAIL": {"fg": "red", "bold": True},
}


def styled(text: str, **style: Any) -> str:
    """Return a text with the codes of a style, an argument of `typer.style`, if wanted."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return text if plain else typer.style(text, **style)


def echo(text: str, err: bool = False) -> None:
    """Print a text; codes of colours only to a terminal, or where FORCE_COLOR asks for them."""
    typer.echo(text, err=err, color=True if os.environ.get("FORCE_COLOR") else None)
