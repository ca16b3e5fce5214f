"""`regkit simulate` from the outside."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from regkit.datasets.folder import read_dataset

pytestmark = pytest.mark.end_to_end

SMALL = ("--set", "size=16", "--set", "corrected=false")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    from typer.testing import CliRunner

    from regkit.cli import app

    where = tmp_path_factory.mktemp("with space") / "cohort"
    words = ["simulate", "spect-ct", "-n", "3", "--seed", "7", "--split", "test", *SMALL]
    result = CliRunner().invoke(app, [*words, "-o", str(where), "--montage"])
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == f"3 cases of spect-ct in {where}"
    # Only what takes more than two seconds is told.
    assert all(line.startswith("simulating spect-ct: ") for line in result.stderr.splitlines())
    return where


def test_the_folder_is_the_dataset(folder):
    from regkit_nuclear.cohorts.spect_ct import SpectCt

    online = SpectCt(n=3, seed=7, split="test", size=16, corrected=False)
    for made, stored in zip(online, read_dataset(folder), strict=True):
        assert made.id == stored.id
        np.testing.assert_allclose(stored.pair.fixed.array, made.pair.fixed.array, rtol=1e-5)
        np.testing.assert_allclose(stored.pair.moving.array, made.pair.moving.array, rtol=1e-5)
        np.testing.assert_allclose(stored.truth.matrix, made.truth.matrix, atol=1e-9)
        assert stored.extra["myocardium_label"] == made.extra["myocardium_label"]
        assert (folder / made.id / "montage.png").stat().st_size > 1000


def test_the_scores_of_corrected_spect_can_be_had_from_the_folder(folder):
    from regkit.metrics.evaluation import evaluate
    from regkit.registration.pipeline import build_method
    from regkit.registration.run import run
    from regkit_nuclear.metrics import ac_nmse_pct, eti_pct

    case = next(iter(read_dataset(folder)))
    result = run(build_method("identity"), case.pair, "identity")
    scores = evaluate(case, result, {"ac": ac_nmse_pct, "eti": eti_pct})
    assert scores.keys() == {"ac", "eti"}
    assert scores["ac"] > 1


def test_running_again_makes_nothing_again(folder, run):
    before = (folder / "p0000-a" / "fixed.nii.gz").stat().st_mtime_ns
    words = ("simulate", "spect-ct", "-n", 3, "--seed", 7, "--split", "test", *SMALL)
    result = run(*words, "-o", folder)
    assert "(3 there already)" in result.stdout
    assert (folder / "p0000-a" / "fixed.nii.gz").stat().st_mtime_ns == before


def test_another_cohort_does_not_mix_in(folder, run):
    result = run("simulate", "spect-ct", "-n", 3, "--seed", 8, *SMALL, "-o", folder)
    assert result.exit_code == 1
    assert "seed 7, not 8" in result.stderr
    assert "split 'test', not 'train'" in result.stderr


def test_a_killed_run_is_completed(tmp_path):
    """Killed without warning, with two workers at work; the next run leaves whole cases only."""
    from regkit_nuclear.cohorts.mr_us import MrUs

    where = tmp_path / "cohort"
    words = [sys.executable, "-m", "regkit", "simulate", "mr-us", "-n", "8", "--set", "size=16"]
    words += ["-o", str(where), "--workers", "2"]
    first = subprocess.Popen(words, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 120
    while not list(where.glob("*/case.json")):
        assert time.monotonic() < end, "no case appeared"
        time.sleep(0.01)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert not (where / "dataset.json").exists()
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    assert not list(where.rglob(".*"))
    cases = list(read_dataset(where))
    assert len(cases) == 8
    for index in (0, 1, 7):
        online = MrUs(n=8, size=16).case(index)
        np.testing.assert_allclose(online.pair.moving.array, cases[index].pair.moving.array)
        np.testing.assert_array_equal(online.moving_labels.array, cases[index].moving_labels.array)


def test_dicom(tmp_path, run):
    words = ("simulate", "spect-ct", "-n", 1, *SMALL, "-o", tmp_path / "d", "--format", "dicom")
    assert run(*words).exit_code == 0
    entry = json.loads((tmp_path / "d" / "dataset.json").read_text())["cases"][0]
    assert entry["fixed"] == "p0000-a/fixed.dcm"
    assert (entry["moving"], entry["moving_modality"]) == ("p0000-a/moving", "ct")
    assert len(list((tmp_path / "d" / "p0000-a" / "moving").glob("*.dcm"))) == 16
    case = next(iter(read_dataset(tmp_path / "d")))
    assert (case.pair.fixed.modality, case.pair.moving.modality) == ("spect", "ct")
    assert case.pair.moving.grid.matches(case.moving_labels.grid)
    assert case.pair.moving.array.min() < -900


def test_a_dataset_of_another_package(tmp_path, run):
    result = run("simulate", "tiny-thorax", "-o", tmp_path / "tiny", "--montage")
    assert result.exit_code == 0, result.output
    assert len(read_dataset(tmp_path / "tiny")) == 4
    assert len(list((tmp_path / "tiny").glob("*/montage.png"))) == 4


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("spectct",), "did you mean spect-ct"),
        (("spect-ct", "--set", "sise=3"), "no parameter 'sise'; did you mean size or"),
        (("spect-ct", "--set", "size=big"), "size takes int, got 'big'"),
        (("spect-ct", "--split", "dev"), "split takes train | validation | test, got 'dev'"),
        (("spect-ct", "--set", "device=cuda:99"), "device 'cuda:99' cannot be used here"),
        (("spect-ct", "--set", "counts=-5"), "spect-ct: counts takes a number above 0, got -5"),
        (("spect-ct", "--set", "amount=inf"), "spect-ct: amount takes 0 to 3"),
        (("pet-ct", "--set", "amount=nan"), "pet-ct: amount takes 0 to 3"),
        (("mr-us", "--set", "distance_mm=[0,inf]"), "mr-us: distance_mm takes 0 <= low <= high"),
        (("spect-ct", "--format", "minc"), "use nifti, dicom"),
        (("mr-us", "--format", "dicom"), "cannot be written as 'dicom'; use nifti"),
        (("mr-us", "--anatomy", "somewhere"), "mr-us has no parameter 'anatomy'"),
        (("spect-ct", "-n", "1", "--anatomy", "no-such-folder"), "no-such-folder"),
        (("tiny-thorax", "-n", "3"), "tiny-thorax has no parameter 'n'"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(words, says, tmp_path, run):
    result = run("simulate", *words, "-o", tmp_path / "new")
    assert result.exit_code == 1
    assert says in result.stderr
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "new").exists()
