"""``regkit check``: test whether a method satisfies the contract of registrars."""

from __future__ import annotations

from typing import Annotated

import typer

from regkit.cli.colors import echo
from regkit.cli.completion import complete_methods
from regkit.cli.context import current_registry
from regkit.cli.progress import status_spinner
from regkit.cli.tables import print_table

STYLES = {"ok": "green", "failed": "red", "not declared": "dim"}
EXIT_BROKEN_CONTRACT = 1

MethodName = Annotated[
    str, typer.Argument(metavar="METHOD", autocompletion=complete_methods, help="A method.")
]


def check_command(name: MethodName) -> None:
    """Test whether a method satisfies regkit's contract; exit code 1 if it does not."""
    from regkit.testing.conformance import CHECKS, run_checks

    outcomes = []
    with status_spinner(f"checking {name}") as update:
        for outcome in run_checks(current_registry().method(name)):
            outcomes.append(outcome)
            update(f"checking {name}: {len(outcomes)} of {len(CHECKS)}")
    print_table(
        ("check", "result", "why"),
        [(outcome.check, outcome.status, outcome.why) for outcome in outcomes],
        styles=[STYLES[outcome.status] for outcome in outcomes],
    )
    results: list[str] = [outcome.status for outcome in outcomes]
    echo(f"{name}: " + ", ".join(f"{results.count(status)} {status}" for status in STYLES))
    if "failed" in results:
        raise typer.Exit(EXIT_BROKEN_CONTRACT)
