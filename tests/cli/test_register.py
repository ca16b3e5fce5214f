import hashlib
import json
import re
import subprocess
import sys

import numpy as np
import pytest
import SimpleITK as sitk

from phantoms import MOTION, SMALL
from regkit import Estimate, Grid, LabelMap, rigid
from regkit.io import read_labels, read_volume, write_volume
from regkit.io.transforms import read_transform, write_transform
from regkit.registry import default_registry
from regkit_classic.identity import Identity

pytestmark = pytest.mark.end_to_end

KEYS = {
    "regkit",
    "method",
    "parameters",
    "device",
    "seed",
    "transform",
    "verdict",
    "timing_s",
    "inputs",
    "versions",
}
TRANSFORM_KEYS = {
    "sha256",
    "model",
    "matrix",
    "centre_mm",
    "euler_deg",
    "translation_mm",
    "rotation_deg",
    "file",
}


def error(transform):
    body = np.random.default_rng(0).uniform(-80, 80, (100, 3))
    return np.linalg.norm(transform.map_points(body) - MOTION.map_points(body), axis=1).mean()


def test_the_main_job(run, pair_files, tmp_path):
    fixed, moving = pair_files
    out = tmp_path / "results" / "case"
    result = run(
        "register",
        fixed,
        moving,
        "-m",
        "mi",
        "-o",
        out,
        "--fixed-modality",
        "pet",
        "--moving-modality",
        "ct",
    )
    assert result.exit_code == 0, result.output
    names = {p.name for p in out.parent.iterdir()}
    assert names == {"case.tfm", "case_warped.nii.gz", "case.json", "case.png"}
    assert result.stdout.startswith("OK")

    found = read_transform(out.with_suffix(".tfm"))
    assert error(found) < 4.0  # half a voxel

    record = json.loads(out.with_suffix(".json").read_text())
    assert record.keys() >= KEYS
    assert record["transform"].keys() == TRANSFORM_KEYS
    assert record["method"] == "mi"
    assert record["transform"]["model"] == "rigid"
    assert record["transform"]["file"] == "case.tfm"
    written = out.with_suffix(".tfm").read_bytes()
    assert record["transform"]["sha256"] == hashlib.sha256(written).hexdigest()
    np.testing.assert_allclose(record["transform"]["matrix"], found.matrix, atol=1e-9)
    assert set(record["timing_s"]) == {"load", "compute", "save"}
    assert record["inputs"]["fixed"]["shape_zyx"] == [36, 36, 36]
    assert len(record["inputs"]["moving"]["sha256"]) == 64
    assert {"python", "numpy", "SimpleITK", "torch"} <= record["versions"].keys()


def test_the_warped_file_is_what_simpleitk_makes_of_the_transform_file(run, pair_files, tmp_path):
    fixed, moving = pair_files
    start = tmp_path / "start.tfm"
    write_transform(MOTION, start)
    result = run(
        "register", fixed, moving, "-m", "identity", "--init", start, "-o", tmp_path / "a"
    )
    assert result.exit_code == 0, result.output
    expected = sitk.Resample(
        sitk.ReadImage(moving),
        sitk.ReadImage(fixed),
        sitk.ReadTransform(tmp_path / "a.tfm"),
        defaultPixelValue=-1000.0,  # it is recognized as a CT: outside is air
    )
    warped = sitk.ReadImage(tmp_path / "a_warped.nii.gz")
    np.testing.assert_allclose(
        sitk.GetArrayFromImage(warped), sitk.GetArrayFromImage(expected), atol=1e-2
    )


def test_json_goes_to_standard_output_alone(run, pair_files, tmp_path):
    result = run("register", *pair_files, "-m", "identity", "-o", tmp_path / "a", "--json")
    assert json.loads(result.stdout) == json.loads((tmp_path / "a.json").read_text())


@pytest.mark.parametrize("ending", ["out/", "existing"])
def test_a_folder_gets_files_called_registration(run, pair_files, tmp_path, ending):
    (tmp_path / "existing").mkdir()
    words = ("register", *pair_files, "-m", "identity", "--no-verdict")
    result = run(*words, "-o", f"{tmp_path}/{ending}")
    assert result.exit_code == 0, result.output
    assert (tmp_path / ending / "registration.tfm").exists()


