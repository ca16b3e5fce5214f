"""``regkit methods`` and ``regkit plugins``: what is installed, and what cannot be used."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from regkit.cli.colors import echo
from regkit.cli.context import current_registry
from regkit.cli.options import AsJson
from regkit.cli.tables import print_table

if TYPE_CHECKING:
    from regkit.plugin import MethodSpec
    from regkit.registry import Plugin, RegisteredSpec


def methods_command(as_json: AsJson = False) -> None:
    """List the registration methods; for each that cannot be used here, the reason."""
    registry = current_registry()
    methods = registry.methods
    if as_json:
        echo(json.dumps([_method_record(method) for method in methods], indent=2))
        return
    rows = [
        (
            method.spec.name,
            method.spec.model,
            ", ".join(sorted(method.spec.supports)).replace("_", " ") or "-",
            method.owner.name,
            _name_conflict(method, methods) or method.problem or "available",
            method.spec.summary,
        )
        for method in methods
    ]
    print_table(("method", "default model", "supports", "plugin", "status", "summary"), rows)
    for plugin in registry.plugins:
        if plugin.problem:
            echo(f"plugin '{plugin.name}' is not used: {plugin.problem}")


def plugins_command(as_json: AsJson = False) -> None:
    """List the plugins, and the datasets, standard frames and commands that they offer."""
    registry = current_registry()
    plugins = registry.plugins
    if as_json:
        echo(json.dumps([_plugin_record(plugin) for plugin in plugins], indent=2))
        return
    rows = [(p.name, p.distribution or "-", p.version or "-", p.problem or "ok") for p in plugins]
    print_table(("plugin", "distribution", "version", "status"), rows)
    offers: dict[str, Iterable[RegisteredSpec[Any]]] = {
        "datasets": registry.datasets,
        "frames": registry.frames,
        "commands": registry.commands,
    }
    for kind, specs in offers.items():
        names = ", ".join(registered.spec.name for registered in specs)
        echo(f"\n{kind}: {names or 'none'}")


def _method_record(method: RegisteredSpec[MethodSpec]) -> dict[str, Any]:
    return {
        "name": method.spec.name,
        "model": method.spec.model,
        "supports": sorted(method.spec.supports),
        "plugin": method.owner.name,
        "distribution": method.owner.distribution,
        "problem": method.problem,
        "summary": method.spec.summary,
        "reference": method.spec.reference,
    }


def _plugin_record(plugin: Plugin) -> dict[str, str]:
    return {
        "name": plugin.name,
        "target": plugin.target,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "problem": plugin.problem,
    }


def _name_conflict(
    method: RegisteredSpec[MethodSpec], methods: Iterable[RegisteredSpec[MethodSpec]]
) -> str:
    """Return a note on the other plugins that offer a method of this name; empty if none does."""
    same_name = [m for m in methods if m is not method and m.spec.name == method.spec.name]
    owners = ", ".join(m.owner.name for m in same_name)
    return f"also offered by {owners}: disable one" if owners else ""
