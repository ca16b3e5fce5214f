"""``regkit report``: the page and the summary of a folder, made again."""

import json
from pathlib import Path

import pytest

from regkit.benchmark.case_source import DatasetRef
from regkit.benchmark.plan import Method, Plan, write_plan
from regkit.benchmark.records import RecordFile, new_record


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A benchmark of two methods on six patients, whose images are gone."""
    write_plan(
        Plan(DatasetRef("gone"), (Method("a", "identity"), Method("b", "identity"))), tmp_path
    )
    with RecordFile(tmp_path) as file:
        for patient in range(6):
            for method, error in (("a", 1.0), ("b", 2.0)):
                file.append(
                    new_record(
                        "toy",
                        f"p{patient}",
                        method,
                        "ok",
                        group=f"p{patient}",
                        scores={"dt_mm": error + 0.1 * patient},
                        transform=[[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]],
                    )
                )
    return tmp_path


def margins_of(folder: Path) -> dict[str, float]:
    return json.loads((folder / "summary.json").read_text())["settings"]["margins"]


def test_it_writes_the_page_and_the_summary(folder, run) -> None:
    result = run("report", folder)
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == f"wrote {folder / 'report.html'}"
    assert "a ranks first" in (folder / "report.html").read_text(encoding="utf-8")
    assert (folder / "summary.md").exists()
    assert (folder / "summary.csv").exists()


def test_margins_are_kept_until_others_are_given(folder, run) -> None:
    assert run("report", folder, "--margin", "dt_mm=3.4").exit_code == 0
    assert margins_of(folder) == {"dt_mm": 3.4}
    assert run("report", folder).exit_code == 0
    assert margins_of(folder) == {"dt_mm": 3.4}
    assert run("report", folder, "--margin", "dt_mm=1").exit_code == 0
    assert margins_of(folder) == {"dt_mm": 1.0}


def test_the_same_records_give_the_same_page(folder, run) -> None:
    run("report", folder)
    first = (folder / "report.html").read_bytes()
    run("report", folder)
    assert (folder / "report.html").read_bytes() == first


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--margin", "dt_mm"), "--margin takes SCORE=NUMBER, got 'dt_mm'"),
        (
            ("--margin", "tre=1"),
            "no record has the score 'tre', for which a margin was given; choose from dt_mm",
        ),
    ],
)
def test_wrong_margins_are_one_line(folder, run, words, says) -> None:
    result = run("report", folder, *words)
    assert result.exit_code == 1
    assert says in result.stderr
    assert not (folder / "report.html").exists()


@pytest.mark.parametrize("content", [b"\xff\xfe{}\n", b"[]\n", b'{"dataset": "d"}\n', b"\0\0\n"])
def test_a_folder_with_other_records_is_one_line(tmp_path, run, content) -> None:
    (tmp_path / "records.jsonl").write_bytes(content)
    result = run("report", tmp_path)
    assert result.exit_code == 1
    assert "line 1 is not a record of a benchmark; remove the line" in result.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["records.jsonl"]


def test_a_folder_without_records_is_one_line(tmp_path, run) -> None:
    result = run("report", tmp_path)
    assert result.exit_code == 1
    assert "is not a benchmark folder" in result.stderr