def test_a_pipeline_and_a_chain(run, pair_files, tmp_path):
    result = run(
        "register",
        *pair_files,
        "-m",
        "moments+mi",
        "-o",
        tmp_path / "a",
        "--json",
        "--init",
        "identity",
    )
    assert error(read_transform(tmp_path / "a.tfm")) < 4.0
    assert len(json.loads(result.stdout)["diagnostics"]["stages"]) == 2
    result = run(
        "register",
        *pair_files,
        "-m",
        "identity,mi",
        "-o",
        tmp_path / "b",
        "--json",
        "--init",
        "identity",
    )
    diagnostics = json.loads(result.stdout)["diagnostics"]
    assert diagnostics["used"] == "mi"
    assert [t["method"] for t in diagnostics["tried"]] == ["identity", "mi"]
    assert diagnostics["tried"][0]["verdict"] != "OK"


def test_parameters_from_a_file_and_from_the_command_line(run, pair_files, tmp_path):
    file = tmp_path / "mi.toml"
    file.write_text("seed = 5\n[mi]\nmodel = 'affine'\n")
    result = run(
        "register",
        *pair_files,
        "-m",
        "mi",
        "-o",
        tmp_path / "a",
        "--json",
        "--parameters",
        file,
        "--set",
        "model=rigid",
    )
    record = json.loads(result.stdout)
    assert record["seed"] == 5
    assert record["transform"]["model"] == "rigid"


