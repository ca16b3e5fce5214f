"""Commands with the options that all of them have: configuration file and log level."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer
from typer.core import TyperCommand

from regkit.cli.completion import complete_log_levels
from regkit.cli.config_file import (
    check_defaults,
    command_defaults,
    configured_defaults,
    found_config,
    options_in_words,
    used_defaults,
)
from regkit.cli.context import settings
from regkit.cli.log_level import LOG_LEVELS, chosen_level, set_log_level
from regkit.cli.progress import say

Function: TypeAlias = Callable[..., Any]
COMMON = "Common"


def _use_config(context: typer.Context, config: Path | None) -> Path | None:
    """Take the defaults of a command's options from a file."""
    if config is not None and not context.resilient_parsing:
        settings.config_file = str(config)
        context.default_map = command_defaults(config, context)
        check_defaults(context, settings.config_file)
    return config


def use_config(context: typer.Context, config: Path | None) -> Path | None:
    """Take the defaults of all options from a file, or from that of the working folder."""
    file = config or found_config()
    settings.config_file = "" if file is None else str(file)
    if file is not None and not context.resilient_parsing:
        context.default_map = configured_defaults(file, context.command)
    return config


def _check_level(level: str) -> str:
    if level and level not in LOG_LEVELS:
        raise typer.BadParameter(f"'{level}' is not one of {', '.join(LOG_LEVELS)}")
    return level


Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE.toml",
        callback=_use_config,
        is_eager=True,
        rich_help_panel=COMMON,
        show_default=False,
        help="Take options from a TOML file; those on the command line win. Default: regkit.toml "
        "in the working folder, if there is one.",
    ),
]
Quiet = Annotated[
    bool,
    typer.Option(
        "-q",
        "--quiet",
        rich_help_panel=COMMON,
        help="Print neither progress nor warnings on stderr; errors and results remain.",
    ),
]
Verbose = Annotated[
    int,
    typer.Option(
        "-v",
        "--verbose",
        count=True,
        metavar="",
        rich_help_panel=COMMON,
        show_default=False,
        help="Print more about what is done, on stderr; -vv prints all.",
    ),
]
LogLevel = Annotated[
    str,
    typer.Option(
        "--log-level",
        metavar="|".join(LOG_LEVELS),
        callback=_check_level,
        autocompletion=complete_log_levels,
        rich_help_panel=COMMON,
        show_default=False,
        help="Level of the messages on stderr. Default: warning.",
    ),
]
# Their parameters, with the defaults. A command that has a parameter called ``config`` keeps it.
OPTIONS: dict[str, tuple[Any, Any]] = {
    "config_file": (Config, None),
    "quiet": (Quiet, False),
    "verbose": (Verbose, 0),
    "log_level": (LogLevel, ""),
}


class ConfiguredCommand(TyperCommand):
    """A command whose options may come from a configuration file."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the command line."""
        if not ctx.resilient_parsing:
            check_defaults(ctx, settings.config_file)
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Set the log level, say what the file sets, and run the command."""
        own = {name: ctx.params.get(name, default) for name, (_, default) in OPTIONS.items()}
        choose_log_level(own["quiet"], own["verbose"], own["log_level"])
        settings.configured = used_defaults(ctx)
        if settings.configured:
            words = options_in_words(settings.configured)
            say(f"regkit: options from {settings.config_file}: {words}")
        return super().invoke(ctx)


def choose_log_level(quiet: bool, verbose: int, level: str) -> None:
    """Write to stderr what options ask for, before or after the name of the command."""
    settings.verbose += verbose
    settings.log_level = level or settings.log_level
    settings.quiet = settings.quiet or quiet
    wanted = chosen_level(settings.quiet, settings.verbose, settings.log_level)
    set_log_level(wanted)


def add_command(group: typer.Typer, name: str, **options: Any) -> Callable[[Function], Function]:
    """Return a decorator that makes a function a command, with the options that all have."""

    def decorate(function: Function) -> Function:
        group.command(name, cls=ConfiguredCommand, **options)(_with_options(function))
        return function

    return decorate


def _with_options(function: Function) -> Function:
    """Return a function that Typer reads further options from, and that drops their values."""
    signature = inspect.signature(function, eval_str=True)
    own = signature.parameters
    keyword = inspect.Parameter.KEYWORD_ONLY
    added = {
        name: inspect.Parameter(name, keyword, default=default, annotation=annotation)
        for name, (annotation, default) in OPTIONS.items()
        if name != "config_file" or "config" not in own
    }

    @functools.wraps(function)
    def without_options(**values: Any) -> Any:
        return function(**{name: value for name, value in values.items() if name not in added})

    extended = signature.replace(parameters=[*own.values(), *added.values()])
    without_options.__signature__ = extended  # type: ignore[attr-defined]
    without_options.__annotations__ = {n: p.annotation for n, p in extended.parameters.items()}
    return without_options
