"""What starting regkit imports, and what it must not."""

import subprocess
import sys

import pytest

from regkit.testing.declaration_checks import HEAVY

pytestmark = pytest.mark.end_to_end

PROBE = """
import sys
from regkit.__main__ import main
sys.argv = ["regkit", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    code = end.code or 0
print("imported:", *sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
sys.exit(code)
"""


def imported_by(*arguments: str) -> tuple[str, set[str]]:
    probe = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments], capture_output=True, text=True, check=True
    )
    last = probe.stderr.splitlines()[-1]
    assert last.startswith("imported: ")
    return probe.stdout, set(last.split()[1:])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--help"], "register"),
        (["register", "--help"], "--method"),
        (["check", "--help"], "contract"),
        (["methods"], "identity"),
        (["methods", "--json"], "edge-shift"),
        (["plugins"], "regkit-imaging"),
        (["--no-plugins", "methods"], "identity"),
    ],
)
def test_starting_imports_nothing_heavy(arguments: list[str], says: str) -> None:
    stdout, imported = imported_by(*arguments)
    assert says in stdout
    assert imported & set(HEAVY) == set()


def test_importing_regkit_imports_nothing_heavy() -> None:
    code = "import sys, regkit, regkit.plugin, regkit.registry; print(*sys.modules)"
    probe = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert {name.partition(".")[0] for name in probe.stdout.split()} & set(HEAVY) == set()


def test_the_probe_sees_what_is_imported() -> None:
    """Showing a method imports its code; were this not seen, the tests above would be blind."""
    _, imported = imported_by("show", "identity")
    assert "numpy" in imported


def test_importing_regkit_for_an_image_needs_no_optional_package() -> None:
    code = "import sys; from regkit import Volume, Grid, Pair, rigid; print(*sys.modules)"
    probe = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    imported = {name.partition(".")[0] for name in probe.stdout.split()}
    assert imported & {"torch", "ants", "SimpleITK", "matplotlib", "nibabel", "pydicom"} == set()