def test_an_input_is_not_overwritten(run, pair_files, tmp_path):
    scan = tmp_path / "out_warped.nii.gz"
    scan.write_bytes(pair_files[1].read_bytes())
    before = scan.read_bytes()
    result = run("register", pair_files[0], scan, "--method", "identity", "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert "out_warped.nii.gz is an input and would be lost" in result.output
    assert scan.read_bytes() == before
    assert set(tmp_path.iterdir()) == {scan, *pair_files}


def test_a_failed_verdict_has_its_own_exit_code(run, pair_files, tmp_path):
    far = tmp_path / "far.tfm"
    write_transform(rigid(translation_mm=(290, 0, 0)), far)
    result = run("register", *pair_files, "-m", "identity", "--init", far, "-o", tmp_path / "a")
    assert result.exit_code == 3
    assert result.stdout.startswith("FAIL")
    assert (tmp_path / "a.tfm").exists()


def test_masks_are_used(run, pair_files, tmp_path):
    marked = np.zeros(SMALL.shape_zyx, dtype=np.uint8)
    marked[:, :, :18] = 1
    write_volume(LabelMap(marked, SMALL), tmp_path / "mask.nii.gz")
    command = ("register", *pair_files, "-m", "identity", "--json", "-o")
    whole = json.loads(run(*command, tmp_path / "a").stdout)
    part = json.loads(
        run(*command, tmp_path / "b", "--moving-mask", tmp_path / "mask.nii.gz").stdout
    )
    assert part["inputs"]["moving_mask"]["path"].endswith("mask.nii.gz")
    assert part["verdict"]["measures"]["similarity"] != whole["verdict"]["measures"]["similarity"]
    # Half of the image is the smaller field of view, and lies inside the other image.
    assert part["verdict"]["measures"]["overlap"] > 0.95


def test_the_page_is_written_when_asked_for(run, pair_files, tmp_path):
    words = ("register", *pair_files, "-m", "identity", "--no-verdict")
    result = run(*words, "-o", tmp_path / "a", "--report")
    assert result.exit_code == 0, result.output
    assert "<html" in (tmp_path / "a.html").read_text()


def test_the_other_way_round_is_compared_when_asked_for(run, pair_files, tmp_path):
    result = run(
        "register", *pair_files, "-m", "mi", "-o", tmp_path / "a", "--json", "--check-inverse"
    )
    assert json.loads(result.stdout)["verdict"]["measures"]["inverse_mm"] < 5.0


@pytest.mark.registration
def test_a_witness_tells_the_expected_error(run, pair_files, tmp_path):
    options = ("-m", "identity", "--witness", "fast-mi", "--json", "-o")
    result = run("register", *pair_files, *options, tmp_path / "a")
    verdict = json.loads(result.stdout)["verdict"]
    low, high = verdict["interval_mm"]
    assert low <= verdict["expected_error_mm"] <= high
    assert 0 <= verdict["probability_bad"] <= 1
    assert verdict["measures"]["witness_mm"] > 5


@pytest.mark.registration
def test_the_expected_error_at_points_and_labels(run, pair_files, tmp_path):
    marked = np.zeros(SMALL.shape_zyx, np.uint8)
    marked[15:20, 15:20, 15:20] = 4
    write_volume(LabelMap(marked, SMALL), tmp_path / "organ.nii.gz")
    table = tmp_path / "points.tsv"
    table.write_text("# LPS mm\nname\tx\ty\tz\napex\t20\t-10\t5\nfar\t900\t0\t0\n")
    options = ("-m", "identity", "--witness", "fast-mi", "--report", "-o", tmp_path / "a")
    result = run("register", *pair_files, *options, "--points", table)
    assert result.exit_code in (0, 3), result.output
    record = json.loads((tmp_path / "a.json").read_text())
    apex, far = record["verdict"]["points"]
    assert apex.keys() == {"name", "position_mm", "expected_error_mm", "interval_mm"}
    assert (apex["name"], apex["position_mm"]) == ("apex", [20, -10, 5])
    assert far["expected_error_mm"] > apex["expected_error_mm"]
    assert far["remark"].startswith("outside of the fixed image")
    assert record["inputs"]["points"]["path"] == str(table)
    (told,) = re.findall(r"at apex +([\d.]+) mm \(90 %:", result.stdout)
    assert float(told) == pytest.approx(apex["expected_error_mm"], abs=0.5)
    refused = run("register", *pair_files, *options, "--points", tmp_path / "organ.nii.gz")
    assert "from another run" in refused.output
    run("register", *pair_files, *options, "--force", "--points", tmp_path / "organ.nii.gz")
    (label,) = json.loads((tmp_path / "a.json").read_text())["verdict"]["points"]
    assert label["name"] == "label 4"
    assert label["expected_error_mm"] < far["expected_error_mm"]


def test_points_without_an_expected_error_or_in_no_file(run, pair_files, tmp_path):
    options = ("register", *pair_files, "-m", "identity", "-o", tmp_path / "a", "--points")
    missing = run(*options, tmp_path / "none.csv")
    assert missing.exit_code == 1
    assert "none.csv: cannot be read" in missing.stderr
    assert not (tmp_path / "a.json").exists()
    points = tmp_path / "points.csv"
    points.write_text("# LPS mm\n1,2,3\n")
    assert (
        "the expected error at points belongs to" in run(*options, points, "--no-verdict").stderr
    )


def test_no_verdict_leaves_the_measures_out(run, pair_files, tmp_path):
    result = run("register", *pair_files, "-m", "identity", "--no-verdict", "-o", tmp_path / "a")
    assert "not judged" in result.stdout
    record = json.loads((tmp_path / "a.json").read_text())
    assert record["verdict"]["measures"] == {}


def test_the_same_seed_and_one_thread_give_the_same_answer_to_the_last_digit(pair_files, tmp_path):
    for name in ("a", "b"):
        words = ["register", *pair_files, "--seed", "7", "--threads", "1", "-o", tmp_path / name]
        subprocess.run([sys.executable, "-m", "regkit", *words], check=True, capture_output=True)
    a, b = (read_transform(tmp_path / f"{name}.tfm").matrix for name in ("a", "b"))
    np.testing.assert_array_equal(a, b)


def test_the_same_seed_gives_the_same_answer(run, pair_files, tmp_path):
    for name in ("a", "b"):
        run("register", *pair_files, "--seed", 7, "-o", tmp_path / name)
    a, b = (read_transform(tmp_path / f"{name}.tfm").matrix for name in ("a", "b"))
    # Threads add in any order: the last digits of ITK's sums differ, a tenth of a micron at most.
    np.testing.assert_allclose(a, b, atol=1e-4)


def test_the_record_says_where_it_began_and_where_it_looked(run, pair_files, tmp_path):
    start, mask = tmp_path / "start.tfm", tmp_path / "mask.nii.gz"
    write_transform(MOTION, start)
    write_volume(LabelMap(np.ones(SMALL.shape_zyx, np.uint8), SMALL), mask)
    options = ("-m", "identity", "-o", tmp_path / "out" / "a", "--json")
    result = run("register", *pair_files, *options, "--init", start, "--moving-mask", mask)
    record = json.loads(result.stdout)
    assert record["start"]["init"] == str(start)
    np.testing.assert_allclose(record["start"]["matrix"], MOTION.matrix, atol=1e-12)
    marked = record["inputs"]["moving_mask"]
    assert marked["path"] == str(mask)
    assert marked["sha256"] == hashlib.sha256(mask.read_bytes()).hexdigest()
    assert "fixed_mask" not in record["inputs"]
    record = json.loads(run("register", *pair_files, *options, "--force").stdout)
    assert record["start"] == {"init": "identity", "matrix": np.eye(4).tolist()}
    assert record["inputs"].keys() == {"fixed", "moving"}


def test_what_plugins_print_does_not_get_among_the_results(run, pair_files, tmp_path, monkeypatch):
    loaded, registered = default_registry, Identity.register

    def chatty_registry(**options):
        sys.stdout.write("loading\n")
        return loaded(**options)

    def chatty_register(self, pair):
        sys.stdout.write("working\n")
        return registered(self, pair)

    for user in ("regkit.registry", "regkit.registration.request"):
        monkeypatch.setattr(f"{user}.default_registry", chatty_registry)
    monkeypatch.setattr(Identity, "register", chatty_register)
    result = run("register", *pair_files, "-m", "identity", "-o", tmp_path / "out" / "a", "--json")
    assert json.loads(result.stdout)["method"] == "identity"
    assert {"loading", "working"} <= set(result.stderr.split())
    assert json.loads(run("methods", "--json").stdout)


def test_labels_found_are_written_on_the_moving_image(run, pair_files, tmp_path, monkeypatch):
    moving = read_volume(pair_files[1])
    x, y, z = np.subtract(moving.grid.centre, 10.0)
    ball = LabelMap(np.ones((41, 41, 41), np.uint8), Grid((41, 41, 41), (0.5,) * 3, (x, y, z)))
    monkeypatch.setattr(Identity, "register", lambda self, pair: Estimate(pair.start, ball))
    words = ("register", *pair_files, "-m", "identity", "--no-verdict")
    assert run(*words, "-o", tmp_path / "a").exit_code == 0
    written = read_labels(tmp_path / "a_labels.nii.gz")
    assert written.grid.matches(moving.grid)
    points = moving.grid.to_physical(np.moveaxis(np.indices(moving.grid.shape_zyx), 0, -1))
    inside = (np.abs(points - moving.grid.centre) <= 10.25).all(axis=-1)
    np.testing.assert_array_equal(written.array == 1, inside)


def test_files_of_an_earlier_run_do_not_stay_beside_the_new_ones(run, pair_files, tmp_path):
    for stale in ("a.h5", "a.html", "a_labels.nii.gz"):
        (tmp_path / stale).write_text("old")
    (tmp_path / "a_notes.txt").write_text("mine")
    words = ("register", *pair_files, "-m", "identity", "--no-verdict", "-o", tmp_path / "a")
    assert run(*words).exit_code == 1
    assert run(*words, "--force").exit_code == 0
    left = {path.name for path in tmp_path.iterdir() if path.name.startswith("a")}
    assert left == {"a.tfm", "a.json", "a.png", "a_warped.nii.gz", "a_notes.txt"}


def test_the_assumed_format_of_the_initial_transform_is_kept(run, pair_files, tmp_path):
    """A text matrix may be greedy's or FLIRT's; the record says which was assumed."""
    fixed, moving = pair_files
    write_transform(MOTION, tmp_path / "omat.txt", format="fsl", fixed=fixed, moving=moving)
    options = ("register", *pair_files, "-m", "identity", "--init", tmp_path / "omat.txt")
    assert run(*options, "-o", tmp_path / "a").exit_code in (0, 3)
    assumed = json.loads((tmp_path / "a.json").read_text())["start"]
    assert "--from fsl" in assumed["assumption"]
    assert run(*options, "--from", "fsl", "-o", tmp_path / "b").exit_code in (0, 3)
    told = json.loads((tmp_path / "b.json").read_text())["start"]
    assert set(told) == {"init", "matrix"}
    np.testing.assert_allclose(told["matrix"], MOTION.matrix, atol=1e-5)
    result = run("register", *pair_files, "-m", "identity", "--from", "fsl", "-o", tmp_path / "c")
    assert result.exit_code == 1
    assert "--from needs a transform file as --init" in result.stderr
