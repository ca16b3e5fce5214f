"""Generated parts of the documentation hold what the registry, cards and results hold."""

import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from regkit.registry import default_registry
from regkit.report.method_table import method_table

pytestmark = pytest.mark.end_to_end

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "docs" / "_ext"))
        import generated

        folder = tmp_path_factory.mktemp("generated")
        generated.write_generated(folder)
    return folder


def text(folder: Path, name: str) -> str:
    return (folder / name).read_text(encoding="utf-8")


def test_the_table_of_methods_is_that_of_the_registry(folder: Path) -> None:
    assert text(folder, "methods.md") == method_table(default_registry(builtin_only=True).methods)


@pytest.mark.parametrize("kind", ["metrics", "datasets"])
def test_scores_and_datasets_are_those_of_the_registry(folder: Path, kind: str) -> None:
    names = {offer.spec.name for offer in getattr(default_registry(builtin_only=True), kind)}
    rows = text(folder, "scores.md" if kind == "metrics" else "datasets.md").splitlines()[2:]
    assert {row.split("`")[1] for row in rows} == names


@pytest.mark.parametrize(
    "name",
    [
        *("speed", "cold", "capture", "real_pairs", "petct", "ventricles", "ventricle_networks"),
        *("refinements", "automatic", "training_cost", "verdict", "like_for_like"),
        "thread_speed",
    ],
)
def test_what_was_measured_is_what_the_results_hold(folder: Path, name: str) -> None:
    assert text(folder, f"{name}.md") == (RESULTS / f"{name}.md").read_text(encoding="utf-8")


def test_tables_of_papers_keep_every_line(folder: Path) -> None:
    measured = (RESULTS / "tables.md").read_text(encoding="utf-8").splitlines()
    shown = text(folder, "paper_tables.md").splitlines()
    assert [line.strip("*") for line in measured] == [line.removeprefix("## ") for line in shown]


def test_the_table_of_weights_is_that_of_the_cards(folder: Path) -> None:
    cards = {
        path.stem: json.loads(path.read_text()) for path in ROOT.glob("plugins/*/shipped/*.json")
    }
    rows = [line.split(" | ") for line in text(folder, "weights.md").splitlines()[2:]]
    assert {row[0].strip("| `") for row in rows} == set(cards)
    for row in rows:
        about = cards[row[0].strip("| `")]["about"]
        assert (row[1], row[2]) == (f"`{about['data']}`", str(about["steps"]))


def test_every_measured_file_is_on_a_page(folder: Path) -> None:
    """Nothing that was measured is left out of the documentation."""
    import result_figures
    import result_tables

    code = "".join(
        Path(module.__file__).read_text(encoding="utf-8")
        for module in (result_tables, result_figures)
    )
    for file in RESULTS.glob("*.*"):
        assert f'"{file.stem}"' in code, file.name


def test_every_generated_file_is_used_by_a_page(folder: Path) -> None:
    written = "".join(
        page.read_text(encoding="utf-8")
        for page in (ROOT / "docs").rglob("*.md")
        if "_generated" not in page.parts
    )
    for file in folder.iterdir():
        assert re.search(rf"_generated/{re.escape(file.name)}\b", written), file.name


def test_figures_are_pictures_that_do_not_change(folder: Path, tmp_path: Path) -> None:
    import generated

    generated.write_generated(tmp_path)
    for file in sorted(folder.glob("*.svg")):
        assert ET.parse(file).getroot().tag.endswith("svg")
        assert file.read_bytes() == (tmp_path / file.name).read_bytes()
