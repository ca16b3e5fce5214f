"""A Sphinx extension that warns of pages that would load anything from a network.

The pages must open from a folder on a machine without a network: scripts, styles, pictures and
fonts have to be files beside them. Links that a reader may follow are no assets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sphinx.util import logging

if TYPE_CHECKING:
    from sphinx.application import Sphinx

LOADED = re.compile(
    r"""<(?:script|img|iframe|source|video|audio)\b[^>]*\bsrc=["']((?:https?:)?//[^"']+)"""
    r"""|<link\b(?![^>]*\brel=["'](?:canonical|search|index|next|prev)["'])"""
    r"""[^>]*\bhref=["']((?:https?:)?//[^"']+)""",
    re.IGNORECASE,
)
IMPORTED = re.compile(r"""(?:url\(|@import\s+)["']?((?:https?:)?//[^"')]+)""", re.IGNORECASE)


def network_assets(html: str) -> list[str]:
    """Return the addresses that a page loads from a network."""
    return [first or second for first, second in LOADED.findall(html)]


def imported_assets(css: str) -> list[str]:
    """Return the addresses that a style sheet loads from a network."""
    return IMPORTED.findall(css)


def found_in(folder: Path) -> Iterable[tuple[Path, str]]:
    """Yield files below a folder with the addresses that they load."""
    for suffix, read in ((".html", network_assets), (".css", imported_assets)):
        for file in sorted(folder.rglob(f"*{suffix}")):
            for address in read(file.read_text(encoding="utf-8")):
                yield file.relative_to(folder), address


def _after_building(app: Sphinx, error: Exception | None) -> None:
    if error is None:
        for file, address in found_in(Path(app.outdir)):
            logging.getLogger(__name__).warning("%s loads %s from a network", file, address)


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect to Sphinx."""
    app.connect("build-finished", _after_building)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
