"""The page of a batch: what it lists, how it is filtered and marked, and what it exports."""

import csv
from importlib.metadata import version
from pathlib import Path

import pytest

from chromium import browser, probe
from regkit.batches.batch_pair import BatchPair
from regkit.batches.batch_plan import BatchPlan
from regkit.batches.index_page import write_index
from regkit.batches.result_table import by_doubt, result_rows
from regkit.batches.review import (
    Review,
    counted_reviews,
    joined_reviews,
    read_reviews,
    reviewed_digest,
    write_reviews,
)
from regkit.errors import FileFormatError

HOSTILE = "</script><b>p & q"
needs_browser = pytest.mark.skipif(browser() is None, reason="needs Chromium or Chrome")


def record(verdict: str, error_mm: float, bad: float) -> dict:
    return {
        "status": "ok",
        "verdict": verdict,
        "expected_error_mm": error_mm,
        "interval_mm": [error_mm / 2, 2 * error_mm],
        "probability_bad": bad,
        "rotation_deg": 3.0,
        "moving_shift_to_match_mm": [0.0, 0.0, 12.0],
        "correction": "to match, move the moving image (CT) about 12 mm higher",
        "scores": {"dice": 0.8},
        "scores_before": {"dice": 0.5},
        "transform_sha256": "a" * 64,
        "inputs_sha256": "b" * 64,
        "files": ["x/registration.tfm"],
        "reasons": ["look at it"],
    }


RECORDS = {
    "good": record("OK", 1.0, 0.01),
    "better": record("OK", 0.5, 0.001),
    HOSTILE: record("FAIL", 40.0, 0.9),
    "gone": {"status": "failed", "error": "no such file"},
}


@pytest.fixture
def page(tmp_path: Path) -> Path:
    pairs = [BatchPair(name, {}) for name in (*RECORDS, "later")]
    seen = reviewed_digest(RECORDS["better"])
    reviews = {"better": Review("better", "pass", "fine", "2026-01-01T00:00:00Z", seen)}
    rows = result_rows(pairs, RECORDS, reviews)
    plan = BatchPlan("pairs.csv", "auto", command="regkit batch pairs.csv")
    return write_index(rows, plan, RECORDS, reviews, tmp_path)


def test_rows_are_sorted_by_doubt() -> None:
    rows = result_rows([BatchPair(name, {}) for name in ("later", *RECORDS)], RECORDS, {})
    assert [row["id"] for row in by_doubt(rows)] == ["gone", HOSTILE, "good", "better", "later"]
    assert rows[1]["motion"] == "to match, move the moving image (CT) about 12 mm higher"


def test_the_page_tells_the_run_and_the_limits_of_verdicts(page: Path) -> None:
    html = page.read_text(encoding="utf-8")
    for fact in ("regkit batch pairs.csv", f"regkit {version('regkit-imaging')}", "UTC", "cores"):
        assert fact in html
    assert "probability above 80%" in html


def test_the_page_needs_no_network_and_escapes_names(page: Path) -> None:
    html = page.read_text(encoding="utf-8")
    assert "http" not in html.replace("http-equiv", "")
    assert "<b>p & q" not in html


@needs_browser
@pytest.mark.end_to_end
def test_pairs_are_filtered_marked_and_exported(page: Path, tmp_path: Path) -> None:
    script = """
      const listed = () => [...document.querySelectorAll("article h2")].map((e) => e.textContent);
      const key = (name) => document.activeElement.dispatchEvent(
        new KeyboardEvent("keydown", {key: name, bubbles: true}));
      const set = (id, value) => {
        document.getElementById(id).value = value;
        document.getElementById(id).dispatchEvent(new Event("input"));
      };
      const found = {all: listed()};
      set("search", "look P");
      found.searched = listed();
      set("search", "");
      document.querySelector("[data-state=OK]").click();
      found.without_ok = listed();
      document.querySelector("[data-state=OK]").click();
      set("marks", "pass");
      found.passed = listed();
      set("marks", "");
      document.getElementById("reviewer").value = "A. Müller";
      key("j");
      key("j");
      key("f");
      key("Enter");
      found.open = document.getElementById("large").open;
      key("b");
      found.before = document.getElementById("after").style.opacity;
      key("j");
      key("p");
      found.title = document.getElementById("large-title").textContent;
      found.progress = document.getElementById("progress").textContent;
      document.querySelector("#judge .note").value = "- off";
      document.querySelector("#judge .note").dispatchEvent(new Event("change"));
      found.text = window.regkitBatch.exportMarks();
      return found;
    """
    found = probe(page, script, tmp_path / "profile")
    assert found["errors"] == []
    assert found["all"] == ["gone", HOSTILE, "good", "better", "later"]
    assert found["searched"] == [HOSTILE]
    assert found["without_ok"] == ["gone", HOSTILE, "later"]
    assert found["passed"] == ["better"]
    assert found["open"] is True
    assert found["before"] == "0"
    assert found["title"] == "OKgood"
    assert found["progress"] == "Reviewed 3 of 5: 2 passed, 1 failed."
    assert all(request.startswith("/pages/") for request in found["requests"])
    (tmp_path / "reviewed.csv").write_text(found["text"], encoding="utf-8", newline="")
    reviews = read_reviews(tmp_path / "reviewed.csv")
    assert {name: review.mark for name, review in reviews.items() if review.mark} == {
        HOSTILE: "fail",
        "good": "pass",
        "better": "pass",
    }
    assert reviews["better"].note == "fine"
    assert ",'- off," in found["text"], "no formula of a spreadsheet"
    assert reviews["good"].note == "- off"
    assert reviews[HOSTILE].reviewer == "A. Müller"
    assert reviews[HOSTILE].reviewed_at.endswith("Z")
    assert reviews["better"].reviewer == "", "marked before, by somebody else"


