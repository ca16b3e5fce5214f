"""`regkit explain` shows what the network of a record looked at, on the fixed image's grid."""

import json
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pytest
from PIL import Image

import regkit
from lv_phantom import Phantom, pose_on, upright
from regkit.io import write_volume
from regkit_pairnets.registrar import LearnedRegistration

pytestmark = pytest.mark.end_to_end

QUICK = ("--no-verdict", "--no-warped", "--init", "identity", "-o")


@pytest.fixture(autouse=True)
def _believed(monkeypatch) -> None:
    """Results are not compared with their start: the network does not know this phantom."""
    monkeypatch.setattr(LearnedRegistration, "compares_with_start", False)


@pytest.fixture
def learned(run, pair_files, tmp_path) -> Path:
    """The record of a registration by dusfe."""
    done = run("register", *pair_files, "-m", "dusfe", *QUICK, tmp_path / "out/a")
    assert done.exit_code == 0, done.output
    return tmp_path / "out/a.json"


def refused(result, *words: str) -> None:
    assert result.exit_code == 1, result.output
    (line,) = result.stderr.strip().splitlines()
    for word in words:
        assert word in line


def test_picture_record_and_maps_on_the_fixed_grid(run, learned, pair_files) -> None:
    done = run("explain", learned)
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("dusfe: level-1 (fixed), level-1 (moving), level-2 (fixed)")
    told = json.loads(learned.with_name("a_explain.json").read_text())
    assert (told["method"], told["same"], told["largest_difference_mm"]) == ("dusfe", True, 0)
    assert len(told["maps"]) == 6
    assert set(told["channel_weights"]) == {"level-1", "level-2", "level-3"}
    fixed = nibabel.load(pair_files[0])
    for one in told["maps"]:
        image = nibabel.load(learned.with_name(one["file"]))
        assert image.shape == fixed.shape
        np.testing.assert_allclose(image.affine, fixed.affine, atol=1e-4)
        values = image.get_fdata()
        assert 0 <= values.min() < values.max() <= one["highest"] + 1e-6
    with Image.open(learned.with_name("a_explain.png")) as drawn:
        assert drawn.width > 8 * 300  # two images and six maps


def test_a_rejected_result_is_explained_and_told(run, pair_files, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(LearnedRegistration, "compares_with_start", True)
    record = tmp_path / "kept.json"
    done = run("register", *pair_files, "-m", "dusfe", *QUICK, record.with_suffix(""))
    assert done.exit_code == 0, done.output
    assert json.loads(record.read_text())["diagnostics"]["initial_kept"] is True
    # The reason comes first, and nothing claims that the images match.
    second = done.stdout.splitlines()[1]
    assert second.startswith("  kept the transform that it started from: the ")
    assert "than the initial transform" in second
    assert "need not be moved" not in done.stdout
    done = run("explain", record)
    assert done.exit_code == 0, done.output
    assert "the registration kept its initial transform" in done.stdout
    told = json.loads(record.with_name("kept_explain.json").read_text())
    assert (told["initial_kept"], told["same"]) == (True, None)


def test_every_key_is_on_the_page_of_file_formats(run, learned) -> None:
    page = Path(__file__).parents[2] / "docs/reference/file-formats.md"
    section = page.read_text().split("## An explanation")[1].split("\n## ")[0]
    told = json.loads(run("explain", learned, "--json").stdout)
    for key in (*told, *told["maps"][0]):
        assert f"`{key}`" in section, key


def test_files_of_another_explanation_stay(run, learned, tmp_path) -> None:
    assert run("explain", learned).exit_code == 0
    assert run("explain", learned).exit_code == 0  # the same again
    refused(run("explain", learned, "-o", tmp_path / "out/a"), "another run", "--force")
    assert run("explain", learned, "-o", f"{tmp_path}/new/").exit_code == 0
    assert (tmp_path / "new/a_explain.png").exists()


def test_a_chain_is_explained_by_its_network(run, pair_files, tmp_path) -> None:
    chain = "moments+dusfe+identity"
    assert run("register", *pair_files, "-m", chain, *QUICK, tmp_path / "b").exit_code == 0
    told = json.loads(run("explain", tmp_path / "b.json", "--json").stdout)
    assert (told["method"], told["same"]) == ("dusfe", None)
    started = regkit.register(*pair_files, "moments+dusfe", init="identity", judge=False)
    explained = regkit.explain(tmp_path / "b.json")
    points = started.pair.fixed.grid.corners()
    np.testing.assert_allclose(
        explained.explanation.transform.map_points(points), started.transform.map_points(points)
    )


def test_a_reorientation_shows_the_gates(run, tmp_path) -> None:
    grid = upright(64, 6.8)
    image = tmp_path / "spect.nii.gz"
    write_volume(Phantom(grid, pose_on(grid), "spect").image, image)
    done = run("reorient", image, "--modality", "spect", "-m", "ms-st-unet", "-o", tmp_path / "r")
    assert done.exit_code in {0, 3}, done.output
    done = run("explain", tmp_path / "r.json", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["method"], told["same"]) == ("ms-st-unet", True)
    assert {one["role"] for one in told["maps"]} == {"moving"}
    short_axis = nibabel.load(tmp_path / "r_sa.nii.gz")
    for one in told["maps"]:
        assert nibabel.load(tmp_path / one["file"]).shape == short_axis.shape
    explained = regkit.explain(tmp_path / "r.json")
    drawn = np.asarray(explained.picture())
    # The axes of the frame are not the patient's: no sides are written.
    as_patient = np.asarray(replace(explained, is_reorientation=False).picture())
    middle = drawn.shape[0] // 2
    assert (drawn[middle:] != as_patient[middle:]).any()
    assert (drawn[middle:] == 240).sum() < (as_patient[middle:] == 240).sum()


def test_methods_that_show_nothing_are_refused(run, pair_files, tmp_path) -> None:
    for method in ("moments", "dvnet", "moments,dusfe", "auto"):
        record = json.loads('{"transform": {}, "verdict": {}, "start": {}, "diagnostics": {}}')
        record |= {"method": method, "parameters": {}, "inputs": {}, "options": {}}
        file = tmp_path / "x.json"
        file.write_text(json.dumps(record))
        refused(
            run("explain", file),
            f"{method} does not show what it looked at",
            "attention-reg, densenet-nonlocal, dusfe, ms-st-unet can",
        )


def test_other_files_and_changed_inputs_are_refused(run, learned, pair_files) -> None:
    refused(run("explain", "nothing.json"), "nothing.json: no such file")
    refused(run("explain", pair_files[0]), "is no record of a registration")
    write_volume(regkit.read_volume(pair_files[1]), pair_files[0])
    refused(run("explain", learned), "the fixed image", "has changed")
