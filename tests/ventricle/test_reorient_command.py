"""``regkit reorient`` from files to files, with a method that knows the truth."""

import base64
import csv
import io
import json
import re

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image
from typer.testing import CliRunner

from regkit.cli import app
from regkit.geometry.rigid import rigid
from regkit.geometry.rotation import rotation_matrix
from regkit.geometry.transform import IDENTITY, DisplacementField
from regkit.io import read_labels, write_volume
from regkit.io.transforms import read_transform
from regkit.registrar import Estimate
from regkit.registry import default_registry, environment_registry
from regkit_classic.identity import Identity
from regkit_ventricle.segments import SEGMENTS
from small_cohorts import small
from ventricle_shells import POSE, Shell, box, cube

pytestmark = pytest.mark.simulation

VOLUMES = ("sa", "hla", "vla", "labels", "sa_labels")
ENDINGS = (".tfm", ".json", ".png", "_segments.csv", *(f"_{name}.nii.gz" for name in VOLUMES))
SHELL = Shell()
CENTRED = SHELL.centred
KNOWN = ("-m", "identity")


@pytest.fixture
def run():
    return lambda *words: CliRunner().invoke(app, ["reorient", *map(str, words)])


@pytest.fixture
def knowing(monkeypatch):
    """Let the method `KNOWN` return a given transform and labels."""

    def know(transform, labels, warnings=()):
        estimate = Estimate(transform, labels, {"warnings": list(warnings)})
        monkeypatch.setattr(Identity, "register", lambda self, pair: estimate)

    return know


@pytest.fixture(scope="module")
def shell():
    return SHELL.draw(cube(3.0), POSE, lambda x, y, z: np.where(x > 12, 50.0, 100.0))


@pytest.fixture
def files(shell, tmp_path):
    image, labels = (tmp_path / name for name in ("pet.nii.gz", "lv.nii.gz"))
    write_volume(shell[0], image)
    write_volume(shell[1], labels)
    return image, labels


def test_everything_is_written_and_true(run, knowing, files, shell, tmp_path):
    knowing(CENTRED, shell[1])
    out = tmp_path / "results" / "case"
    result = run(*KNOWN, files[0], "--modality", "pet", "-o", out)
    assert result.exit_code == 0, result.output
    assert {p.name for p in out.parent.iterdir()} == {f"case{ending}" for ending in ENDINGS}
    assert result.stdout.startswith("OK")
    assert "myocardium 1" in result.stdout

    np.testing.assert_allclose(read_transform(f"{out}.tfm").matrix, CENTRED.matrix, atol=1e-9)
    record = json.loads(out.with_suffix(".json").read_text())
    ventricle = record["ventricle"]
    assert ventricle["myocardium_ml"] == pytest.approx(SHELL.myocardium_ml, rel=0.04)
    assert ventricle["cavity_ml"] == pytest.approx(SHELL.cavity_ml, rel=0.04)
    assert record["verdict"]["status"] == "OK"
    assert record["method"] == "identity"
    assert np.shape(ventricle["polar_map"]["percent"]) == (40, 72)
    assert len(ventricle["polar_map"]["rings"]) == 40
    means = {s["segment"]: s["mean_percent"] for s in ventricle["segments"]}
    assert means[14] > 95
    assert max(means[n] for n in (5, 6, 11, 12, 16)) < 75
    territories = ventricle["territories_percent"]
    assert territories["LCX"] < territories["RCA"]

    table = (tmp_path / "results" / "case_segments.csv").read_text()
    rows = list(csv.DictReader(table.splitlines()))
    assert [int(row["segment"]) for row in rows] == list(range(1, 18))
    assert [row["name"] for row in rows] == [segment.name for segment in SEGMENTS]
    assert float(rows[13]["mean_percent"]) == pytest.approx(means[14])


