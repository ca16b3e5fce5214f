"""The reference of all commands as Markdown, rendered from the command line itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer
from typer.main import get_command

from regkit.cli import app

ARGUMENTS_PANEL = "Arguments"
DEFAULT_PANEL = "Options"
INTRODUCTION = "# Commands\n\nEvery command explains itself with `-h` or `--help`."


def command_reference() -> str:
    """Return a Markdown page with usage, description, arguments and options of every command."""
    root = get_command(app)
    sections = [_section(command, context) for command, context in _walk(root, "regkit", None)]
    return "\n\n".join((INTRODUCTION, *sections)) + "\n"


def _walk(command: Any, name: str, parent: Any) -> Iterator[tuple[Any, Any]]:
    """Yield a command and all its subcommands, each with its context."""
    context = typer.Context(command, info_name=name, parent=parent)
    yield command, context
    if not hasattr(command, "list_commands"):
        return
    for subcommand_name in command.list_commands(context):
        yield from _walk(command.get_command(context, subcommand_name), subcommand_name, context)


def _section(command: Any, context: Any) -> str:
    usage = " ".join((context.command_path, *command.collect_usage_pieces(context)))
    parts = [f"## `{context.command_path}`", f"```text\n{usage}\n```", command.help or ""]
    for panel, parameters in _by_panel(command.params).items():
        parts.append(f"**{panel}**")
        parts.append(_table([parameter.get_help_record(context) for parameter in parameters]))
    if command.epilog:
        parts.append(command.epilog)
    return "\n\n".join(part for part in parts if part)


def _by_panel(parameters: list[Any]) -> dict[str, list[Any]]:
    """Group parameters as `--help` does; the panels keep the order of their first parameter."""
    panels: dict[str, list[Any]] = {}
    for parameter in parameters:
        is_argument = parameter.param_type_name == "argument"
        default = ARGUMENTS_PANEL if is_argument else DEFAULT_PANEL
        panel = getattr(parameter, "rich_help_panel", None) or default
        panels.setdefault(panel, []).append(parameter)
    return panels


def _table(records: list[tuple[str, str] | None]) -> str:
    rows = [(f"`{_cell(name)}`", _cell(text)) for name, text in filter(None, records)]
    lines = [
        "| name | description |",
        "|---|---|",
        *(f"| {name} | {text} |" for name, text in rows),
    ]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
