"""``regkit batch --to``: what is written for each image, in the table and on the page."""

import csv
import json
import shutil

import numpy as np
import pytest
import SimpleITK as sitk
from typer.testing import CliRunner

import regkit
from chromium import browser, probe
from regkit.batches.batch import run_batch
from regkit.batches.batch_kind import REORIENTATION
from regkit.batches.batch_plan import BatchPlan
from regkit.batches.pair_sources import read_pairs
from regkit.benchmark.records import new_record
from regkit.benchmark.worker_plan import load_runner
from regkit.cli import app
from regkit.errors import FileFormatError, ParameterError, UnknownNameError
from regkit.geometry.rigid import rigid
from regkit.io import write_volume
from regkit.io.transforms import write_transform
from regkit.registrar import Estimate
from regkit_classic.identity import Identity
from ventricle_shells import POSE, Shell, cube

pytestmark = pytest.mark.simulation

SHELL = Shell()
PLAN = BatchPlan("", "identity", to="short-axis")


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    image, labels = SHELL.draw(cube(4.0), POSE, lambda x, y, z: np.where(x > 12, 50.0, 100.0))
    write_volume(image, folder / "pet.nii.gz")
    write_volume(labels, folder / "lv.nii.gz")
    write_transform(SHELL.centred, folder / "truth.tfm")
    (folder / "broken.nii.gz").write_bytes((folder / "pet.nii.gz").read_bytes()[:900])
    (folder / "images.csv").write_text(
        "id,image,modality,labels,truth,fixed\n"
        "p1,pet.nii.gz,PET,lv.nii.gz,truth.tfm,pet.nii.gz\n"
        "p2,broken.nii.gz,pet,,,\n"
    )
    return folder


class Here:
    """Runs the tasks of a batch in this process, with a method that knows a pose and labels."""

    def __init__(self, transform, labels):
        self.estimate, self.cases = Estimate(transform, labels), []

    def __call__(self, plan, _dataset, folder, tasks):
        runner = load_runner(plan, plan.method)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Identity, "register", lambda _self, _pair: self.estimate)
            for task in tasks:
                self.cases.append(task.case)
                facts = runner.run(task.index, task.case, folder, lambda **facts: None)
                yield new_record("", task.case, plan.method, parameters=runner.parameters, **facts)


@pytest.fixture(scope="module")
def labels(images):
    return regkit.read_labels(images / "lv.nii.gz")


@pytest.fixture(scope="module")
def done(images, labels, tmp_path_factory):
    """Reorient all images, and return the batch folder."""
    folder = tmp_path_factory.mktemp("batch") / "out"
    batch = reoriented(images, folder, Here(SHELL.centred, labels))
    assert batch.counts == {"OK": 1, "CHECK": 0, "FAIL": 0, "failed": 1}
    return folder


def reoriented(images, folder, execute, plan=PLAN):
    pairs = read_pairs(images / "images.csv", kind=REORIENTATION)
    return run_batch(plan, pairs, folder, execute)


def test_each_image_has_what_reorient_writes_and_a_row(
    done, images, labels, tmp_path, monkeypatch
):
    estimate = Estimate(SHELL.centred, labels)
    monkeypatch.setattr(Identity, "register", lambda self, pair: estimate)
    words = (images / "pet.nii.gz", "-m", "identity", "--modality", "pet", "--report")
    alone = CliRunner().invoke(app, ["reorient", *map(str, words), "-o", f"{tmp_path}/alone/"])
    assert alone.exit_code == 0, alone.output
    names = {path.name for path in (tmp_path / "alone").iterdir()}
    assert {path.name for path in (done / "p1").iterdir()} == names
    for name in ("reorientation_sa.nii.gz", "reorientation_labels.nii.gz"):
        one, other = (sitk.ReadImage(at / name) for at in (done / "p1", tmp_path / "alone"))
        np.testing.assert_array_equal(*map(sitk.GetArrayFromImage, (one, other)))

    with (done / "batch.csv").open(newline="") as file:
        row, broken = csv.DictReader(file)
    assert (row["verdict"], row["fixed"], row["motion"]) == ("OK", "", "")
    assert float(row["dice"]) == pytest.approx(1)
    assert float(row["tre_mm"]) == pytest.approx(0, abs=1e-6)
    record = json.loads((done / "p1" / "reorientation.json").read_text())
    assert float(row["rotation_deg"]) == pytest.approx(record["transform"]["rotation_deg"], 1e-3)
    assert row["facts"] == "; ".join(record["facts"])
    assert "broken.nii.gz" in broken["error"]
    text = (done / "methods.md").read_text()
    assert "1 of 2 images (PET) were reoriented to the standard frame short-axis" in text


def test_scores_tell_a_wrong_pose_and_wrong_labels(images, labels, tmp_path):
    found = regkit.LabelMap(np.roll(labels.array, 1, axis=2), labels.grid)
    wrong = Here(SHELL.centred @ rigid((0, 0, 0), (0, 3, 4)), found)
    row = reoriented(images, tmp_path / "out", wrong).rows[0]
    assert row["tre_mm"] == pytest.approx(5)
    overlap = sitk.LabelOverlapMeasuresImageFilter()
    overlap.Execute(labels.to_sitk(), found.to_sitk())
    expected = np.mean([overlap.GetDiceCoefficient(label) for label in (1, 2)])
    assert row["dice"] == pytest.approx(expected)
    assert 0.5 < row["dice"] < 0.95


