"""The result of a registration or reorientation on stdout, and the exit code of its verdict."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import typer

from regkit.cli.colors import STATUS_STYLES, echo, styled
from regkit.cli.error_handling import EXIT_VERDICT_FAIL
from regkit.cli.stray_output import stray_output_on_stderr

if TYPE_CHECKING:
    from regkit.registration.saved import Saved


def run_request(work: Callable[[Any], Saved], request: Any, as_json: bool) -> None:
    """Do what a request asks for, print the result, and exit by its verdict.

    Parameters
    ----------
    work
        Function that reads, registers and writes.
    request
        Its argument, with the settings of the methods.
    as_json
        True to print the record as JSON.
    """
    request.settings.limit_threads()
    with stray_output_on_stderr():
        saved = work(request)
    print_result(saved, as_json)
    exit_on_fail(saved)


def print_result(saved: Saved, as_json: bool) -> None:
    """Print the record as JSON, or its summary."""
    if as_json:
        echo(json.dumps(saved.record, indent=2))
        return
    from regkit.report.summary import summary

    status, space, rest = summary(saved.record, saved.files).partition(" ")
    echo(styled(status, **STATUS_STYLES[status]), space + rest)


def exit_on_fail(saved: Saved) -> None:
    """End the command with its own exit code if the verdict is FAIL."""
    if saved.record["verdict"]["status"] == "FAIL":
        raise typer.Exit(EXIT_VERDICT_FAIL)
