"""The README tells the truth: its code runs, its tables and its plugin are the real ones."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from PIL import Image

import pages
import readme
from regkit.registry import default_registry

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PICTURES = ROOT / "docs" / "_static"
FILES = dict(
    re.findall(r"^`([\w/.]+)`:\n\n```\w+\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
)


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


def test_it_is_short() -> None:
    assert len(README.splitlines()) <= 140


@pytest.mark.end_to_end
def test_the_python_runs(demo_files: Path, capsys) -> None:
    code = blocks("python")[0]
    assert len([line for line in code.splitlines() if line]) == 8
    exec(compile(code, "README", "exec"), {"__name__": "readme"})
    assert capsys.readouterr().out.startswith("OK")
    for name in ("ct_on_pet.nii.gz", "pet_to_ct.tfm", "ct_on_pet.png"):
        assert (demo_files / name).stat().st_size > 0


@pytest.mark.end_to_end
def test_the_commands_run(demo_files: Path) -> None:
    (block,) = (block for block in blocks("sh") if "regkit resample" in block)
    pages.run_commands(block)
    assert len(pages.commands(block)) >= 4
    for name in ("registration.tfm", "registration.html", "chained.png", "ct_on_pet.nii.gz"):
        assert (demo_files / "out" / name).is_file()


def test_every_block_is_run_or_sets_up() -> None:
    kinds = re.findall(r"^```(\w+)$", README, flags=re.MULTILINE)
    assert sorted(kinds) == ["python", "python", "sh", "sh", "toml"]
    set_up, commands = blocks("sh")
    assert "make install" in set_up
    assert "regkit resample" in commands
    assert set(FILES.values()) == {blocks("python")[1], *blocks("toml")}


@pytest.mark.end_to_end
def test_the_plugin_works_word_for_word_in_an_empty_folder(tmp_path: Path) -> None:
    """Its files install, regkit finds what they offer, and it satisfies the contract."""
    project, target = tmp_path / "project", tmp_path / "installed"
    project.mkdir()
    for name, text in FILES.items():
        (project / name).write_text(text, encoding="utf-8")
    install = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"]
    run(*install, "--disable-pip-version-check", "--target", str(target), str(project))
    path = os.pathsep.join([str(target), *sys.path])
    assert "shift-edges" in run("-m", "regkit", "methods", PYTHONPATH=path)
    assert ", 0 failed," in run("-m", "regkit", "check", "shift-edges", PYTHONPATH=path)


def run(*words: str, **variables: str) -> str:
    done = subprocess.run(
        [sys.executable, *words],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def test_it_names_every_method_once() -> None:
    section = README.partition("## Methods")[2].partition("Weights come")[0]
    named = re.findall(r"`([a-z][a-z-]+)`", section)
    methods = {offer.spec.name for offer in default_registry(builtin_only=True).methods}
    assert sorted(named) == sorted(methods)


def test_the_table_of_results_is_what_the_results_hold() -> None:
    table = re.search(r"<!-- results -->\n(.*?)<!-- /results -->", README, flags=re.DOTALL)
    assert table is not None
    assert table[1] == readme.headline(), "bring it up to date with: python benchmarks/readme.py"
    rows = table[1].splitlines()[2:]
    assert 6 <= len(rows) <= 8
    assert all(row.startswith(("| **real:** ", "| simulated: ")) for row in rows)


def test_the_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"make (\w+)", README):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target


def test_what_it_links_to_exists() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("https://") or (ROOT / target).exists(), target


@pytest.mark.parametrize("name", ["demo.png", "ventricle.png"])
def test_pictures_load_quickly_and_are_sharp(name: str) -> None:
    picture = PICTURES / name
    assert picture.stat().st_size < 600_000
    with Image.open(picture) as image:
        assert image.width >= 1000


def test_it_names_no_package_index() -> None:
    """The short name on the index belongs to somebody else."""
    documents = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    for document in (*documents, *pages.sources()):
        assert "pip install regkit" not in document.read_text(encoding="utf-8")


def test_the_citation_is_complete() -> None:
    """Required by the Citation File Format 1.2.0."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    keys = dict(re.findall(r"^([\w-]+): *(.*)$", text, flags=re.MULTILINE))
    assert {"cff-version", "message", "title", "authors"} <= set(keys)
    assert keys["version"] == project["version"]
    assert keys["license"] == "Apache-2.0"