def test_the_slices_are_what_simpleitk_makes_of_the_transform(
    run, knowing, files, shell, tmp_path
):
    knowing(CENTRED, shell[1])
    run(*KNOWN, files[0], "-o", tmp_path / "a")
    image, transform = sitk.ReadImage(files[0]), sitk.ReadTransform(tmp_path / "a.tfm")
    for view in ("sa", "hla", "vla"):
        slices = sitk.ReadImage(tmp_path / f"a_{view}.nii.gz")
        expected = sitk.Resample(image, slices, transform)
        np.testing.assert_allclose(
            sitk.GetArrayFromImage(slices), sitk.GetArrayFromImage(expected), atol=1e-2
        )
    # Turning one stack into another by its header changes nothing: all are of one frame.
    one, other = (sitk.ReadImage(tmp_path / f"a_{view}.nii.gz") for view in ("sa", "vla"))
    again = sitk.Resample(other, one, sitk.Transform(), sitk.sitkNearestNeighbor)
    np.testing.assert_allclose(
        sitk.GetArrayFromImage(again), sitk.GetArrayFromImage(one), atol=1e-3
    )


def test_a_page_has_the_picture_and_the_measurements(run, knowing, files, shell, tmp_path):
    knowing(CENTRED, shell[1])
    done = run(*KNOWN, files[0], "--modality", "pet", "-o", tmp_path / "a", "--report")
    assert done.exit_code == 0, done.output
    html = (tmp_path / "a.html").read_text()
    (picture,) = re.findall(r'src="data:image/png;base64,([^"]+)"', html)
    drawn = Image.open(io.BytesIO(base64.b64decode(picture)))
    with Image.open(tmp_path / "a.png") as written:
        np.testing.assert_array_equal(np.asarray(drawn), np.asarray(written.convert("RGB")))
    for fact in json.loads((tmp_path / "a.json").read_text())["facts"]:
        assert fact[1:] in html
    assert "angle between the long axis and that of most patients" in html
    assert "to match, move" not in html.lower()  # the frame is no image of the patient
    assert str(tmp_path / "a.html") in " ".join(done.stdout.split())
    # Another run does not keep the page of this one.
    assert run(*KNOWN, files[0], "-o", tmp_path / "a", "--seed", "2", "--force").exit_code == 0
    assert not (tmp_path / "a.html").exists()


def test_labels_go_back_to_the_image_through_the_inverse(run, knowing, files, shell, tmp_path):
    knowing(CENTRED, shell[1])
    run(*KNOWN, files[0], "-o", tmp_path / "a")
    np.testing.assert_array_equal(read_labels(tmp_path / "a_labels.nii.gz").array, shell[1].array)
    turned = sitk.ReadImage(tmp_path / "a_sa_labels.nii.gz")
    back = sitk.Resample(
        turned,
        sitk.ReadImage(tmp_path / "a_labels.nii.gz"),
        sitk.ReadTransform(tmp_path / "a.tfm").GetInverse(),
        sitk.sitkNearestNeighbor,
    )
    array = sitk.GetArrayFromImage(back)
    for label in (1, 2):
        a, b = array == label, shell[1].array == label
        assert 2 * (a & b).sum() / (a.sum() + b.sum()) > 0.85


def test_labels_on_a_grid_of_their_own_are_written_on_the_images(run, knowing, files, tmp_path):
    _, finer = SHELL.draw(cube(2.0))
    knowing(CENTRED, finer)
    result = run(*KNOWN, files[0], "-o", tmp_path / "a", "--json")
    assert nib.load(tmp_path / "a_labels.nii.gz").shape == nib.load(files[0]).shape
    record = json.loads(result.stdout)
    assert record == json.loads((tmp_path / "a.json").read_text())
    assert record["ventricle"]["cavity_ml"] == pytest.approx(SHELL.cavity_ml, rel=0.03)


