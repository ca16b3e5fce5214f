"""Text of others in tables: no formula for a spreadsheet, no markup for Markdown."""

from __future__ import annotations

import re

# A spreadsheet takes cells that begin with these for formulas, and shows cells with the mark as
# text.
_FORMULA, _TEXT_MARK = ("=", "+", "-", "@", "\t", "\r"), "'"
# An underscore inside a word is no markup.
_MARKUP = re.compile(r"([\\`*\[\]|~]|(?<!\w)_|_(?!\w))")
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def spreadsheet_text(text: str) -> str:
    """Return a text with an apostrophe in front if a spreadsheet took it for a formula."""
    return _TEXT_MARK + text if text.startswith(_FORMULA) else text


def without_text_mark(text: str) -> str:
    """Return a text without the apostrophe that `spreadsheet_text` put in front."""
    marked = text.startswith(tuple(_TEXT_MARK + sign for sign in _FORMULA))
    return text.removeprefix(_TEXT_MARK) if marked else text


def markdown_text(text: str) -> str:
    """Return a text on one line as Markdown that shows it as it is."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()).translate(_ENTITIES))
