"""CONTRIBUTING.md names layers, files and commands that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def packages(folder: Path) -> set[str]:
    """Return the packages and modules of a folder, without those that Python itself needs."""
    names = {path.stem for path in folder.iterdir() if path.suffix == ".py" or path.is_dir()}
    return {name for name in names if not name.startswith("__")}


def first_column(heading: str) -> set[str]:
    """Return the names in the first column of the table with a heading."""
    table = TEXT.split(f"| {heading} | contents |")[1].split("\n\n")[0]
    return {
        name
        for row in table.splitlines()[2:]
        for name in re.findall(r"`(\w+)`", row.split("|")[1])
    }


def test_every_package_is_described() -> None:
    assert first_column("layer") == packages(ROOT / "src" / "regkit")
    assert first_column("plugin") == packages(ROOT / "plugins")


def test_the_files_it_names_exist() -> None:
    named = re.findall(r"`((?:src|plugins|tests|examples|benchmarks)/[\w/.]+)`", TEXT)
    assert len(named) > 20
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_commands_it_names_exist() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = set(
        re.findall(
            r"\bmake (\w+)",
            "\n".join(re.findall(r"`[^`]+`|^    make.*", TEXT, flags=re.MULTILINE)),
        )
    )
    assert {"install", "quick", "test", "check"} <= named
    assert named <= targets