def test_reviews_are_joined_and_those_of_other_results_do_not_count(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stored = {"a": Review("a", "pass", result="1"), "b": Review("b", "fail", result="1")}
    new = {
        "a": Review("a", reviewed_at="2026-01-01T00:00:00Z"),
        "c": Review("c", "pass", result="1"),
        "d": Review("d", "pass"),
    }
    joined = joined_reviews(stored, new, {"a": "1", "b": "2", "c": "1"})
    assert set(joined) == {"c"}
    assert "not in this batch: d" in caplog.text
    assert "registered again, so not counted: b" in caplog.text
    write_reviews(joined, tmp_path / "r.csv")
    assert read_reviews(tmp_path / "r.csv") == joined


def test_no_review_of_the_folder_is_lost() -> None:
    early, late = "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"
    stored = {
        "other table": Review("other table", "pass", result="1"),
        "pending": Review("pending", "fail", result="1"),
        "of a reader": Review("of a reader", "pass", reviewed_at=early, reviewer="A", result="1"),
        "marked later": Review("marked later", "pass", reviewed_at=late, result="1"),
    }
    results = {"pending": "", "of a reader": "1", "marked later": "1"}
    page_of_another = {
        "of a reader": Review("of a reader", result="1"),
        "marked later": Review("marked later", "fail", reviewed_at=early, result="1"),
    }
    joined = joined_reviews(stored, page_of_another, results)
    assert joined == stored
    assert set(counted_reviews(joined, results)) == {"of a reader", "marked later"}
    assert "pending" in counted_reviews(joined, results | {"pending": "1"})


def test_no_text_of_a_review_is_a_formula(tmp_path: Path) -> None:
    texts = ("=HYPERLINK(A1)", "- liver is off", "+1 mm", "@me", "'quoted'", "plain - 1")
    reviews = {text: Review(text, "pass", text, reviewer=text) for text in texts}
    write_reviews(reviews, tmp_path / "r.csv")
    with (tmp_path / "r.csv").open(encoding="utf-8", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]
    assert read_reviews(tmp_path / "r.csv") == reviews


def test_a_mark_is_for_one_transform_of_the_same_images() -> None:
    one = {"transform_sha256": "a" * 64, "inputs_sha256": "b" * 64}
    others = [one | {"transform_sha256": "c" * 64}, one | {"inputs_sha256": "c" * 64}, {}]
    assert len({reviewed_digest(record) for record in (one, *others)}) == 4


@needs_browser
@pytest.mark.end_to_end
def test_the_page_fits_a_phone(page: Path, tmp_path: Path) -> None:
    script = """
      document.querySelector("details.run").open = true;
      const wide = document.documentElement.scrollWidth;
      document.querySelector(".thumb:not(:disabled)").click();
      const dialog = document.getElementById("large");
      document.getElementById("compare").click();
      return {wide, dialog: dialog.getBoundingClientRect().width, scrolls: dialog.scrollWidth,
              zoomed: document.getElementById("compare").className};
    """
    found = probe(page, script, tmp_path / "profile", width=390)
    assert found["errors"] == []
    assert found["wide"] <= 390
    assert found["scrolls"] <= found["dialog"] <= 390
    assert found["zoomed"] == "zoomed"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "line 1: there is no column 'id'"),
        ("id,mark\na,good\n", "line 2, column mark: must be pass, fail or empty, got 'good'"),
        ("id,mark\n,pass\n", "line 2, column id: is empty"),
        (f"id,mark,note\na,pass,{'x' * 200_000}\n", "line 2: field larger than field limit"),
    ],
)
def test_faults_of_reviews_are_told(tmp_path: Path, text: str, fault: str) -> None:
    file = tmp_path / "r.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(FileFormatError, match=fault):
        read_reviews(file)
