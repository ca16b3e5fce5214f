"""Codes that move a cursor or set a title: whatever a file is called, the terminal gets none."""

import shutil

import pytest

CODE = "\x1b]0;owned\x07\x1b[2J\x9b31m"


@pytest.fixture
def named(pair_files, tmp_path):
    folder = tmp_path / f"in{CODE}"
    folder.mkdir()
    return [shutil.copy(file, folder / f"{CODE}{file.name}") for file in pair_files]


COMMANDS = {
    "register": lambda a, b, out: ("register", a, b, "-m", "identity", "-o", out),
    "register nothing": lambda a, b, out: ("register", f"{a}x", b, "-o", out),
    "register text": lambda a, b, out: ("register", a, b, "-m", f"{out}"),
    "transform nothing": lambda a, b, out: ("transform", "show", f"{a}.tfm"),
    "resample": lambda a, b, out: ("resample", a, "--onto", b, "-o", f"{out}.nii.gz"),
    "benchmark nothing": lambda a, b, out: ("benchmark", f"{a}x", "-m", "identity", "-o", out),
    "weights nothing": lambda a, b, out: ("weights", "verify", f"{a}.safetensors"),
    "an option": lambda a, b, out: ("register", a, b, f"--{CODE}"),
    "a command": lambda a, b, out: (f"{CODE}", a),
    "batch nothing": lambda a, b, out: ("batch", f"{a}.csv", "-o", out),
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_no_code_of_a_name_reaches_the_terminal(run, named, tmp_path, command, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    result = run(*command(*named, tmp_path / f"out{CODE}"))
    shown = result.stdout + result.stderr
    assert shown
    for code in ("\x1b]", "\x07", "\x1b[2J", "\x9b"):
        assert code not in shown
