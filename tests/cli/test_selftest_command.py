"""``regkit selftest`` and `regkit.selftest`, with methods that need no search."""

import json
import re

import pytest

import regkit
from phantoms import small_pair
from regkit import IDENTITY
from regkit.benchmark import selftest as selftest_module

pytestmark = pytest.mark.end_to_end

KEYS = [
    "method",
    "capture_mm",
    "capture_deg",
    "accuracy_mm",
    "repeatability_mm",
    "runs",
    "wrong_ok",
]
FEW = ("-m", "identity", "--runs", "6")


def test_json_has_the_keys_of_the_contract_and_nothing_else(run, pair_files, tmp_path):
    result = run("selftest", *pair_files, *FEW, "-o", tmp_path / "out" / "st", "--json")
    assert result.exit_code in (0, 3), result.output
    found = json.loads(result.stdout)
    assert list(found) == KEYS
    assert found["method"] == "identity"
    assert found["runs"] == 6
    assert found["capture_mm"] == found["capture_deg"] == 0.0
    assert found["accuracy_mm"] is None
    record = json.loads((tmp_path / "out" / "st.json").read_text())
    assert {key: record[key] for key in KEYS} == found
    assert {f.name for f in (tmp_path / "out").iterdir()} == {"st.json", "st.jsonl", "st.html"}


def test_the_record_every_run_and_the_page(run, pair_files, tmp_path):
    result = run(
        *("selftest", *pair_files, *FEW, "-o", tmp_path / "st", "--seed", "7"),
        *("--tolerance", "12", "--max-mm", "50", "--max-deg", "90", "--init", "identity"),
    )
    assert result.exit_code in (0, 3), result.output
    record = json.loads((tmp_path / "st.json").read_text())
    assert (record["tolerance_mm"], record["seed"]) == (12.0, 7)
    assert record["reference"]["transform"]["model"] == "identity"
    assert record["reference"]["start"]["init"] == "identity"
    assert len(record["inputs"]["moving"]["sha256"]) == 64
    assert [size["kind"] for size in record["sizes"]] == ["shift", "rotation", "both"]
    assert record["sizes"][0]["shift_mm"] == 24.0
    lines = [json.loads(line) for line in (tmp_path / "st.jsonl").read_text().splitlines()]
    assert [line["kind"] for line in lines] == ["repeat"] * 2 + ["shift", "rotation", "both"]
    assert [line["seed"] for line in lines] == [8, 9, 10, 11, 12]
    assert lines[2]["error_mm"] == pytest.approx(24.0, abs=0.01), "identity follows the header"
    assert lines[2]["judgement"] in ("OK", "CHECK", "FAIL")
    assert "capture range, shifts" in result.stdout
    assert re.search(r"shift +24 mm +0 of 1 ", result.stdout)
    page = (tmp_path / "st.html").read_text()
    assert page.count('class="run ') == 3 + 4, "a dot for each graded run, and the key"
    assert "largest tested size up to which" in page
    assert not re.search(r"""(src|href)=["'](?!data:|#)""", page), "it needs nothing else"


def test_only_the_same_command_or_force_replaces_files(run, pair_files, tmp_path):
    command = ("selftest", *pair_files, *FEW, "-o", tmp_path / "st")
    assert run(*command).exit_code in (0, 3)
    first = (tmp_path / "st.jsonl").read_bytes()
    assert run(*command).exit_code in (0, 3)
    untimed = re.compile(rb'"compute_s": [^}]+')
    again = (tmp_path / "st.jsonl").read_bytes()
    assert untimed.sub(b"", again) == untimed.sub(b"", first), "same seed, same results"
    other = run(*command, "--max-mm", "60")
    assert other.exit_code == 1
    assert "st.json exists, from another run (identity" in other.stderr
    assert run(*command, "--max-mm", "60", "--force").exit_code in (0, 3)


def test_an_interrupted_run_leaves_nothing(run, pair_files, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(selftest_module, "moved_pair", interrupt)
    result = run("selftest", *pair_files, *FEW, "-o", tmp_path / "out" / "st")
    assert result.exit_code == 1
    assert "interrupted; no file is left half-written" in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--runs", "5"), "a self-test needs at least 6 runs"),
        (("--max-deg", "190"), "max_deg can be at most 180 degrees"),
        (("--max-mm", "4"), "max_mm must be above 18 mm, got 4"),
        (("--fixed-roi", "2"), "--fixed-roi chooses in a mask"),
        (("--init", "nowhere.tfm"), "no such file"),
    ],
)
def test_errors_are_one_line(run, pair_files, tmp_path, words, message):
    result = run("selftest", *pair_files, "-m", "identity", "-o", tmp_path / "st", *words)
    assert result.exit_code == 1
    assert message in result.stderr
    assert result.stderr.strip().splitlines()[-1].startswith("regkit: ")
    assert not list(tmp_path.glob("st*"))


def test_the_function_runs_real_methods_and_tells_its_progress():
    told = []
    pair = small_pair(IDENTITY)
    test = regkit.selftest(
        *(pair.fixed, pair.moving, "identity"),
        runs=6,
        on_run=lambda done, runs: told.append((done, runs)),
    )
    assert told == [(done, 6) for done in range(1, 7)]
    assert test.capture_mm == 0.0
    assert test.reference.verdict.status == "OK"
    assert repr(test).startswith("<SelfTest of identity: captures 0 mm and 0 degrees")
