"""Tables on stdout."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import typer

from regkit.errors import printable

if TYPE_CHECKING:
    from rich.table import Table

# Wider than any table, so that its natural width can be measured.
UNLIMITED_WIDTH = 10_000


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    header: bool = True,
    styles: Sequence[str] = (),
) -> None:
    """Print a table; where stdout is no terminal, no cell is wrapped.

    Parameters
    ----------
    columns
        Column titles.
    rows
        Cells of each row.
    header
        True to print the titles.
    styles
        Rich style of each row; empty for none.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=header, pad_edge=False, header_style="bold")
    for position, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=position == 0)
    for position, row in enumerate(rows):
        table.add_row(
            *(Text(printable(cell)) for cell in row), style=styles[position] if styles else None
        )
    width = None if sys.stdout.isatty() else _natural_width(table)
    console = Console(width=width, highlight=False)
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():
        typer.echo(line.rstrip())


def _natural_width(table: Table) -> int:
    from rich.console import Console

    return Console(width=UNLIMITED_WIDTH).measure(table).maximum
