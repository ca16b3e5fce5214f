"""Interruption of a run that the same command continues."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import typer

from regkit.cli.colors import echo

EXIT_INTERRUPTED = 1


@contextmanager
def resumable(folder: Path) -> Iterator[None]:
    """End the command with one line where a block that writes records is interrupted."""
    # Batch systems send SIGTERM before they kill.
    previous = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    except KeyboardInterrupt:
        echo(
            f"regkit: interrupted; every finished record is in {folder}, and the same "
            "command continues from there",
            err=True,
        )
        raise typer.Exit(EXIT_INTERRUPTED) from None
    finally:
        signal.signal(signal.SIGTERM, previous)


def _interrupt(*_: Any) -> NoReturn:
    raise KeyboardInterrupt
