import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from phantoms import MOTION, small_pair
from regkit.benchmark.records import RECORDS_FILE, read_records
from regkit.datasets.folder import write_dataset
from regkit.io import write_volume
from regkit.io.transforms import write_transform
from regkit.registry import environment_registry

pytestmark = pytest.mark.end_to_end


@pytest.fixture(scope="module", autouse=True)
def _only_what_is_quick():
    """Workers that import neither torch nor ANTs start in a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("REGKIT_DISABLE_PLUGINS", "nuclear,ants")
        environment_registry.cache_clear()
        yield
    environment_registry.cache_clear()


@pytest.fixture
def dataset(tmp_path) -> Path:
    """Write two cases of one pair."""
    folder = tmp_path / "mine"
    folder.mkdir()
    pair = small_pair()
    write_volume(pair.fixed, folder / "pet.nii.gz")
    write_volume(pair.moving, folder / "ct.nii.gz")
    write_transform(MOTION, folder / "truth.tfm")
    files = {"fixed": "pet.nii.gz", "moving": "ct.nii.gz", "truth": "truth.tfm"}
    more = {"fixed_modality": "pet", "moving_modality": "ct"}
    write_dataset(folder, "mine", [{"id": f"p{i}", **files, **more} for i in range(2)])
    return folder


def test_a_folder_is_run_scored_and_summarised(run, dataset, tmp_path):
    out = tmp_path / "results"
    done = run("benchmark", dataset, "-m", "identity,moments", "-o", out)
    assert done.exit_code == 0, done.stderr
    assert "mine: 2 cases" in done.stdout
    assert f"Results are in {out}" in done.stdout
    assert done.stderr == ""  # progress is told only of what takes longer than a moment
    assert {f.name for f in out.iterdir()} >= {
        "config.toml",
        "records.jsonl",
        "summary.json",
        "summary.csv",
        "summary.md",
    }
    rows = list(csv.DictReader((out / "summary.csv").read_text().splitlines()))
    (row,) = (r for r in rows if (r["score"], r["method"]) == ("dt_mm", "identity"))
    assert float(row["mean"]) == pytest.approx(10.0, abs=0.2)  # |12|, |-8|, |10|
    assert row["cases"] == "2"
    assert "verdicts" in json.loads((out / "summary.json").read_text())


def test_it_goes_on_with_another_method_and_from_its_own_folder(run, dataset, tmp_path):
    out = tmp_path / "results"
    run("benchmark", dataset, "-m", "identity", "-o", out, "--limit", "1")
    done = run("benchmark", dataset, "-m", "safe=moments/identity", "-o", out, "--json")
    assert done.exit_code == 0, done.stderr
    assert {d["dataset"] for d in json.loads(done.stdout)["datasets"]} == {"mine"}
    done = run("benchmark", "-o", out)
    assert done.exit_code == 0, done.stderr
    made = {(r["method"], r["case"]) for r in read_records(out)}
    assert made == {(m, c) for m in ("identity", "safe") for c in ("p0", "p1")}


def test_a_configuration_is_run_elsewhere(run, dataset, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    run("benchmark", dataset, "-m", "moments", "--set", "axes=true", "-o", first)
    done = run("benchmark", "--config", first / "config.toml", "-o", second)
    assert done.exit_code == 0, done.stderr
    assert [r["scores"] for r in read_records(first)] == [
        r["scores"] for r in read_records(second)
    ]
    assert read_records(second)[0]["parameters"] == {"axes": True}


def test_a_run_that_got_worse_ends_with_1(run, dataset, tmp_path):
    old, new, same = (tmp_path / name for name in ("old", "new", "same"))
    run("benchmark", dataset, "-m", "it=moments", "-o", old)
    run("benchmark", dataset, "-m", "it=identity", "-o", new)
    done = run("benchmark", dataset, "-m", "it=moments", "-o", same, "--compare", old)
    assert done.exit_code == 0
    assert "0 scores are worse, 0 better" in done.stdout
    done = run("benchmark", "-o", new, "--compare", old)
    assert done.exit_code == 1
    assert "worse: mine, it, tre_mm" in done.stdout
    assert "(over too few patients to test)" in done.stdout
    assert "times the memory (not judged: machines differ)" in done.stdout
    done = run("benchmark", "-o", old, "--compare", new)
    assert done.exit_code == 0
    assert "better: mine, it, tre_mm" in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere", "-m", "identity"], "'nowhere' is neither a dataset nor a dataset folder"),
        (["tiny-thorax"], "a benchmark needs a method; give one or more with -m"),
        (["tiny-thorax", "-m", "identiti"], "no method is called 'identiti'; did you mean"),
        (["tiny-thorax", "-m", "identity", "--set", "a"], "'a' is not of the form key=value"),
        (["tiny-thorax", "-m", "identity", "--set", "a=1"], "identity has no parameter 'a'"),
        (["tiny-thorax", "-m", "identity", "--margin", "dt_mm=inf"], "dt_mm must be positive"),
        (["tiny-thorax", "-m", "ants-rigid"], "(plugins left out, see `regkit plugins`: ants, "),
        ([], "results has no config.toml; name a dataset and methods (-m), or give --config"),
        (["--config", "none.toml"], "cannot read the benchmark in none.toml"),
        (["--split", "test"], "--split and --data apply to a dataset; name one"),
        (["--set", "axes=true"], "--set applies to methods; name them with -m"),
        (["--compare", "nowhere"], "is not a benchmark folder: there is no records.jsonl in it"),
        (["tiny-thorax", "-m", "identity", "--dask", "tcp://"], "no dask scheduler answers at"),
    ],
)
def test_what_cannot_be_run_is_one_line(run, tmp_path, words, message):
    done = run("benchmark", *words, "-o", tmp_path / "results")
    assert done.exit_code == 1
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_the_baseline_is_read_before_anything_runs(run, tmp_path):
    out = tmp_path / "results"
    done = run("benchmark", "tiny-thorax", "-m", "identity", "-o", out, "--compare", tmp_path)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "is not a benchmark folder" in done.stderr
    assert not out.exists()


def test_a_folder_called_like_a_dataset_is_not_taken_in_silence(
    run, dataset, tmp_path, monkeypatch
):
    dataset.rename(tmp_path / "tiny-thorax")
    monkeypatch.chdir(tmp_path)
    done = run("benchmark", "tiny-thorax", "-m", "identity", "-o", "a", "--limit", "1")
    assert "for the folder write ./tiny-thorax" in done.stderr
    assert "tiny-thorax: 1 case\n" in done.stdout
    done = run("benchmark", "./tiny-thorax", "-m", "identity", "-o", "b")
    assert (done.exit_code, done.stderr) == (0, "")
    assert "mine: 2 cases\n" in done.stdout


def test_names_from_data_are_not_taken_for_markup(run, dataset, tmp_path):
    index = json.loads((dataset / "dataset.json").read_text())
    index["name"] = index["cases"][0]["id"] = "[/red] <b>\n[bold]x"
    (dataset / "dataset.json").write_text(json.dumps(index))
    done = run("benchmark", dataset, "-m", "identity", "-o", tmp_path / "results")
    assert done.exit_code == 0, done.stderr
    assert "[/red] <b> [bold]x: 2 cases" in done.stdout


def test_a_margin_is_a_number(run, dataset, tmp_path):
    words = ["benchmark", dataset, "-m", "identity", "-o", tmp_path / "results", "--margin"]
    assert run(*words, "dt_mm=3.4").exit_code == 0
    done = run(*words, "dt_mm")
    assert (done.exit_code, done.stderr) == (
        1,
        "regkit: --margin takes SCORE=NUMBER, got 'dt_mm'\n",
    )


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_says_how_to_go_on(tmp_path, signal_number):
    out = tmp_path / "results"
    words = ["benchmark", "tiny-thorax", "-m", "mi", "--set", "iterations=10000", "-o", str(out)]
    words.append("-q")  # no lines of progress beside the one that is tested
    process = subprocess.Popen(
        [sys.executable, "-m", "regkit", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    while process.poll() is None and not (out / RECORDS_FILE).exists():
        time.sleep(0.05)
    time.sleep(0.5)
    process.send_signal(signal_number)
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout) == (1, "")
    assert stderr.startswith("regkit: interrupted; every finished record is in")
    assert len(stderr.strip().splitlines()) == 1
