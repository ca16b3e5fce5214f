"""The README tells the truth: its code runs, its tables and its plugin are the real ones."""

import json
import re
import shlex
import shutil
import tomllib
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from regkit.cli import app
from regkit.cli.demo import simulated_pair
from regkit.io import write_volume
from regkit.registry import default_registry
from regkit.report.method_table import method_table

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PLUGIN = ROOT / "examples" / "plugin_package"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def painted(tmp_path_factory) -> Path:
    """What `make demo` leaves behind, as far as the README uses it."""
    folder = tmp_path_factory.mktemp("painted")
    pair, _ = simulated_pair()
    write_volume(pair.fixed, folder / "pet.nii.gz")
    write_volume(pair.moving, folder / "ct.nii.gz")
    return folder


@pytest.fixture
def demo_files(painted: Path, tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(painted, "demo")
    return tmp_path


@pytest.mark.end_to_end
def test_the_python_runs(demo_files: Path, capsys) -> None:
    for number, code in enumerate(blocks("python")):
        exec(compile(code, f"README block {number}", "exec"), {"__name__": "readme"} | _plugin())
    assert capsys.readouterr().out.startswith("OK")
    for name in ("ct_on_pet.nii.gz", "pet_to_ct.tfm", "ct_on_pet.png"):
        assert (demo_files / name).stat().st_size > 0


def _plugin() -> dict[str, object]:
    """What the excerpt of plugin.py imports further up in its file."""
    from regkit import MethodSpec, hookimpl

    return {"MethodSpec": MethodSpec, "hookimpl": hookimpl}


@pytest.mark.end_to_end
def test_the_commands_run(demo_files: Path) -> None:
    assert run_commands(about="regkit resample") >= 5
    for name in ("registration.tfm", "registration.html", "chained.png", "ct_on_pet.nii.gz"):
        assert (demo_files / "out" / name).is_file()


@pytest.mark.slow
def test_the_comparison_runs(demo_files: Path) -> None:
    assert run_commands(about="regkit benchmark") >= 4
    for name in ("results/report.html", "results/summary.md", "again/records.jsonl"):
        assert (demo_files / name).is_file()


@pytest.mark.slow
def test_the_training_runs(demo_files: Path) -> None:
    assert run_commands(about="regkit train") >= 5
    for name in ("out/heart.tfm", "trained/attention-reg.safetensors", "trained/curve.svg"):
        assert (demo_files / name).is_file()


@pytest.mark.end_to_end
def test_the_ventricle_is_reoriented(demo_files: Path) -> None:
    assert run_commands(about="regkit reorient") >= 2
    for name in (
        "ventricle.tfm",
        "ventricle_sa.nii.gz",
        "ventricle_segments.csv",
        "ventricle.png",
    ):
        assert (demo_files / "out" / name).is_file()


def test_every_block_of_commands_is_run_or_sets_up() -> None:
    for block in blocks("sh"):
        assert any(
            words in block
            for words in (
                *("make test", "regkit resample", "regkit train", "regkit benchmark"),
                "regkit reorient",
            )
        )


def run_commands(about: str) -> int:
    """Run every command of the blocks about something; return how many there are."""
    lines = [line for block in blocks("sh") if about in block for line in block.splitlines()]
    commands = [shlex.split(line)[1:] for line in lines if line.startswith("regkit ")]
    for words in commands:
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, (words, result.output)
    return len(commands)


def test_the_make_targets_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"make (\w+)", README):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target


def test_the_table_of_methods_is_that_of_the_registry() -> None:
    table = re.search(r"<!-- methods -->\n(.*?)<!-- /methods -->", README, flags=re.DOTALL)
    assert table is not None
    assert table[1] == method_table(default_registry(builtin_only=True).methods), (
        "bring it up to date with: python benchmarks/readme.py"
    )


@pytest.mark.parametrize(
    ("name", "file"),
    [
        *(("paper tables", "tables.md"), ("speed", "speed.md"), ("capture", "capture.md")),
        *(("ventricles", "ventricles.md"), ("ventricle networks", "ventricle_networks.md")),
    ],
)
def test_what_was_measured_is_what_the_results_hold(name, file) -> None:
    table = re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", README, flags=re.DOTALL)
    assert table is not None
    assert table[1] == (ROOT / "benchmarks" / "results" / file).read_text(encoding="utf-8"), (
        "bring it up to date with: python benchmarks/readme.py"
    )


def test_the_table_of_weights_is_that_of_the_cards() -> None:
    table = re.search(r"<!-- weights -->\n(.*?)<!-- /weights -->", README, flags=re.DOTALL)
    assert table is not None
    cards = {
        path.stem: json.loads(path.read_text()) for path in ROOT.glob("plugins/*/shipped/*.json")
    }
    rows = [line.split(" | ") for line in table[1].splitlines()[2:]]
    assert {row[0].strip("| `") for row in rows} == set(cards)
    for row in rows:
        about = cards[row[0].strip("| `")]["about"]
        assert (row[1], row[2]) == (f"`{about['data']}`", str(about["steps"]))


def test_the_plugin_is_the_one_of_the_example() -> None:
    files = re.findall(
        r"^`([\w/.]+)`:\n\n```\w+\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL
    )
    assert [name for name, _ in files][-1] == "pyproject.toml"
    for name, code in files:
        assert code in (PLUGIN / name).read_text(encoding="utf-8")
    assert files[0][1] == (PLUGIN / files[0][0]).read_text(encoding="utf-8")


def test_what_it_links_to_exists() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert target.startswith("https://") or (ROOT / target).exists(), target


def test_the_picture_loads_quickly_and_is_sharp() -> None:
    picture = ROOT / "docs" / "demo.png"
    assert picture.stat().st_size < 600_000
    with Image.open(picture) as image:
        assert image.width >= 1000


def test_it_names_no_package_index() -> None:
    """The short name on the index belongs to somebody else."""
    for document in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        text = (ROOT / document).read_text(encoding="utf-8")
        assert "pip install regkit" not in text


def test_the_citation_is_complete() -> None:
    """Required by the Citation File Format 1.2.0."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    text = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    keys = dict(re.findall(r"^([\w-]+): *(.*)$", text, flags=re.MULTILINE))
    assert {"cff-version", "message", "title", "authors"} <= set(keys)
    assert keys["version"] == project["version"]
    assert keys["license"] == "Apache-2.0"