def test_a_second_run_does_nothing_and_a_changed_image_runs_again(
    done, images, labels, tmp_path, caplog
):
    again, folder = Here(SHELL.centred, labels), shutil.copytree(done, tmp_path / "copy")
    reoriented(images, folder, again)
    assert not again.cases
    assert "columns that are not used: fixed" in caplog.text
    own = shutil.copytree(images, tmp_path / "own")
    shutil.copy(own / "broken.nii.gz", own / "pet.nii.gz")
    assert reoriented(own, folder, again).counts["failed"] == 2
    assert again.cases == ["p1", "p2"]
    assert not (folder / "p1").exists()


@pytest.mark.skipif(browser() is None, reason="needs Chromium or Chrome")
def test_the_page_shows_one_picture_without_a_slider(done, tmp_path):
    script = """
      document.querySelector(".thumb:enabled").click();
      const shown = (id) => document.getElementById(id)?.checkVisibility() || false;
      return {source: document.getElementById("after").src, slide: shown("slide-label"),
              before: shown("before"), facts: document.getElementById("facts").textContent};"""
    found = probe(done / "index.html", script, tmp_path / "profile")
    assert not found["errors"]
    assert found["source"].endswith("pages/p1_after.webp")
    assert (found["slide"], found["before"]) == (False, False)
    assert "Myocardium" in found["facts"]
    assert "page of this reorientation" in found["facts"]
    assert (done / "pages" / "p1_after.webp").is_file()


def test_workers_tell_why_a_method_cannot_reorient(images, tmp_path):
    words = ("batch", images / "images.csv", "--to", "short-axis", "-m", "identity")
    done = CliRunner().invoke(app, [*map(str, words), "-o", f"{tmp_path}/out"])
    assert done.exit_code == 3, done.output
    assert "2 images: 0 OK, 0 CHECK, 0 FAIL, 2 failed" in done.stdout
    assert "gave no labels of the left ventricle" in (tmp_path / "out" / "batch.csv").read_text()


def test_images_are_found_in_folders(images, tmp_path):
    for name in ("p1/pet.nii.gz", "p1/ct.nii.gz", "p2/pet_rest.nii.gz", "p2/pet_stress.nii.gz"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(images / "pet.nii.gz", tmp_path / name)
    one, two = read_pairs(tmp_path, "pet", REORIENTATION)
    assert one.values["moving"] == str(tmp_path / "p1" / "pet.nii.gz")
    assert "2 images are called 'pet'" in two.problem
    assert not read_pairs(tmp_path, "pet rest", REORIENTATION)[1].problem
    with pytest.raises(ParameterError, match="as in --image spect; there are 1 ct, 3 pet"):
        read_pairs(tmp_path, kind=REORIENTATION)
    loose = read_pairs(tmp_path / "p2", kind=REORIENTATION)
    assert [pair.id for pair in loose] == ["pet_rest", "pet_stress"]
    assert [pair.id for pair in read_pairs(tmp_path / "p1", "ct", REORIENTATION)] == ["ct"]


def test_images_are_found_in_datasets_and_given_as_files(images, tmp_path):
    (case,) = ({"id": "p", "fixed": "pet.nii.gz", "moving": "lv.nii.gz", "truth": "truth.tfm"},)
    case |= {"fixed_modality": "spect", "moving_modality": "ct", "moving_labels": "lv.nii.gz"}
    shutil.copytree(images, tmp_path / "set")
    content = {"name": "set", "version": 1, "cases": [case]}
    (tmp_path / "set" / "dataset.json").write_text(json.dumps(content))
    (moving,) = read_pairs(tmp_path / "set", kind=REORIENTATION)
    assert moving.values["moving"].endswith("lv.nii.gz")
    assert {"truth", "moving_labels"} <= moving.values.keys()
    (spect,) = read_pairs(tmp_path / "set", "spect", REORIENTATION)
    file = str(tmp_path / "set" / "pet.nii.gz")
    assert spect.values == {"moving": file, "moving_modality": "spect"}
    with pytest.raises(FileFormatError, match="p has 0 images of the modality 'pet': fixed spect"):
        read_pairs(tmp_path / "set", "pet", REORIENTATION)
    (alone,) = read_pairs([images / "pet.nii.gz"], kind=REORIENTATION)
    assert (alone.id, alone.values["moving_modality"]) == ("pet", "pet")
    with pytest.raises(FileFormatError, match="is an image; a batch takes tables and folders"):
        read_pairs([images / "pet.nii.gz"])


def test_what_does_not_belong_to_images_is_refused(images, tmp_path):
    row, out = {"id": "p1", "image": images / "pet.nii.gz"}, tmp_path / "out"
    for options, words in (
        ({"init": "centre"}, "--init: not for images"),
        ({"pair": "pet,ct"}, "--pair is for pairs, without --to; give --image, as in spect"),
    ):
        with pytest.raises(ParameterError, match=words):
            regkit.batch([row], "identity", out, to="short-axis", **options)
    with pytest.raises(ParameterError, match="--image needs --to FRAME; give --pair"):
        regkit.batch([row], "identity", out, image="pet")
    with pytest.raises(UnknownNameError, match="long-axis"):
        regkit.batch([row], folder=out, to="long-axis")
    with pytest.raises(ParameterError, match="'fixed' is no column"):
        regkit.batch([{**row, "fixed": row["image"]}], folder=out, to="short-axis")
    table = tmp_path / "images.csv"
    table.write_text("id,image\np1,x.nii.gz\n")
    with pytest.raises(FileFormatError, match="reorients single images with --to FRAME"):
        read_pairs(table)
    assert not out.exists()
