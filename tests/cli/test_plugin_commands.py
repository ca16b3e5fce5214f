"""Commands that plugins offer are commands like any other."""

import importlib
from collections.abc import Callable
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from typer.testing import Result

from regkit.cli import plugin_commands
from regkit.registry import Registry

PLUGIN = """
from regkit.plugin import CommandSpec, hookimpl

def greet(name: str, loud: bool = False) -> None:
    '''Greet NAME.'''
    print(f"hello {name}".upper() if loud else f"hello {name}")

def register(name: str) -> None:
    '''Never reached.'''

@hookimpl
def regkit_commands():
    return [
        CommandSpec(name="greet", target="command_plugin:greet", panel="Greetings"),
        CommandSpec(name="register", target="command_plugin:register"),
        CommandSpec(name="needy", target="command_plugin:greet", requires={"no_such": "no-such"}),
    ]
"""


@pytest.fixture
def _with_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "command_plugin.py").write_text(PLUGIN)
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    registry = Registry(points=[EntryPoint("greetings", "command_plugin", "regkit")])
    monkeypatch.setattr(plugin_commands, "_registry", lambda _: registry)


@pytest.mark.usefixtures("_with_plugin")
def test_a_plugins_command_runs_with_its_options(run: Callable[..., Result]) -> None:
    assert run("greet", "you").stdout == "hello you\n"
    assert run("greet", "you", "--loud").stdout == "HELLO YOU\n"


@pytest.mark.usefixtures("_with_plugin")
def test_a_plugins_command_has_the_options_of_all(
    run: Callable[..., Result], tmp_path: Path
) -> None:
    assert run("greet", "you", "-q", "--log-level", "error").stdout == "hello you\n"
    config = tmp_path / "options.toml"
    config.write_text("[greet]\nloud = true\n[needy]\nanything = 1\n")
    done = run("greet", "you", "--config", config)
    assert done.stdout == "HELLO YOU\n"
    assert "options from" in done.stderr
    assert run("--config", config, "greet", "you").stdout == "HELLO YOU\n"
    assert run("--config", config, "methods").exit_code == 0
    config.write_text("[greet]\nlod = true\n")
    refused = run("greet", "you", "--config", config)
    assert refused.exit_code == 1
    assert "[greet]: it has no option called 'lod'; did you mean loud?" in refused.stderr


@pytest.mark.usefixtures("_with_plugin")
def test_a_plugins_command_is_listed_and_explained(run: Callable[..., Result]) -> None:
    listed = run("--help").stdout
    assert "Greetings" in listed
    assert "Greet NAME." in listed
    assert "Usage: regkit greet" in run("greet", "--help").stdout


@pytest.mark.usefixtures("_with_plugin")
def test_no_plugin_replaces_a_command_of_the_core(run: Callable[..., Result]) -> None:
    assert "FIXED" in run("register", "--help").stdout
    assert run("--help").stdout.count("register") >= 1
    assert "Never reached" not in run("--help").stdout


@pytest.mark.usefixtures("_with_plugin")
def test_a_command_that_lacks_a_package_says_so(run: Callable[..., Result]) -> None:
    failed = run("needy", "you")
    assert failed.exit_code == 1
    assert failed.stderr == "regkit: needy needs no-such: pip install no-such\n"
    assert run("--help").exit_code == 0


def test_an_unknown_command_is_refused(run: Callable[..., Result]) -> None:
    assert run("no-such-command").exit_code == 2
