"""Compiled loops are kept on disk, by a class of numba's own that a new version may change."""

import subprocess
import sys
from pathlib import Path

import pytest

from regkit.compiled import is_private

LOOP = """
import numpy as np
from regkit.compiled import compiled

@compiled
def total(numbers):
    found = 0.0
    for number in numbers:
        found += number
    return found

print(total(np.arange(5.0)), sum(total.stats.cache_hits.values()), flush=True)
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "a_loop.py"
    path.write_text(LOOP)
    return path


def test_a_loop_is_compiled_once_and_then_loaded(script: Path) -> None:
    seen = [_run(script) for _ in range(2)]
    assert seen == ["10.0 0", "10.0 1"], (
        "the second process compiled again: does this version of numba still look for the code "
        "of a loop in the attribute `_cache`, by `FunctionCache.load_overload`?"
    )


def test_another_version_of_numba_loads_its_code_in_its_own_way(script: Path) -> None:
    script.write_text(
        f"import numba\nnumba.__version__ = '9.0'\n{LOOP}print(type(total._cache).__module__)"
    )
    numba_s_own = "numba.core.caching"
    assert [_run(script) for _ in range(2)] == [f"10.0 {n}\n{numba_s_own}" for n in (0, 1)]


CALLER = """
from a_loop import total
from regkit.compiled import compiled

@compiled
def twice(numbers):
    return total(numbers) + total(numbers)

print(twice(np.arange(5.0)), sum(total.stats.cache_hits.values()))
"""


def test_a_loop_that_is_compiled_may_call_one_that_was_loaded(script: Path) -> None:
    _run(script)
    caller = script.with_name("a_caller.py")
    caller.write_text("import numpy as np" + CALLER)
    assert [_run(caller) for _ in range(2)] == ["10.0 1\n20.0 1", "10.0 1\n20.0 1"]


def _run(script: Path) -> str:
    done = subprocess.run([sys.executable, script], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_a_folder_that_others_can_write_to_is_not_used(script: Path) -> None:
    assert [_run(script) for _ in range(2)] == ["10.0 0", "10.0 1"]
    (script.parent / "__pycache__").chmod(0o777)
    assert [_run(script) for _ in range(2)] == ["10.0 0", "10.0 0"]


def test_the_cache_can_be_turned_off(script: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGKIT_COMPILED_CACHE", "0")
    assert [_run(script) for _ in range(2)] == ["10.0 0", "10.0 0"]
    assert not list(script.parent.rglob("*.nbi"))


@pytest.mark.parametrize(
    ("mode", "above", "private"),
    [
        *((0o700, 0o755, True), (0o755, 0o755, True), (0o757, 0o755, False)),
        *((0o755, 0o777, False), (0o755, 0o1777, True), (0o1777, 0o755, False)),
    ],
)
def test_private_is_what_no_other_can_change(tmp_path, mode, above, private) -> None:
    folder = tmp_path / "above" / "cache"
    folder.mkdir(parents=True)
    folder.chmod(mode)
    folder.parent.chmod(above)
    assert is_private(folder) is private
