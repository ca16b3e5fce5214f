"""The papers' tables: what is installed is run once, what is not shows the paper's number."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from regkit.benchmark.records import RECORDS_FILE, read_records
from regkit.registry import Registry

pytestmark = pytest.mark.end_to_end

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "tables.py"
PUBLISHED = """
[cohorts.toys]
dataset = "toy-cases"
parameters = { n = 3 }
beside = ["other", "clocked"]
patients = "toys"

[cohorts.unused]
dataset = "toy-cases"
parameters = { n = 3 }
beside = []
patients = "nobody"

[tables.first]
title = "A paper, Table 1: errors"
source = "Somebody, Table 1"
theirs = "clinical toys"
cohort = "toys"
columns = [{ score = "dt_mm", title = "dt mm" }, { score = "rot_mse", title = "r", times = 100 }]
rows = [
    { row = "Theirs", method = "fine", dt_mm = [7.5, 1.25], rot_mse = [2.0] },
    { row = "Secret", method = "not-built-yet", dt_mm = [3.25] },
    { row = "Chained", method = "fine+not-built-yet" },
    { row = "Lacks a package", method = "needy", dt_mm = [3.5] },
    { row = "Only theirs", dt_mm = [4.5, 4.0, 5.25] },
]

[tables.second]
title = "A paper, Table 2"
source = "Somebody, Table 2"
theirs = "clinical toys"
cohort = "unused"
columns = [{ score = "dt_mm", title = "dt mm" }]
rows = [{ row = "Theirs", method = "fine", dt_mm = [7.5] }]
"""


@pytest.fixture(scope="module")
def tables():
    spec = importlib.util.spec_from_file_location("tables", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "tables", module)  # dataclasses look their module up
        spec.loader.exec_module(module)
        yield module


@pytest.fixture
def go(tables, tmp_path):
    published = tmp_path / "published.toml"
    published.write_text(PUBLISHED, encoding="utf-8")

    def main(*words):
        out = ("-o", str(tmp_path / "runs"), "--results", str(tmp_path / "results"))
        tables.main([*words, *out], published)

    return main


def rows_of(text, heading="| row"):
    cells = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    return {row[1].strip("`"): [row[0], *row[2:]] for row in cells[1:]}


def test_a_table_has_the_paper_s_rows_and_ours(go, capsys):
    go("first")
    rows = rows_of(capsys.readouterr().out)
    # `fine` misses by 0, 0.1 and 0.2 mm along x: a third of that as the mean of three axes.
    assert rows["fine"] == [
        "Theirs",
        "7.50 ± 1.25",
        "0.03 ± 0.03",
        "2.00",
        "0.00 ± 0.00",
        "0 of 3",
    ]
    missing = "not installed"
    assert rows["not-built-yet"] == ["Secret", "3.25", missing, "-", missing, "-"]
    assert rows["fine+not-built-yet"] == ["Chained", "-", missing, "-", missing, "-"]
    assert rows["needy"] == ["Lacks a package", "3.50", missing, "-", missing, "-"]
    assert rows["-"] == ["Only theirs", "4.50 [4.00, 5.25]", "-", "-", "-", "-"]
    assert rows["clocked"] == ["-", "-", "0.00 ± 0.00", "-", "0.00 ± 0.00", "0 of 3"]
    assert "other" not in rows


def test_the_same_command_does_nothing_again_and_more_only_what_is_new(go, tmp_path, capsys):
    file = tmp_path / "runs" / "toys" / RECORDS_FILE
    go("first", "--limit", "1", "-m", "fine")
    before = file.read_bytes()
    assert rows_of(capsys.readouterr().out)["fine"][-1] == "0 of 1"
    go("first", "--limit", "1", "-m", "fine")
    assert file.read_bytes() == before
    go("first", "--limit", "2", "-m", "fine,raises")
    assert file.read_bytes().startswith(before)
    assert len(read_records(file.parent)) == 4


def test_what_is_installed_but_was_not_run_says_so_and_failures_are_counted(go, capsys):
    go("first", "-m", "raises")
    rows = rows_of(capsys.readouterr().out)
    assert rows["fine"][2] == "not run"
    assert rows["raises"][-1] == "1 of 3"


def test_results_hold_numbers_and_conditions_and_keep_earlier_tables(go, tables, tmp_path):
    results = tmp_path / "results"
    go("first", "--limit", "1", "-m", "fine")
    go("--table")
    lines = [json.loads(text) for text in (results / "tables.jsonl").read_text().splitlines()]
    assert [line["table"] for line in lines] == ["first", "second"]
    first, second = lines
    assert (first["cases"], first["patients"], second["cases"]) == (1, 1, 0)
    known = first["conditions"]
    assert known["dataset"] == "toy-cases"
    assert known["seeds"] == {"cohort": 0, "methods": 0}
    assert known["threads"] == known["workers"] == 1
    assert {"python", "numpy", "regkit-imaging"} <= known["versions"].keys()
    assert str(tmp_path) not in (results / "tables.jsonl").read_text()
    fine = next(row for row in first["rows"] if row["method"] == "fine")
    assert fine["published"]["dt_mm"] == [7.5, 1.25]
    assert fine["here"]["dt_mm"]["mean"] == pytest.approx(0.0, abs=1e-9)
    text = (results / "tables.md").read_text()
    assert "clinical toys (Somebody, Table 1). Here: toys, the first 1 case (1 patient) of" in text
    assert "nothing was run" in text
    (tmp_path / "runs").rename(tmp_path / "elsewhere")
    go("--table", "first")
    assert (results / "tables.md").read_text() == text
    # What a paper says can be corrected without a run.
    file = tmp_path / "published.toml"
    file.write_text(PUBLISHED.replace("[7.5, 1.25]", "[8.5, 1.25]"))
    tables.main(
        ["--table", "first", "-o", str(tmp_path / "runs"), "--results", str(results)], file
    )
    assert (results / "tables.md").read_text() == text.replace("7.50 ± 1.25", "8.50 ± 1.25")


def test_an_unknown_table_is_named(go, capsys):
    with pytest.raises(SystemExit, match="2"):
        go("third")
    assert "there is no table third; choose from first, second" in capsys.readouterr().err


def test_what_is_shipped_fits_what_regkit_offers(tables):
    """A misspelt score would be a column of dashes for ever."""
    cohorts, papers = tables.read_published(SCRIPT.with_name("published.toml"))
    registry = Registry()
    datasets = {offer.spec.name for offer in registry.datasets}
    scores = {offer.spec.name for offer in registry.metrics}
    assert {cohort.dataset for cohort in cohorts.values()} <= datasets
    cohorts_of_ours = {"spect-ct-hard", "spect-ct-40", "spect-ct-26"}
    ours = {*cohorts_of_ours, "mr-us", "lv-spect-pose", "lv-pet-pose"}
    assert papers.keys() - ours == {"dusfe-1", "dusfe-2", "msst-3", "msst-4"}
    for name, paper in papers.items():
        columns = {column["score"] for column in paper.columns}
        assert columns <= scores
        assert paper.cohort in cohorts
        assert ("arXiv:" in paper.source) == (name not in ours)
        assert bool(paper.tests) <= bool(paper.source)
        for row in paper.rows:
            assert row.keys() <= columns | {"row", "method"}
            assert all(1 <= len(row[score]) <= 3 for score in columns & row.keys())
