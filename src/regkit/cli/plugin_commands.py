"""Commands that plugins offer, beside those of the core."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer
from typer.main import get_command

from regkit.cli.command import add_command
from regkit.cli.error_handling import ErrorHandlingGroup

if TYPE_CHECKING:
    from regkit.plugin import CommandSpec
    from regkit.registry import RegisteredSpec, Registry


class PluginCommandsGroup(ErrorHandlingGroup):
    """Command group that has the commands of plugins too, each loaded when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands: those of the core, then those of plugins."""
        own = super().list_commands(ctx)
        names = sorted({entry.spec.name for entry in _registry(ctx).commands})
        return [*own, *(name for name in names if name not in own)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command of a name, or None; no plugin replaces a command of the core."""
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        registry = _registry(ctx)
        if cmd_name not in {entry.spec.name for entry in registry.commands}:
            return None
        return _built(registry.command(cmd_name))

    @property
    def all_commands(self) -> dict[str, Any]:
        """The commands of the core and of all plugins, by name: what a file may configure."""
        registry = _registry(None)
        offered = {entry.spec.name for entry in registry.commands} - set(self.commands)
        return dict(self.commands) | {name: _built(registry.command(name)) for name in offered}


def _registry(ctx: Any) -> Registry:
    """Return the registry; it is needed before the options of all commands take effect."""
    from regkit.registry import default_registry

    left_out = None if ctx is None else bool(ctx.params.get("no_plugins"))
    return default_registry(builtin_only=left_out)


def _built(entry: RegisteredSpec[CommandSpec]) -> Any:
    """Return a plugin's function as a command; one that cannot be used here says why."""
    alone = typer.Typer(add_completion=False, rich_markup_mode="rich")
    settings: dict[str, Any] = {"rich_help_panel": entry.spec.panel}
    function = entry.load
    if entry.missing_requirements:
        settings["help"] = f"{entry.spec.summary} ({entry.missing_requirements})".strip()
        settings["context_settings"] = {"ignore_unknown_options": True, "allow_extra_args": True}
    else:
        function = entry.load()
    add_command(alone, entry.spec.name, **settings)(function)
    return get_command(alone)
