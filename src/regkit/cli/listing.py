"""Commands that say what there is, what it needs, and whether it keeps the contract."""

from __future__ import annotations

import dataclasses
import inspect
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from regkit.cli.context import current_registry
from regkit.errors import UnknownNameError

if TYPE_CHECKING:
    from rich.status import Status
    from rich.table import Table

    from regkit.plugin import MethodSpec, Spec
    from regkit.registry import Plugin, RegisteredSpec, Registry

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
STYLES = {"ok": "green", "failed": "red", "not declared": "dim"}


def methods_command(as_json: AsJson = False) -> None:
    """List the registration methods, and why one cannot be used here."""
    registry = current_registry()
    offers = registry.methods
    if as_json:
        typer.echo(json.dumps([_method(offer) for offer in offers], indent=2))
        return
    rows = [
        (
            offer.spec.name,
            offer.spec.model,
            _words(offer.spec.supports) or "-",
            offer.owner.name,
            _clash(offer, offers) or offer.problem or "available",
            offer.spec.summary,
        )
        for offer in offers
    ]
    _print_table(("method", "model", "supports", "plugin", "status", "summary"), rows)
    for plugin in registry.plugins:
        if plugin.problem:
            typer.echo(f"plugin '{plugin.name}' is not used: {plugin.problem}")


def plugins_command(as_json: AsJson = False) -> None:
    """List the plugins found, and why one was left out."""
    found = current_registry().plugins
    if as_json:
        typer.echo(json.dumps([_plugin(plugin) for plugin in found], indent=2))
        return
    rows = [(p.name, p.distribution or "-", p.version or "-", p.problem or "ok") for p in found]
    _print_table(("plugin", "distribution", "version", "status"), rows)


def show_command(
    name: Annotated[str, typer.Argument(help="A method, metric, dataset or frame.")],
) -> None:
    """Show what a method (metric, dataset, frame) does, its parameters and its source."""
    offer = _find(name, current_registry())
    typer.echo(f"{name}: {offer.spec.summary}\n")
    _print_table(("", ""), _facts(offer), header=False)
    if offer.problem:
        return
    target = offer.load()
    typer.echo(f"\n{inspect.getdoc(target) or 'It has no description.'}")
    if dataclasses.is_dataclass(target):
        _print_parameters(target, getattr(offer.spec, "preset", {}))


def check_command(
    name: Annotated[str, typer.Argument(help="A method.")],
) -> None:
    """Check that a method keeps regkit's contract; exit code 1 if it does not."""
    from regkit.testing.conformance import CHECKS, examine

    outcomes = []
    with _status() as status:
        for outcome in examine(current_registry().method(name)):
            outcomes.append(outcome)
            status.update(f"checking {name}: {len(outcomes)} of {len(CHECKS)}")
    _print_table(
        ("check", "result", "why"),
        [(o.check, o.status, o.why) for o in outcomes],
        styles=[STYLES[o.status] for o in outcomes],
    )
    found: list[str] = [outcome.status for outcome in outcomes]
    typer.echo(f"{name}: " + ", ".join(f"{found.count(status)} {status}" for status in STYLES))
    if "failed" in found:
        raise typer.Exit(1)


def _find(name: str, registry: Registry) -> RegisteredSpec[Any]:
    """Return what is called so, whatever it is."""
    kinds: tuple[
        tuple[Callable[[str], RegisteredSpec[Any]], tuple[RegisteredSpec[Any], ...]], ...
    ] = (
        (registry.method, registry.methods),
        (registry.metric, registry.metrics),
        (registry.dataset, registry.datasets),
        (registry.frame, registry.frames),
    )
    from regkit.registry import suggest

    known: set[str] = set()
    for find, offers in kinds:
        names = {offer.spec.name for offer in offers}
        if name in names:
            return find(name)
        known |= names
    raise UnknownNameError(
        f"no method, metric, dataset or frame is called '{name}'; "
        f"{suggest(name, known)}{registry.disabled_hint}"
    )


def _method(offer: RegisteredSpec[MethodSpec]) -> dict[str, Any]:
    return {
        "name": offer.spec.name,
        "model": offer.spec.model,
        "supports": sorted(offer.spec.supports),
        "plugin": offer.owner.name,
        "distribution": offer.owner.distribution,
        "problem": offer.problem,
        "summary": offer.spec.summary,
        "reference": offer.spec.reference,
    }


def _plugin(plugin: Plugin) -> dict[str, str]:
    return {
        "name": plugin.name,
        "target": plugin.target,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "problem": plugin.problem,
    }


def _clash(offer: RegisteredSpec[MethodSpec], offers: Iterable[RegisteredSpec[MethodSpec]]) -> str:
    """Say which other plugins offer the name, if any do."""
    name = offer.spec.name
    others = [o.owner.name for o in offers if o is not offer and o.spec.name == name]
    return f"also offered by {', '.join(others)}: disable one" if others else ""


def _facts(offer: RegisteredSpec[Any]) -> list[tuple[str, str]]:
    """Everything a spec says, as rows; what it leaves empty is left out."""
    spec, owner = offer.spec, offer.owner
    facts = {
        "kind": type(spec).__name__.removesuffix("Spec").lower(),
        "model": getattr(spec, "model", ""),
        "supports": _words(getattr(spec, "supports", ())),
        "unit": getattr(spec, "unit", ""),
        "better": getattr(spec, "better", ""),
        "reference": getattr(spec, "reference", ""),
        "needs": _needs(spec),
        "from": f"{owner.name} ({owner.distribution} {owner.version})",
        "code": spec.target,
        "status": offer.problem or "available",
    }
    return [(key, value) for key, value in facts.items() if value]


def _needs(spec: Spec) -> str:
    return ", ".join(f"{package} ({name})" for name, package in sorted(spec.requires.items()))


def _words(names: Iterable[str]) -> str:
    return ", ".join(name.replace("_", " ") for name in sorted(names))


def _print_parameters(target: Any, preset: Any) -> None:
    from regkit.registration.parameters import parameters_of

    parameters = parameters_of(target)
    if not parameters:
        typer.echo("\nIt has no parameters.")
        return
    typer.echo("")
    rows = [(p.name, p.type_name, str(preset.get(p.name, p.default))) for p in parameters.values()]
    _print_table(("parameter", "takes", "default"), rows)


def _print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    header: bool = True,
    styles: Sequence[str] = (),
) -> None:
    """Print a table to stdout; whole lines, however long, where there is no terminal."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=header, pad_edge=False, header_style="bold")
    for position, column in enumerate(columns):
        table.add_column(column, overflow="fold", no_wrap=position == 0)
    for position, row in enumerate(rows):
        style = styles[position] if styles else None
        table.add_row(*map(Text, row), style=style)
    console = Console(width=None if sys.stdout.isatty() else _full_width(table), highlight=False)
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():
        typer.echo(line.rstrip())


def _full_width(table: Table) -> int:
    from rich.console import Console

    return Console(width=10_000).measure(table).maximum


def _status() -> Status:
    """A line on stderr while something takes its time; nothing where there is no terminal."""
    from rich.console import Console

    return Console(stderr=True).status("")
