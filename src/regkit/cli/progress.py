"""Progress on stderr, where that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn


@contextmanager
def status_spinner(text: str) -> Iterator[Callable[[str], None]]:
    """Show a text and a spinner; yield the function that replaces the text."""
    if not sys.stderr.isatty():  # nothing is shown, and rich need not be imported
        yield lambda _: None
        return
    from rich.console import Console

    with Console(stderr=True).status(f"{text} ...") as status:
        yield lambda words: status.update(f"{words} ...")


@contextmanager
def progress_bar(*columns: ProgressColumn) -> Iterator[Progress]:
    """Show a progress bar with its count; `columns` follow it."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True)
    shown = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        *columns,
    )
    with Progress(*shown, console=console, disable=not console.is_terminal) as bar:
        yield bar
