"""``regkit batch``: outputs, table, resumption, failures; and `regkit.batch`."""

import csv
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import regkit
from regkit.batches.batch import run_batch
from regkit.batches.batch_pair import BatchPair, folder_name
from regkit.batches.batch_plan import BatchPlan
from regkit.batches.methods_text import write_methods_text
from regkit.batches.pair_sources import read_pairs
from regkit.batches.result_table import result_rows
from regkit.benchmark.records import Record, RecordFile, read_records
from regkit.errors import BenchmarkError, OutputError

pytestmark = pytest.mark.end_to_end


def rows_of(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "batch.csv").open(encoding="utf-8", newline="") as file:
        return {row["id"]: row for row in csv.DictReader(file)}


def row(images: Path, name: str, **more: object) -> dict[str, object]:
    known = {"fixed": images / "pet.nii.gz", "moving": images / "ct.nii.gz"}
    return {"id": name, **known, "fixed_modality": "pet", "moving_modality": "ct"} | more


@pytest.fixture(scope="module")
def broken(images: Path) -> Path:
    file = images / "broken.nii.gz"
    file.write_bytes((images / "ct.nii.gz").read_bytes()[:2000])
    return file


@pytest.fixture(scope="module")
def done(images: Path, broken: Path, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("batch") / "out"
    rows = [
        row(images, "p1", truth=images / "truth.tfm"),
        row(images, "Müller/2", init=images / "truth.tfm"),
        row(images, "bad", moving=broken),
    ]
    batch = regkit.batch(rows, "identity", folder)
    assert batch.counts["failed"] == 1
    assert sum(batch.counts.values()) == 3
    assert repr(batch).startswith("<Batch of 3 pairs: ")
    return folder


def test_every_pair_has_the_files_of_a_registration(done: Path) -> None:
    for name in ("p1", folder_name("Müller/2")):
        files = {path.name for path in (done / name).iterdir()}
        assert files == {f"registration{e}" for e in (".json", ".png", ".tfm", "_warped.nii.gz")}
        assert (done / "pages" / f"{name}.html").is_file()
    assert not (done / "bad").exists()
    names = {path.name for path in done.iterdir() if path.is_file()}
    assert names == {"batch.csv", "index.html", "methods.md", "pairs.csv", "records.jsonl"}


def test_the_table_tells_motion_and_scores_in_the_terms_of_the_patient(
    done: Path, images: Path
) -> None:
    rows = rows_of(done)
    truth = regkit.read_transform(images / "truth.tfm")
    fixed = regkit.read_volume(images / "pet.nii.gz")
    moved = np.subtract(fixed.grid.centre, truth.map_points(fixed.grid.centre)).ravel()
    found = rows["Müller/2"]
    shift = [float(found[f"move_{way}_mm"]) for way in ("left", "back", "up")]
    assert shift == pytest.approx(moved, rel=1e-3)
    assert "to the patient's right" in found["motion"], "the CT lies 24 mm to the left"
    assert float(rows["p1"]["tre_mm"]) == pytest.approx(float(rows["p1"]["tre_before_mm"]))
    assert float(rows["p1"]["tre_mm"]) > 10
    assert rows["p1"]["verdict"] == "FAIL"
    assert not rows["p1"]["motion"], "a result that is not to be used says no way to move"
    assert rows["bad"]["status"] == "failed"
    assert "broken.nii.gz" in rows["bad"]["error"]
    assert rows["bad"]["verdict"] == rows["bad"]["files"] == ""


def test_a_record_of_a_batch_can_be_replayed(done: Path) -> None:
    file = done / folder_name("Müller/2") / "registration.json"
    assert regkit.replay(file).same, "the initial transform and the modalities are in the record"


def without_time(folder: Path) -> dict[str, dict[str, str]]:
    return {name: row | {"seconds": ""} for name, row in rows_of(folder).items()}


def test_a_killed_batch_ends_with_two_workers_as_if_it_had_not_been(
    done: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words = ("batch", done / "pairs.csv", "-m", "identity", "-o", out, "--workers", "2")
    command = [sys.executable, "-m", "regkit", *map(str, words)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    records = out / "records.jsonl"
    while process.poll() is None and not (records.exists() and records.stat().st_size):
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert 0 < len(read_records(out)) < 3, "killed in the midst"
    for place in (out, out / "pages", out / "p1"):
        (place / ".regkit-killed_1").mkdir(parents=True)
    assert subprocess.run(command, capture_output=True, check=False).returncode == 3
    assert sorted(record["case"] for record in read_records(out)) == ["Müller/2", "bad", "p1"]
    assert without_time(out) == without_time(done)
    assert not list(out.rglob(".regkit-*"))


def test_a_cluster_gives_the_same_table(done: Path, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        regkit.batch(
            done / "pairs.csv", "identity", tmp_path / "out", dask=cluster.scheduler_address
        )
    assert without_time(tmp_path / "out") == without_time(done)


def test_two_processes_do_not_write_to_one_folder(images: Path, tmp_path: Path) -> None:
    with RecordFile(tmp_path), pytest.raises(BenchmarkError, match="another process is writing"):
        regkit.batch([row(images, "p1")], "identity", tmp_path)


def test_a_second_run_does_nothing_and_changed_rows_run_again(
    done: Path, images: Path, broken: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(done, tmp_path / "copy")
    rows = [
        row(images, "p1", truth=images / "truth.tfm"),
        row(images, "Müller/2", init=images / "truth.tfm"),
        row(images, "bad", moving=broken),
    ]
    before = (folder / "records.jsonl").read_bytes()
    regkit.batch(rows, "identity", folder)
    assert (folder / "records.jsonl").read_bytes() == before
    rows[1] = row(images, "Müller/2")
    batch = regkit.batch(rows, "identity", folder)
    assert batch.rows[1]["rotation_deg"] == 0
    records = read_records(folder)
    assert [record["case"] for record in records] == ["p1", "bad", "Müller/2"]
    with pytest.raises(BenchmarkError, match="warped: True there, none now"):
        regkit.batch(rows, "identity", folder, warped=False)
    with pytest.raises(BenchmarkError, match="method: identity there, moments now"):
        regkit.batch(rows, "moments", folder)


def test_a_result_that_fails_later_leaves_no_files(
    done: Path, images: Path, broken: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(done, tmp_path / "copy")
    (folder / "p1" / ".regkit-killed_1").mkdir()
    batch = regkit.batch([row(images, "p1", moving=broken)], "identity", folder)
    assert batch.rows[0]["status"] == "failed"
    assert not (folder / "p1").exists()
    assert not list((folder / "pages").glob("p1*"))


def test_forced_results_stay_until_there_are_new_ones(
    done: Path, images: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(done, tmp_path / "copy")
    rows = [row(images, "p1", truth=images / "truth.tfm"), row(images, "Müller/2")]

    def refuses(*_: object) -> Iterator[Record]:
        raise BenchmarkError("no worker starts")
        yield {}

    plan, pairs = BatchPlan("", "identity", warped=False), read_pairs(rows)
    with pytest.raises(BenchmarkError, match="no worker starts"):
        run_batch(plan, pairs, folder, refuses, force=True)
    for name in ("p1", folder_name("Müller/2")):
        assert (folder / name / "registration_warped.nii.gz").is_file()
    assert len(read_records(folder)) == 3
    assert rows_of(folder)["p1"]["status"] == "pending"
    regkit.batch(rows, "identity", folder, warped=False, force=True)
    assert [record["case"] for record in read_records(folder)] == ["bad", "p1", "Müller/2"]
    assert not list(folder.rglob("*_warped.nii.gz"))
    assert (folder / "p1" / "registration.tfm").is_file()
    # The pair that is gone still has the old settings, and is in nobody's way.
    again = regkit.batch(rows, "identity", folder, warped=False)
    assert [found["status"] for found in again.rows] == ["ok", "ok"]


def test_series_of_a_batch_are_kept_and_replaced_with_their_pair(
    images: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "out" / "p1"
    regkit.batch([row(images, "p1")], "identity", tmp_path / "out")
    series = folder / "registration_dicom"
    series.mkdir()
    (series / "0001.dcm").write_bytes(b"")
    with RecordFile(tmp_path / "out") as stored:
        (record,) = stored.read()
        stored.drop(lambda _: True)
        stored.append(record | {"files": [*record["files"], "p1/registration_dicom"]})
    regkit.batch([row(images, "p1")], "identity", tmp_path / "out")
    assert series.is_dir(), "it was not registered again"
    regkit.batch([row(images, "p1")], "identity", tmp_path / "out", seed=1, force=True)
    assert not series.exists()
    assert (folder / "registration.tfm").is_file()


def test_dicom_of_other_files_fails_before_the_registration(images: Path, tmp_path: Path) -> None:
    batch = regkit.batch([row(images, "p1")], "identity", tmp_path / "out", dicom=True)
    (record,) = read_records(tmp_path / "out")
    assert "pet.nii.gz: is not DICOM" in batch.rows[0]["error"]
    assert record["timing_s"] == {}


def test_files_of_others_are_not_replaced(images: Path, tmp_path: Path) -> None:
    (tmp_path / "out" / "p1").mkdir(parents=True)
    (tmp_path / "out" / "p1" / "registration.json").write_text("{}")
    with pytest.raises(OutputError, match="this batch did not write it"):
        regkit.batch([row(images, "p1")], "identity", tmp_path / "out")


def test_the_methods_text_names_versions_and_numbers(done: Path) -> None:
    text = (done / "methods.md").read_text(encoding="utf-8")
    record = json.loads((done / "p1" / "registration.json").read_text(encoding="utf-8"))
    for name, number in record["versions"].items():
        assert number is None or f"{name} {number}" in text
    assert f"2 of 3 pairs of images were registered with regkit {regkit.__version__}" in text
    assert f"on {record['date'][:10]}" in text
    assert "a given transform for 1" in text
    assert "The transforms found were identity (1), rigid (1)" in text
    assert "1 pair could not be registered" in text
    assert "CT to PET" in text


def test_the_methods_text_lists_the_parameters_of_each_stage(tmp_path: Path) -> None:
    stages = [{"measure": "mi", "levels": 3}, {"rate": 0.1}]
    records = {"p1": {"status": "failed", "case": "p1", "parameters": {"stages": stages}}}
    rows = result_rows([BatchPair("p1", {})], records, {})
    text = write_methods_text(rows, BatchPlan("", "fast-mi+iso"), records, tmp_path).read_text()
    for line in ("| `fast-mi.levels` | 3 |", "| `iso.rate` | 0.1 |"):
        assert line in text


def test_records_are_strict_json(done: Path) -> None:
    for line in (done / "records.jsonl").read_text(encoding="utf-8").splitlines():
        json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} in a record"))


@pytest.mark.parametrize("name", ["a/b", "..", "", "CON", "x" * 300, "batch.csv", "a:b", "ü."])
def test_folders_of_ids_are_safe_and_different(name: str) -> None:
    found = folder_name(name)
    assert Path(found).name == found
    assert found not in ("", ".", "..")
    assert len(found.encode()) < 200
    assert found != folder_name(name + "'")


def test_plain_ids_are_their_folders() -> None:
    assert folder_name("Patient 7 (Müller)") == "Patient 7 (Müller)"
