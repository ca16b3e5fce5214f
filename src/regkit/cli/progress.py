"""Progress on stderr: a bar or spinner on a terminal, lines elsewhere, nothing with ``-q``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from regkit.cli.colors import echo
from regkit.cli.context import settings
from regkit.cli.progress_lines import ProgressLines, StageLines, clock
from regkit.errors import printable
from regkit.working import WorkStage, progress_heard

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn


# Levels at which the log takes the place of bars and lines.
DETAILED = ("info", "debug")


def say(text: str) -> None:
    """Print a line to stderr, unless nothing is to be said."""
    if not settings.quiet:
        echo(text, err=True)


@contextmanager
def status_spinner(text: str) -> Iterator[Callable[[str], None]]:
    """Show what is done now, and for how long; yield the function that replaces the text.

    Where stderr is no terminal, a line tells of what takes longer than a moment; with ``-v`` the
    log tells when each begins.
    """
    if settings.log_level in DETAILED or settings.verbose:
        import logging

        logging.getLogger(__name__).info(text)
        yield lambda _: None
    elif settings.quiet:
        yield lambda _: None
    elif sys.stderr.isatty():
        with _spinner(text) as update:
            yield update
    else:  # rich need not be imported
        with StageLines(text, say) as lines, progress_heard(lines.tell):
            yield lambda _: None


@contextmanager
def _spinner(text: str) -> Iterator[Callable[[str], None]]:
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description} ...", markup=False),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}", markup=False),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        text = printable(text)
        task = bar.add_task(text, total=None, left="")

        def tell(stage: WorkStage) -> None:
            left = "" if stage.left_s is None else f"{clock(stage.left_s)} left"
            bar.update(task, description=f"{text}: {stage.words}", left=left)

        with progress_heard(tell):
            yield lambda words: bar.update(task, description=printable(words), left="")


@contextmanager
def progress_bar(*columns: ProgressColumn) -> Iterator[Progress | ProgressLines]:
    """Show a bar with its count, and `columns` behind; lines where there is no terminal."""
    if settings.quiet or not sys.stderr.isatty():
        yield ProgressLines(say)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    shown = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        *columns,
    )
    with Progress(*shown, console=Console(stderr=True)) as bar:
        yield bar
