"""Options that every command has: a configuration file, the log level, quiet and verbose."""

import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from typer.main import get_command

from regkit.cli import app
from regkit.cli.config_file import options_in_words


@pytest.fixture(autouse=True)
def _log_level_kept() -> Iterator[None]:
    """Commands set the level of the root logger, which all tests share."""
    level, handlers = logging.root.level, list(logging.root.handlers)
    yield
    logging.root.setLevel(level)
    logging.root.handlers[:] = handlers


def leaves(group: object) -> Iterator[object]:
    for command in group.commands.values():
        yield from leaves(command) if hasattr(command, "commands") else [command]


def test_every_command_has_them() -> None:
    for command in leaves(get_command(app)):
        names = {name for parameter in command.params for name in parameter.opts}
        assert {"--config", "-q", "--quiet", "-v", "--verbose", "--log-level"} <= names


def test_a_file_in_the_working_folder_sets_options_and_is_said(
    run, pair_files, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "regkit.toml").write_text(
        'seed = 7\n[register]\nmethod = "mi"\nset = ["iterations=1", "samples=500"]\n'
        'no-warped = true\nno-verdict = true\ninit = "centre"\n'
    )
    done = run("register", *pair_files, "-o", "a", "--init", "identity")
    assert done.exit_code == 0, done.output
    assert done.stderr.startswith(
        "regkit: options from regkit.toml: --method mi --set iterations=1 "
        "--set samples=500 --seed 7 --no-warped "
        "--no-verdict\n"
    )
    record = json.loads((tmp_path / "a.json").read_text())
    assert (record["method"], record["seed"], record["start"]["init"]) == ("mi", 7, "identity")
    assert record["parameters"]["iterations"] == 1
    assert not (tmp_path / "a_warped.nii.gz").exists()
    assert record["config"] == {
        "file": "regkit.toml",
        "options": {
            "method": "mi",
            "set": ["iterations=1", "samples=500"],
            "seed": "7",
            "no-warped": True,
            "no-verdict": True,
        },
    }
    # The words that were said, on a command line, do the same; the file is no part of the run.
    (tmp_path / "regkit.toml").unlink()
    words = re.search(r"regkit.toml: (.*)", done.stderr)[1].split()
    again = run("register", *pair_files, "-o", "a", "--init", "identity", *words)
    assert again.exit_code == 0, again.stderr
    repeated = json.loads((tmp_path / "a.json").read_text())
    assert repeated["run_id"] == record["run_id"]
    np.testing.assert_array_equal(repeated["transform"]["matrix"], record["transform"]["matrix"])
    assert "config" not in repeated


@pytest.mark.parametrize("place", ["before", "after"])
def test_a_file_that_is_named_replaces_the_one_that_is_found(
    run, pair_files, tmp_path, monkeypatch, place
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "regkit.toml").write_text('[register]\nmethod = "moments"\nreport = true\n')
    (tmp_path / "other.toml").write_text('[register]\nmethod = "identity"\n')
    named = ("--config", "other.toml")
    words = [*named, "register"] if place == "before" else ["register", *named]
    done = run(*words, *pair_files, "-o", "a", "--json")
    record = json.loads(done.stdout)
    assert record["method"] == "identity"
    assert record["config"]["file"] == "other.toml"
    assert not (tmp_path / "a.html").exists()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("sed = 3", r"bad\.toml: no option or command is called 'sed'; did you mean .*seed"),
        ("[registe]\na = 1", "no option or command is called 'registe'; did you mean register"),
        ("[register]\nmetod = 'x'", r"\[register\]: it has no option called 'metod'; .*method"),
        ("[transform.show]\nonto = 'x'", r"\[transform\], \[show\]: it has no option called"),
        ("[register]\nreport = 'x'", "report takes true or false, got 'x'"),
        ("[register]\nmethod = true", "method takes a text or number, got True"),
        ("[register]\nmethod = ['x', 'y']", "method takes one value, got"),
        ("[register]\nseed = 'x'", "seed of regkit register cannot be 'x': .*valid int"),
        ("register = 3", r"register is a command; write its options below \[register\]"),
        ("[register", "not a readable TOML file: "),
        ("[register]\nconfig = 'x'", r"\[register\]: --config can only stand on the command line"),
        ("allow-outside = true", "--allow-outside can only stand on the command line"),
    ],
)
def test_what_a_file_cannot_say_is_one_clear_line(run, pair_files, tmp_path, text, says):
    file = tmp_path / "bad.toml"
    file.write_text(text)
    before = sorted(tmp_path.rglob("*"))
    named = ("--config", file)
    for words in [("register", *named), (*named, "register")]:
        done = run(*words, *pair_files, "-m", "identity", "-o", tmp_path / "out" / "a")
        assert done.exit_code == 1
        (line,) = done.stderr.splitlines()
        assert line.startswith("regkit: ")
        assert re.search(says, line), line
    assert sorted(tmp_path.rglob("*")) == before


def test_a_missing_file_is_one_clear_line(run, pair_files, tmp_path):
    done = run("register", *pair_files, "--config", tmp_path / "none.toml")
    assert done.exit_code == 1
    assert re.fullmatch(
        r"regkit: \S+none.toml: not a readable TOML file: No such.*\n", done.stderr
    )


def test_options_of_a_nested_command(run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "regkit.toml").write_text("[weights.list]\njson = true\n")
    done = run("weights", "list")
    assert isinstance(json.loads(done.stdout), list)
    assert run("methods").stdout.startswith("method")  # of another command


def test_options_are_said_as_they_are_written_on_a_command_line() -> None:
    options = {"method": "a+b", "set": ["x=1", "y=2"], "report": True}
    assert options_in_words(options) == "--method a+b --set x=1 --set y=2 --report"


@pytest.mark.parametrize(
    ("before", "after", "levels"),
    [
        ((), (), {"WARNING", "ERROR"}),
        ((), ("-q",), {"ERROR"}),
        (("-v",), ("-v",), {"DEBUG", "INFO", "WARNING", "ERROR"}),
        (("-q",), ("--log-level", "info"), {"INFO", "WARNING", "ERROR"}),
        (("--log-level", "error"), (), {"ERROR"}),
    ],
)
@pytest.mark.end_to_end
def test_the_level_decides_which_messages_appear(before, after, levels):
    code = (
        "import logging, sys; from regkit.cli import app; import regkit.cli.listing as listing\n"
        "def chatty():\n"
        "    log = logging.getLogger('some_plugin')\n"
        "    for level in (10, 20, 30, 40):\n"
        "        log.log(level, 'says ' + logging.getLevelName(level))\n"
        "    raise SystemExit\n"
        "listing.current_registry = chatty\n"
        "app(sys.argv[1:])"
    )
    command = [sys.executable, "-c", code, *before, "methods", *after]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert set(re.findall(r"says (\w+)", done.stderr)) == levels, done.stderr
    detailed = "DEBUG" in levels or "INFO" in levels
    assert ("some_plugin: says" in done.stderr) == detailed  # time and origin too


def test_an_unknown_level_is_refused(run):
    done = run("methods", "--log-level", "loud")
    assert done.exit_code == 2
    said = " ".join(done.stderr.replace("\u2502", " ").split())
    assert "'loud' is not one of error, warning, info, debug" in said
