"""Configuration files: options of commands in ``regkit.toml``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer

from regkit.errors import ParameterError

# The file that is found in the working folder.
CONFIG_NAME = "regkit.toml"
# Options that a file cannot set: they choose the file, print something and exit, or trust the
# working folder, which the file itself may come from.
NOT_IN_A_FILE = (
    *("config", "help", "version", "install-completion", "show-completion"),
    "allow-outside",
)


def found_config() -> Path | None:
    """Return the configuration file of the working folder, if there is one."""
    file = Path(CONFIG_NAME)
    return file if file.is_file() else None


def configured_defaults(file: Path, root: Any) -> dict[str, Any]:
    """Return the options in a file as defaults of all commands.

    Parameters
    ----------
    file
        TOML file: a table for each command, such as ``[register]`` or ``[transform.convert]``.
        Options outside of them hold for all commands that have them.
    root
        The command line itself.

    Returns
    -------
    dict
        Defaults by the name of the parameter; those of a command are below its name.

    Raises
    ------
    ParameterError
        The file cannot be read, or holds an option that no command has.
    """
    return _defaults(root, _read(file), {}, str(file))


def command_defaults(file: Path, context: typer.Context) -> dict[str, Any]:
    """Return the options in a file for the command of a context; see `configured_defaults`."""
    root: Any = context.find_root()
    found = configured_defaults(file, root.command)
    for name in context.command_path.split()[1:]:
        found = found.get(name, {})
    return found


def check_defaults(context: typer.Context, file: str) -> None:
    """Raise an error that names the file for a value that an option cannot take."""
    command: Any = context.command
    for parameter in command.params:
        value = (context.default_map or {}).get(parameter.name)
        if value is None:
            continue
        try:
            parameter.process_value(context, value)
        except typer.BadParameter as error:
            option = f"{_option_name(parameter)} of {context.command_path}"
            raise ParameterError(
                f"{file}: {option} cannot be {value!r}: {error.message}"
            ) from error


def used_defaults(context: typer.Context) -> dict[str, Any]:
    """Return the options of a command that have the value of the file, by their names."""
    command: Any = context.command
    used = {}
    for parameter in command.params:
        source: Any = context.get_parameter_source(parameter.name)
        if source is not None and source.name == "DEFAULT_MAP":
            used[_option_name(parameter)] = (context.default_map or {})[parameter.name]
    return used


def options_in_words(options: Mapping[str, Any]) -> str:
    """Return options as they would stand on a command line."""
    return " ".join(word for name, value in options.items() for word in _words(name, value))


def _words(name: str, value: Any) -> Iterator[str]:
    if isinstance(value, bool):
        yield f"--{name}" if value else f"--{name}=false"
        return
    for single in value if isinstance(value, list) else [value]:
        yield f"--{name} {single}"


def _read(file: Path) -> dict[str, Any]:
    from regkit.regular_file import regular_file
    from regkit.structured_text import parse_toml

    try:
        return parse_toml(regular_file(file).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ParameterError(f"{file}: not a readable TOML file: {reason}") from error


def _defaults(
    command: Any, table: Mapping[str, Any], inherited: Mapping[str, Any], where: str
) -> dict[str, Any]:
    """Return the defaults of a command and of those below it."""
    if command.context_settings.get("ignore_unknown_options"):  # it cannot be used here
        return {}
    commands, below = _commands(command), _known_options(command)
    own = {key: value for key, value in table.items() if key not in commands}
    for key in own:
        if key not in below:
            raise ParameterError(f"{where}: {_unknown(key, command, below)}")
    wanted = {**inherited, **own}
    options = _options(command)
    found = {
        options[key].name: _value(options[key], value, f"{where}: {key}")
        for key, value in wanted.items()
        if key in options
    }
    for name, subcommand in commands.items():
        inner = table.get(name, {})
        if not isinstance(inner, dict):
            raise ParameterError(f"{where}: {name} is a command; write its options below [{name}]")
        found[name] = _defaults(subcommand, inner, wanted, f"{where}, [{name}]")
    return found


def _unknown(key: str, command: Any, known: set[str]) -> str:
    from regkit.registry import suggest

    if key in NOT_IN_A_FILE:
        return f"--{key} can only stand on the command line"
    commands = _commands(command)
    what = "no option or command is" if commands else "it has no option"
    return f"{what} called '{key}'; {suggest(key, known | set(commands))}"


def _known_options(command: Any) -> set[str]:
    """Return the names of the options of a command and of all below it."""
    below = _commands(command).values()
    return set(_options(command)).union(*map(_known_options, below))


def _commands(command: Any) -> dict[str, Any]:
    """Return the commands below a command, those of plugins too."""
    own: dict[str, Any] = getattr(command, "commands", {})
    return getattr(command, "all_commands", own)


def _options(command: Any) -> dict[str, Any]:
    """Return a command's options by their names without dashes."""
    named = {
        name.removeprefix("--"): parameter
        for parameter in command.params
        if parameter.param_type_name == "option"
        for name in parameter.opts
        if name.startswith("--")
    }
    return {name: option for name, option in named.items() if name not in NOT_IN_A_FILE}


def _option_name(parameter: Any) -> str:
    """Return the longest name of an option, without dashes."""
    return str(max(parameter.opts, key=len)).lstrip("-")


def _value(option: Any, value: Any, where: str) -> Any:
    """Return a value as an option takes it: switches as they are, others as text."""
    if option.is_flag != isinstance(value, bool) or isinstance(value, dict):
        wanted = "true or false" if option.is_flag else "a text or number"
        raise ParameterError(f"{where} takes {wanted}, got {value!r}")
    if option.is_flag:
        return value
    if option.multiple:
        return [str(single) for single in (value if isinstance(value, list) else [value])]
    if isinstance(value, list):
        raise ParameterError(f"{where} takes one value, got {value!r}")
    return str(value)
