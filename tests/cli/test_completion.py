"""What the shell completes on Tab, by the program itself, and what finding it imports."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from regkit.cli.completion import INITIALIZERS, complete_from, complete_methods
from regkit.registration.initialization import INITIALIZERS as ACCEPTED
from regkit.registry import default_registry
from regkit.testing.declaration_checks import HEAVY

PROGRAM = "import sys; sys.argv[0] = 'regkit'; from regkit.__main__ import main; main()"
PROBE = (
    "import sys, atexit\n"
    "atexit.register(lambda: print('imported:', *{n.partition('.')[0] for n in sys.modules}, "
    "file=sys.stderr))\n"
)


def completed(*words: str) -> tuple[list[str], set[str]]:
    """Return what bash would offer for the last word, and what was imported to find it."""
    line = " ".join(("regkit", *words))
    shell = {
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words)),
        "_REGKIT_COMPLETE": "complete_bash",
    }
    done = subprocess.run(
        [sys.executable, "-c", PROBE + PROGRAM],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **shell},
    )
    last = done.stderr.splitlines()[-1]
    assert last.startswith("imported: ")
    return done.stdout.split(), set(last.split())


@pytest.mark.end_to_end
@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (("regi",), {"register"}),
        (("register", "a", "b", "-m", "moments+ident"), {"moments+identity"}),
        (("register", "a", "b", "--fixed-modality", "s"), {"spect"}),
        (("simulate", "tiny"), {"tiny-thorax"}),
        (("reorient", "a", "--to", "sh"), {"short-axis"}),
        (("show", "tre"), {"tre_mm"}),
    ],
)
def test_names_are_completed_and_nothing_heavy_is_imported(words, offered) -> None:
    found, imported = completed(*words)
    assert offered <= set(found)
    assert imported & set(HEAVY) == set()


def test_all_methods_are_offered_wherever_a_method_stands() -> None:
    names = {method.spec.name for method in default_registry().methods}
    assert {name for name, _ in complete_methods("")} == names
    assert {name for name, _ in complete_methods("a+b,")} == {f"a+b,{name}" for name in names}
    summaries = {method.spec.name: method.spec.summary for method in default_registry().methods}
    assert dict(complete_methods("")) == summaries


def test_initializers_are_those_that_are_accepted() -> None:
    assert INITIALIZERS == ACCEPTED


def test_choices_of_both_notations() -> None:
    assert complete_from("uint8, int16, uint16")("u") == [("uint8", ""), ("uint16", "")]
    assert complete_from("a|b|ab")("a") == [("a", ""), ("ab", "")]


@pytest.mark.end_to_end
@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_itself_completes(tmp_path: Path) -> None:
    """The script that the program prints, sourced by bash, fills bash's own variable."""
    program = tmp_path / "regkit"
    program.write_text(f"#!{sys.executable}\n{PROGRAM}\n")
    program.chmod(0o755)
    script = (
        f'eval "$({program} --show-completion bash 2>/dev/null || '
        f'_REGKIT_COMPLETE=source_bash {program})"\n'
        "COMP_WORDS=(regkit register a b --method mom); COMP_CWORD=5\n"
        f'_regkit_completion {program}\necho "${{COMPREPLY[@]}}"'
    )
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["moments"], done.stderr
