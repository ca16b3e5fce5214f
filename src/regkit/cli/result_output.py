"""The result of a registration or reorientation on stdout, and the exit code of its verdict."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import typer

from regkit.cli.error_handling import EXIT_VERDICT_FAIL

if TYPE_CHECKING:
    from regkit.report.save import Saved


def print_result(saved: Saved, as_json: bool) -> None:
    """Print the record as JSON, or its summary."""
    if as_json:
        typer.echo(json.dumps(saved.record, indent=2))
        return
    from rich.console import Console

    from regkit.report.summary import summary

    Console(soft_wrap=True, highlight=False).print(summary(saved.record, saved.files))


def exit_on_fail(saved: Saved) -> None:
    """End the command with its own exit code if the verdict is FAIL."""
    if saved.record["verdict"]["status"] == "FAIL":
        raise typer.Exit(EXIT_VERDICT_FAIL)
