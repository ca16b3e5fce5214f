"""Whatever a method does, it is one failed record with its reason, and the run goes on."""

import math
import re
from pathlib import Path

import numpy as np
import pytest

from misbehaving import ToyCases
from regkit.benchmark.case_source import DatasetRef
from regkit.benchmark.harness import run_benchmark
from regkit.benchmark.plan import Plan, parse_methods, with_parameters
from regkit.benchmark.records import read_records
from regkit.datasets.folder import write_dataset
from regkit.errors import BenchmarkError, OutputError
from regkit.io import write_volume
from regkit.io.transforms import read_transform
from regkit.registry import default_registry

pytestmark = pytest.mark.end_to_end

REASONS = {
    "raises": r"raises failed: ValueError: told to fail",
    "segfaults": r"ended by SIGSEGV \(segmentation fault\).* while registering",
    "exits": r"ended by itself with exit code 7, saying 'going home', while registering",
    "calls-exit": r"SystemExit: 3",
    "hangs": r"gave no answer for 4 s \(--timeout\) and was ended while registering",
    "eats": r"needed more than \d+ MB of memory \(--memory\) and was ended while registering",
    "lets-eat": r"needed more than \d+ MB of memory \(--memory\) and was ended while registering",
    "runs-out": r"runs-out ran out of memory",
    "babbles": r"sent something else than a reply to its task and was ended while registering",
    "forges-records": r"something else than a reply to its task and was ended while registering",
    "hangs-up": r"the process closed its connection and was ended while registering",
    "wrong-type": r"wrong-type must return an Estimate, got str",
}


@pytest.fixture(scope="module")
def records(_toys, tmp_path_factory) -> dict[tuple[str, str], dict]:
    # Only what never ends has a short time limit: on a busy machine everything else may take long.
    in_time = ["fine", *(name for name in REASONS if name != "hangs")]
    found = []
    for names, timeout_s in ((in_time, 200), (["hangs"], 4)):
        folder = tmp_path_factory.mktemp("run")
        plan = plan_of(*names, timeout_s=timeout_s, memory_mb=400)
        run_benchmark(plan, folder)
        found += read_records(folder)
    assert len(found) == 3 * (1 + len(REASONS))
    return {(record["method"], record["case"]): record for record in found}


@pytest.mark.parametrize("method", REASONS)
def test_a_failure_is_one_record_with_its_reason(records, method):
    record = records[method, "case-1"]
    assert record["status"] == "failed"
    assert re.search(REASONS[method], record["error"]), record["error"]
    assert "\n" not in record["error"]
    assert record["group"] == "p0"
    assert record["scores"] == {}
    assert 0 <= record["runtime_s"] < 300


@pytest.mark.parametrize("method", ["fine", *REASONS])
@pytest.mark.parametrize("case", ["case-0", "case-2"])
def test_the_other_cases_are_done(records, method, case):
    record = records[method, case]
    assert (record["status"], record["error"]) == ("ok", None)
    assert record["scores"]["dt_mm"] == pytest.approx(0.1 * int(case[-1]) / 3)
    assert record["scores"]["tre_mm"] == pytest.approx(0.1 * int(case[-1]), abs=1e-9)


def test_a_record_has_the_keys_of_the_contract(records):
    record = records["fine", "case-2"]
    contract = "dataset case group method parameters status verdict scores runtime_s "
    contract += "peak_memory_mb device error"
    assert list(record)[:12] == contract.split()
    assert record["dataset"] == "toy-cases"
    assert record["parameters"] == {"seconds": 0.0, "worse_by": 0.0, "seed": 0}
    assert record["verdict"] in ("OK", "CHECK", "FAIL")
    assert 20 < record["peak_memory_mb"] < 400
    assert set(record["timing_s"]) == {"load", "compute", "score", "save"}
    np.testing.assert_allclose(np.array(record["transform"])[:3, 3], (3.2, 0, 0))


def test_a_score_that_breaks_costs_only_itself(records):
    record = records["fine", "case-0"]
    assert record["score_errors"] == {"broken": "ZeroDivisionError: no labels, no mercy"}
    assert record["scores"]["endless"] is None


def plan_of(*methods, dataset="toy-cases", **settings):
    return Plan(DatasetRef(dataset), parse_methods(methods, default_registry()), **settings)


def test_a_method_that_dies_on_import_fails_on_every_case(tmp_path):
    run_benchmark(plan_of("dies-early"), tmp_path)
    records = read_records(tmp_path)
    assert [record["status"] for record in records] == ["failed"] * 3
    assert all("SIGABRT" in r["error"] and "while starting" in r["error"] for r in records)
    assert records[0]["group"] == "case-0"  # nobody has seen the case


def test_a_case_that_cannot_be_read_is_a_failed_record(tmp_path):
    source = DatasetRef("toy-cases", {"unreadable": 1})
    run_benchmark(Plan(source, parse_methods(["fine"], default_registry())), tmp_path)
    records = read_records(tmp_path)
    assert [record["status"] for record in records] == ["ok", "failed", "ok"]
    assert records[1]["error"] == "OSError: the disk is on fire"


def test_a_dataset_that_changed_in_between_is_noticed(tmp_path):
    folder, pair = tmp_path / "data", ToyCases().case(0).pair
    folder.mkdir()
    for name in ("fixed", "moving"):
        write_volume(pair.fixed, folder / f"{name}.nii.gz")
    files = {"fixed": "fixed.nii.gz", "moving": "moving.nii.gz"}
    write_dataset(folder, "mine", [{"id": i, **files} for i in "abc"])
    plan = plan_of("fine", dataset=str(folder))

    def change(progress):
        if progress.done == 0:
            write_dataset(folder, "mine", [{"id": i, **files} for i in "acb"])

    run_benchmark(plan, tmp_path / "run", on_progress=change)
    assert [(r["case"], r["status"], r["error"]) for r in read_records(tmp_path / "run")] == [
        ("a", "ok", None),
        (
            "b",
            "failed",
            "the dataset has case c in place of b; it must not change during a benchmark",
        ),
        (
            "c",
            "failed",
            "the dataset has case b in place of c; it must not change during a benchmark",
        ),
    ]


