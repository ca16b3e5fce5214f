"""``regkit weights``: trained weights, shipped and installed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from regkit.cli.context import current_registry

if TYPE_CHECKING:
    from regkit.plugin import MethodSpec
    from regkit.weights import Weights

app = typer.Typer(help="List, show, verify and install trained weights.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="A method, or a .safetensors file.")]


@app.command("list")
def list_weights(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of lines.")] = False,
) -> None:
    """List the methods that use weights, and which weights they would take."""
    rows = [_row(spec) for spec in _learned().values()]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    width = max((len(row["method"]) for row in rows), default=0)
    for row in rows:
        typer.echo(f"{row['method']:{width}}  {row['origin']:9}  {row['file'] or row['problem']}")


@app.command("show")
def show_weights(name: Name) -> None:
    """Print the card: data, grid, intensities, parameters, licence, sha256, measured scores."""
    typer.echo(json.dumps(_open(name).card, indent=2))


@app.command("verify")
def verify_weights(name: Name) -> None:
    """Check that the file is the one its card describes."""
    weights = _open(name)
    weights.verify()
    typer.echo(f"{weights.file} is as its card says (sha256 {weights.card['sha256']})")


@app.command("install")
def install_weights(
    file: Annotated[Path, typer.Argument(help="A .safetensors file, its card beside it.")],
) -> None:
    """Copy weights into your folder of weights, where methods find them before shipped ones."""
    from regkit.weights import install

    installed = install(file, _learned())
    typer.echo(f"{installed.method}: installed as {installed.file}")


def _learned() -> dict[str, MethodSpec]:
    offers = current_registry().methods
    return {offer.spec.name: offer.spec for offer in offers if offer.spec.weights}


def _open(name: str) -> Weights:
    from regkit.errors import UnknownNameError
    from regkit.registry import suggest
    from regkit.weights import SUFFIX, open_weights

    learned = _learned()
    if name not in learned and not name.endswith(SUFFIX):
        raise UnknownNameError(
            f"no method with weights is called '{name}'; {suggest(name, learned)}"
        )
    return open_weights(name, learned[name].weights if name in learned else "")


def _row(spec: MethodSpec) -> dict[str, Any]:
    from regkit.weights import find_weights, why_missing

    found = find_weights(spec.name, spec.weights)
    return {
        "method": spec.name,
        "origin": found.origin if found else "missing",
        "file": str(found.file) if found else "",
        "problem": "" if found else why_missing(spec.name),
    }
