"""Says on a terminal that something is under way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def status_spinner(words: str) -> Iterator[None]:
    """Show on a terminal that something is under way."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    with console.status(f"{words} ..."):
        yield
