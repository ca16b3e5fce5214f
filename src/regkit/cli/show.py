"""``regkit show``: the description and the parameters of a method, score, dataset or frame."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from regkit.cli.colors import echo
from regkit.cli.completion import complete_names
from regkit.cli.context import current_registry
from regkit.cli.tables import print_table
from regkit.errors import UnknownNameError

if TYPE_CHECKING:
    from regkit.plugin import Spec
    from regkit.registry import RegisteredSpec, Registry

OfferedName = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        autocompletion=complete_names,
        help="A method, score, dataset or standard frame.",
    ),
]

# What users call the things that each class of spec describes.
KINDS = {
    "MethodSpec": "method",
    "MetricSpec": "score",
    "DatasetSpec": "dataset",
    "FrameSpec": "standard frame",
}


def show_command(name: OfferedName) -> None:
    """Describe a method, score, dataset or standard frame: what it does, parameters, source."""
    registered = _registered(name, current_registry())
    summary = registered.spec.summary
    echo(f"{name}: {summary}\n" if summary else f"{name}\n")
    print_table(("", ""), _facts(registered), header=False)
    if registered.problem:
        return
    target = registered.load()
    echo(f"\n{inspect.getdoc(target) or 'It has no description.'}")
    if dataclasses.is_dataclass(target):
        _print_parameters(target, getattr(registered.spec, "preset", {}))


def _registered(name: str, registry: Registry) -> RegisteredSpec[Any]:
    """Return the method, score, dataset or frame of a name."""
    from regkit.registry import suggest

    names: set[str] = set()
    for find, specs in (
        (registry.method, registry.methods),
        (registry.metric, registry.metrics),
        (registry.dataset, registry.datasets),
        (registry.frame, registry.frames),
    ):
        offered = {registered.spec.name for registered in specs}
        if name in offered:
            return find(name)
        names |= offered
    raise UnknownNameError(
        f"no method, score, dataset or frame is called '{name}'; "
        f"{suggest(name, names)}{registry.disabled_hint}"
    )


def _facts(registered: RegisteredSpec[Any]) -> list[tuple[str, str]]:
    """Return the fields of a spec as rows, without the empty ones."""
    spec, owner = registered.spec, registered.owner
    facts = {
        "kind": KINDS[type(spec).__name__],
        "default model": getattr(spec, "model", ""),
        "supports": _joined(getattr(spec, "supports", ())),
        "unit": getattr(spec, "unit", ""),
        "better": getattr(spec, "better", ""),
        "method": getattr(spec, "method", ""),
        "labels": getattr(spec, "label_help", ""),
        "modalities": _joined(getattr(spec, "modalities", ())),
        "writes": getattr(spec, "outputs", ""),
        "explains": getattr(spec, "explains", ""),
        "reference": getattr(spec, "reference", ""),
        "needs": _requirements(spec),
        "from": f"{owner.name} ({owner.distribution} {owner.version})",
        "code": spec.target,
        "status": registered.problem or "available",
    }
    return [(key, value) for key, value in facts.items() if value]


def _requirements(spec: Spec) -> str:
    return ", ".join(f"{package} ({name})" for name, package in sorted(spec.requires.items()))


def _joined(names: Iterable[str]) -> str:
    return ", ".join(name.replace("_", " ") for name in sorted(names))


def _print_parameters(target: Any, preset: Mapping[str, Any]) -> None:
    from regkit.registration.parameters import parameters_of

    parameters = parameters_of(target)
    if not parameters:
        echo("\nIt has no parameters.")
        return
    echo("")
    rows = [(p.name, p.type_name, str(preset.get(p.name, p.default))) for p in parameters.values()]
    print_table(("parameter", "takes", "default"), rows)
