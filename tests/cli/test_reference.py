"""The rendered reference has every command and every option that the command line takes."""

import inspect
import re
from collections.abc import Iterator
from typing import get_args, get_type_hints

import pytest
import typer

from regkit.cli import app
from regkit.cli.reference import command_reference

REFERENCE = command_reference()


def commands(group: typer.Typer = app, path: str = "regkit") -> Iterator[tuple[str, object]]:
    """Yield every command's full name and its function, as registered with Typer."""
    for command in group.registered_commands:
        yield f"{path} {command.name}", command.callback
    for subgroup in group.registered_groups:
        yield from commands(subgroup.typer_instance, f"{path} {subgroup.name}")


def declared(function: object) -> Iterator[tuple[list[str], str]]:
    """Yield the option names (or the argument's name) and the help of each parameter."""
    hints = get_type_hints(function, include_extras=True)
    for name in inspect.signature(function).parameters:
        info = get_args(hints[name])[1]
        if isinstance(info, typer.models.ArgumentInfo):
            yield [info.metavar or name], info.help
        else:
            # Typer keeps the first name in `default` where the option is an annotation.
            names = [n for n in (info.default, *(info.param_decls or ())) if isinstance(n, str)]
            yield names or [f"--{name.replace('_', '-')}"], info.help


def section(name: str) -> str:
    found = re.search(
        rf"^## `{name}`\n(.*?)(?=^## |\Z)", REFERENCE, flags=re.MULTILINE | re.DOTALL
    )
    assert found is not None, name
    return found[1]


def test_all_commands_of_the_contract_are_there() -> None:
    names = {name.split()[1] for name, _ in commands()}
    assert names >= {"register", "resample", "transform", "methods", "show", "check", "plugins"}
    assert names >= {"simulate", "benchmark", "report", "train", "weights", "reorient", "demo"}


@pytest.mark.parametrize("name", dict(commands()))
def test_every_parameter_of_every_command_is_described(name: str) -> None:
    text, function = section(name), dict(commands())[name]
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    parameters = list(declared(function))
    assert len(rows) == len(parameters)
    for names, description in parameters:
        (row,) = [r for r in rows if set(names) <= set(re.findall(r"[\w.-]+", r.split("` |")[0]))]
        assert description.replace("|", "\\|") in row
    assert inspect.getdoc(function).splitlines()[0] in text


def test_options_of_all_commands_and_defaults_are_described() -> None:
    section_of_all = section("regkit")
    assert all(f"`{option}`" in section_of_all for option in ("--debug", "--no-plugins"))
    assert "[default: registration]" in section("regkit register")
    assert re.search(r"--output.* FOLDER` \|.*\[required\]", section("regkit train"))
