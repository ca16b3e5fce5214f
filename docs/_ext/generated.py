"""A Sphinx extension that writes the generated parts of the pages before they are read.

Everything goes to docs/_generated: Markdown for `include` and SVG for `figure`. Tables of results
come from benchmarks/results, the others from the registry, the cards of weights and the command
line. Nothing in them is typed by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import method_pages
import registry_tables
import result_figures
import result_tables

from regkit.cli.reference import command_reference

if TYPE_CHECKING:
    from sphinx.application import Sphinx

PAGES: dict[str, Callable[[], str]] = {
    "commands.md": command_reference,
    **registry_tables.PAGES,
    **result_tables.PAGES,
    **method_pages.PAGES,
}


def write_generated(folder: Path) -> None:
    """Write every generated page and figure, leaving files alone that would not change."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in PAGES.items():
        _write_if_changed(folder / name, text())
    for name, draw in result_figures.FIGURES.items():
        _write_if_changed(folder / name, draw())


def _write_if_changed(file: Path, text: str) -> None:
    if not file.exists() or file.read_text(encoding="utf-8") != text:
        file.write_text(text, encoding="utf-8")


def _before_reading(app: Sphinx) -> None:
    write_generated(Path(app.srcdir) / "_generated")


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect to Sphinx."""
    app.connect("builder-inited", _before_reading)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