def test_labels_that_one_has_do_without_a_method(run, files, tmp_path):
    result = run(files[0], "--labels", files[1], "-o", f"{tmp_path}/out/")
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "out" / "reorientation.json").read_text())
    found = read_transform(tmp_path / "out" / "reorientation.tfm").matrix
    assert found[:3, 2] @ POSE.matrix[:3, 2] > np.cos(np.deg2rad(2.0))
    assert record["method"] == "labels of lv.nii.gz"
    assert record["parameters"] == {}
    assert record["verdict"]["measures"]["tilt_deg"] == pytest.approx(0, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("cohort", ["lv-pet", "lv-spect"])
def test_simulated_patients_come_out_as_they_were_made(run, knowing, tmp_path, cohort):
    case = small(cohort, n=1, size=64, **({"noise": False} if cohort == "lv-spect" else {})).case(
        0
    )
    write_volume(case.pair.moving, tmp_path / "scan.nii.gz")
    knowing(case.truth, case.moving_labels)
    result = run(
        *KNOWN, tmp_path / "scan.nii.gz", "--modality", cohort[3:], "-o", tmp_path / "a", "--json"
    )
    assert result.exit_code == 0, result.output
    record = json.loads(result.stdout)
    measures = record["verdict"]["measures"]
    assert record["verdict"]["status"] == "OK"
    assert measures["tilt_deg"] < 3
    assert measures["offset_mm"] < 1
    voxel_ml = np.prod(case.moving_labels.grid.spacing) / 1000
    voxels = (case.moving_labels.array == case.extra["myocardium_label"]).sum()
    assert record["ventricle"]["myocardium_ml"] == pytest.approx(voxels * voxel_ml, rel=1e-3)


def test_a_wrong_frame_exits_with_three_and_is_written(run, knowing, files, shell, tmp_path):
    knowing(POSE @ rigid((0, 90, 0)), shell[1])
    result = run(*KNOWN, files[0], "-o", tmp_path / "a")
    assert result.exit_code == 3
    assert result.stdout.startswith("FAIL")
    assert (tmp_path / "a.png").exists()


def test_doubts_of_the_method_are_told(run, knowing, files, shell, tmp_path):
    knowing(CENTRED, shell[1], ["the image is not like those of training"])
    result = run(*KNOWN, files[0], "-o", tmp_path / "a")
    assert result.exit_code == 0
    assert result.stdout.startswith("CHECK")
    assert "not like those of training" in result.stdout


@pytest.mark.parametrize(
    "bad",
    [
        (lambda a: np.where(a > 0.5, np.nan, a), "voxels that are NaN or infinite"),
        (np.zeros_like, "the moving image is constant"),
    ],
)
def test_bad_images_are_refused(run, files, shell, tmp_path, bad):
    make, words = bad
    write_volume(shell[0].with_array(make(shell[0].array)), files[0])
    result = run(files[0], "--labels", files[1], "-o", tmp_path / "out" / "a")
    refused(result, words, tmp_path)


@pytest.mark.parametrize("shape", [(40, 40), (20, 20, 20, 3)])
def test_images_that_are_not_volumes_are_refused(run, files, tmp_path, shape):
    odd = tmp_path / "odd.nii.gz"
    nib.save(nib.Nifti1Image(np.random.default_rng(0).random(shape), np.eye(4)), odd)
    result = run(odd, "--labels", files[1], "-o", tmp_path / "out" / "a")
    refused(result, str(odd), tmp_path)


@pytest.mark.parametrize(
    "missing",
    [
        (1, "0 voxels of myocardium (label 1) are connected"),
        (2, "0 voxels of blood pool (label 2) are connected"),
    ],
)
def test_labels_without_a_ventricle_are_refused(run, files, shell, tmp_path, missing):
    label, words = missing
    array = np.where(shell[1].array == label, 0, shell[1].array)
    write_volume(shell[1].with_array(array), files[1])
    result = run(files[0], "--labels", files[1], "-o", tmp_path / "out" / "a")
    refused(result, words, tmp_path)


def test_labels_of_another_place_are_refused(run, files, shell, tmp_path):
    grid = shell[1].grid
    far = type(grid)(grid.shape_zyx, grid.spacing, (5000.0, 0.0, 0.0))
    write_volume(shell[1].with_array(shell[1].array, far), files[1])
    result = run(files[0], "--labels", files[1], "-o", tmp_path / "out" / "a")
    refused(result, "no part of the labelled ventricle is in the field of view", tmp_path)


def test_a_method_without_labels_is_refused(run, files, tmp_path):
    result = run(files[0], "-q", "-m", "moments", "-o", tmp_path / "out" / "a")
    refused(result, "moments gave no labels of the left ventricle", tmp_path)


def test_labels_and_a_method_exclude_each_other(run, files, tmp_path):
    result = run(files[0], "-m", "moments", "--labels", files[1], "-o", tmp_path / "out" / "a")
    refused(result, "--labels and --method exclude each other", tmp_path)


def test_a_frame_that_nobody_offers_is_named(run, files, tmp_path):
    result = run(files[0], "--to", "shortaxis", "-o", tmp_path / "out" / "a")
    refused(result, "no standard frame is called 'shortaxis'; did you mean short-axis?", tmp_path)


def test_the_frame_names_the_method_unless_the_user_does(run, files, shell, tmp_path, monkeypatch):
    spec = default_registry().frame("short-axis").spec
    estimate = Estimate(POSE, shell[1])
    for name in spec.method.split("+"):
        stage = default_registry().method(name).load()
        for function in {"register", "refine"} & set(dir(stage)):
            monkeypatch.setattr(stage, function, lambda *_: estimate)
    for number, to in enumerate([(), ("--to", "short-axis")]):
        result = run(files[0], *to, "-o", tmp_path / f"out{number}", "--json")
        assert json.loads(result.stdout)["method"] == spec.method


def test_without_a_frame_there_is_nothing_to_reorient_to(run, files, tmp_path, monkeypatch):
    monkeypatch.setenv("REGKIT_DISABLE_PLUGINS", "ventricle")
    environment_registry.cache_clear()
    try:
        result = run(files[0], "-o", tmp_path / "out" / "a")
    finally:
        environment_registry.cache_clear()
    refused(result, "--to must name a standard frame; no plugin offers one", tmp_path)


def refused(result, words, tmp_path):
    assert result.exit_code == 1
    assert words in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_oblique_flipped_anisotropic_images_give_the_same_map(run, knowing, tmp_path):
    def uptake(x, y, z):
        return 100 + 0.5 * z + 0.5 * x - 0.8 * y

    found = []
    oblique = rotation_matrix((20, -35, 60)) * (1, -1, -1)
    for number, grid in enumerate((cube(2.5), box((2.5, 2.0, 4.0), oblique))):
        image, labels = SHELL.draw(grid, POSE, uptake)
        write_volume(image, tmp_path / f"{number}.nii.gz")
        knowing(CENTRED, labels)
        result = run(
            *KNOWN, tmp_path / f"{number}.nii.gz", "-o", tmp_path / f"out{number}", "--json"
        )
        found.append(
            [s["mean_percent"] for s in json.loads(result.stdout)["ventricle"]["segments"]]
        )
    np.testing.assert_allclose(found[0], found[1], atol=3.0)


def test_a_transform_that_bends_is_kept_as_one(run, knowing, files, shell, tmp_path):
    bend = DisplacementField(np.zeros((4, 4, 4, 3)), cube(40.0, pose=IDENTITY))
    (tmp_path / "a.tfm").write_text("of an earlier run")
    knowing(POSE @ bend, shell[1])
    words = (*KNOWN, files[0], "-o", tmp_path / "a", "--json")
    assert "a.tfm exists, and no record tells" in run(*words).stderr
    result = run(*words, "--force")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["transform"]["file"] == "a.h5"
    assert not (tmp_path / "a.tfm").exists()
    points = np.random.default_rng(0).uniform(-50, 50, (20, 3))
    kept = read_transform(tmp_path / "a.h5")
    np.testing.assert_allclose(kept.map_points(points), POSE.map_points(points), atol=1e-6)