def test_a_dataset_without_an_index_is_read_in_its_order(tmp_path):
    run_benchmark(plan_of("raises,fine", dataset="toy-stream"), tmp_path)
    records = {(r["method"], r["case"]): r for r in read_records(tmp_path)}
    assert len(records) == 6
    assert records["fine", "case-2"]["scores"]["tre_mm"] == pytest.approx(0.2, abs=1e-9)
    assert records["raises", "case-1"]["status"] == "failed"


def test_a_warp_is_kept_as_a_file(tmp_path):
    run_benchmark(plan_of("warps", dataset="toy-stream"), tmp_path)
    record = read_records(tmp_path)[0]
    kept = read_transform(tmp_path / record["transform"])
    np.testing.assert_allclose(kept.map_points([(8.0, 8.0, 8.0)]), [(11.0, 8.0, 8.0)], atol=1e-6)


def test_a_method_that_changes_the_images_fails(tmp_path):
    run_benchmark(plan_of("scribbles"), tmp_path)
    errors = {record["error"] for record in read_records(tmp_path)}
    assert errors == {"the method changed its input images; it must copy them first"}


def test_only_one_of_the_copies_of_a_method_that_forks_answers(tmp_path):
    run_benchmark(plan_of("forks"), tmp_path)
    scores = [record["scores"]["tre_mm"] for record in read_records(tmp_path)]
    np.testing.assert_allclose(scores, [0.0, 0.1, 0.2], atol=1e-9)


def test_a_method_that_replaces_the_scores_in_its_process_is_scored_as_it_is(tmp_path):
    run_benchmark(plan_of("flatters"), tmp_path)
    records = read_records(tmp_path)
    assert [record["status"] for record in records] == ["ok"] * 3
    np.testing.assert_allclose([record["scores"]["tre_mm"] for record in records], 7, atol=1e-6)


def test_a_program_that_a_method_left_behind_is_ended_and_told(tmp_path, caplog):
    methods = with_parameters(
        parse_methods(["leaves"], default_registry()), {"tell": str(tmp_path / "pids")}
    )
    run_benchmark(Plan(DatasetRef("toy-cases"), methods), tmp_path / "run")
    records = read_records(tmp_path / "run")
    assert [record["status"] for record in records] == ["ok", "failed", "ok"]
    left = [int(line) for line in (tmp_path / "pids").read_text().split()]
    assert len(left) == 3
    assert not any(is_running(process) for process in left)
    assert "leaves left 2 programs running in sessions of their own" in caplog.text


def is_running(process):
    try:
        state = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return state.rpartition(")")[2].split()[0] != "Z"


def test_parameters_may_be_infinite(tmp_path):
    run_benchmark(plan_of("boundless"), tmp_path)
    records = read_records(tmp_path)
    assert [record["status"] for record in records] == ["ok"] * 3
    assert records[0]["parameters"]["longest"] == "Infinity"
    assert records[0]["parameters"]["unknown"] == "NaN"


def test_a_limit_may_be_infinite(tmp_path):
    run_benchmark(plan_of("fine", timeout_s=math.inf), tmp_path)
    assert [record["status"] for record in read_records(tmp_path)] == ["ok"] * 3


def test_a_full_disk_is_not_the_methods_fault(tmp_path):
    def fill(progress):  # as a full disk: what the method found cannot be written any more
        (tmp_path / "transforms").write_text("in the way")

    with pytest.raises(
        OutputError, match=r"transforms.*has that name.*run the same command again"
    ):
        run_benchmark(plan_of("warps"), tmp_path, on_progress=fill)
    assert read_records(tmp_path) == []
    (tmp_path / "transforms").unlink()
    run_benchmark(plan_of("warps"), tmp_path)
    assert [record["status"] for record in read_records(tmp_path)] == ["ok"] * 3


def test_a_missing_package_stops_the_run_if_the_method_was_asked_for(tmp_path):
    with pytest.raises(BenchmarkError, match="needy needs nsp: pip install nsp"):
        run_benchmark(plan_of("needy"), tmp_path)
    assert (tmp_path / "records.jsonl").read_bytes() == b""


def test_a_missing_package_is_told_where_all_methods_were_asked_for(tmp_path, monkeypatch):
    methods = tuple(m for m in parse_methods(["all"], default_registry()) if m.label == "needy")
    run_benchmark(Plan(DatasetRef("toy-cases"), methods), tmp_path)
    (first, *_) = records = read_records(tmp_path)
    assert [record["status"] for record in records] == ["unavailable"] * 3
    assert "pip install nsp" in first["error"]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"blur": 3}, "fine has no parameter 'blur'"),
        ({"seconds": "long"}, "fine: seconds takes float, got 'long'"),
        (
            {"other.seed": 3},
            "'other.seed' sets a parameter of 'other', which is not among the methods",
        ),
    ],
)
def test_a_wrong_parameter_stops_the_run_before_a_record_is_made(tmp_path, values, words):
    methods = parse_methods(["fine"], default_registry())
    with pytest.raises(BenchmarkError, match=re.escape(words)):
        run_benchmark(Plan(DatasetRef("toy-cases"), with_parameters(methods, values)), tmp_path)
    file = tmp_path / "records.jsonl"
    assert not file.exists() or Path(file).read_bytes() == b""
