"""``regkit weights``: list, show, verify and install trained weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from regkit.cli.colors import echo
from regkit.cli.command import add_command
from regkit.cli.completion import complete_learned_methods
from regkit.cli.context import current_registry
from regkit.cli.options import AsJson

if TYPE_CHECKING:
    from regkit.plugin import MethodSpec
    from regkit.weights import Weights

app = typer.Typer(help="List, show, verify and install trained weights.", no_args_is_help=True)
WeightsName = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        autocompletion=complete_learned_methods,
        help="Method whose weights are in use, or .safetensors file.",
    ),
]
WeightsFile = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="A .safetensors file; its card, .json, is beside it."),
]


@add_command(app, "list")
def list_weights(as_json: AsJson = False) -> None:
    """List the methods that need trained weights, and the weights that each would load."""
    rows = [_row(spec) for spec in _methods_with_weights().values()]
    if as_json:
        echo(json.dumps(rows, indent=2))
        return
    width = max((len(row["method"]) for row in rows), default=0)
    for row in rows:
        echo(f"{row['method']:{width}}  {row['origin']:9}  {row['file'] or row['problem']}")


@add_command(app, "show")
def show_weights(name: WeightsName) -> None:
    """Print the card of weights: data, grid, intensities, license, sha256, measured scores.

    The key network_source says whether the layers follow the authors' code or are reconstructed.
    """
    weights = _open(name)
    echo(json.dumps(_network_source(weights) | weights.card, indent=2))


def _network_source(weights: Weights) -> dict[str, str]:
    """Return the source of the network of weights whose method is known."""
    offered = {one.spec.name for one in current_registry().methods if not one.problem}
    if weights.method not in offered:
        return {}
    card = getattr(current_registry().method(weights.method).load(), "card", None)
    source = getattr(card, "network_sources", {}).get(weights.card.get("network"))
    return {"network_source": source} if source else {}


@add_command(app, "verify")
def verify_weights(name: WeightsName) -> None:
    """Verify that the file has the sha256 that its card records, and the card its signature."""
    weights = _open(name)
    weights.verify()
    echo(f"{weights.file} matches its card (sha256 {weights.card['sha256']})")


@add_command(app, "sign")
def sign_weights(file: WeightsFile) -> None:
    """Sign the card of weights after you changed it, or of those of an older version.

    Cards that are not signed, or differ from what was signed, are refused.
    """
    from regkit.weights import sign

    sign(file)
    echo(f"{file}: its card is signed")


@add_command(app, "install")
def install_weights(file: WeightsFile) -> None:
    """Copy weights and their card to the user's folder; methods prefer them to shipped ones."""
    from regkit.weights import install

    installed = install(file, _methods_with_weights(), _check_card)
    echo(f"{installed.method}: installed as {installed.file}")


def _check_card(weights: Weights) -> None:
    """Refuse weights whose card their method cannot read, such as that of another version."""
    method = current_registry().method(weights.method).load()
    if card := getattr(method, "card", None):
        card.from_json(weights.card, weights.file)


def _methods_with_weights() -> dict[str, MethodSpec]:
    specs = [registered.spec for registered in current_registry().methods]
    return {spec.name: spec for spec in specs if spec.weights}


def _open(name: str) -> Weights:
    from regkit.errors import UnknownNameError
    from regkit.registry import suggest
    from regkit.weights import SUFFIX, open_weights

    methods = _methods_with_weights()
    if name not in methods and not name.endswith(SUFFIX):
        raise UnknownNameError(
            f"no method with weights is called '{name}'; {suggest(name, methods)}"
        )
    return open_weights(name, methods[name].weights if name in methods else "")


def _row(spec: MethodSpec) -> dict[str, Any]:
    from regkit.weights import find_weights, why_missing

    found = find_weights(spec.name, spec.weights)
    return {
        "method": spec.name,
        "origin": found.origin if found else "missing",
        "file": str(found.file) if found else "",
        "problem": "" if found else why_missing(spec.name),
    }
