"""``regkit check-alignment``: JSON, files, exit codes, corrections."""

import json
from pathlib import Path

import numpy as np
import pytest

from dicom_sources import write_source
from phantoms import SMALL
from regkit import AffineTransform
from regkit.alignment.check import ALIGNMENT_METHOD
from regkit.cli.requests import alignment
from regkit.geometry.grid import Grid
from regkit.io import read_volume, write_volume
from regkit.testing.phantom import PARTS, thorax, thorax_labels

pytestmark = pytest.mark.end_to_end

KEYS = [
    "status",
    "shift_mm",
    "shift_voxels",
    "rotation_deg",
    "words",
    "eti_pct",
    "expected_error_mm",
    "reasons",
]
HEART = 1 + [part.name for part in PARTS].index("heart")
GIVEN = ("-m", "identity")


@pytest.fixture
def files(tmp_path):
    """Write an emission image, a CT 12 mm too high, and the labels of all organs."""
    pet, ct, labels = (tmp_path / f"{name}.nii.gz" for name in ("pet", "ct", "labels"))
    write_volume(thorax(SMALL, "pet"), pet)
    write_volume(thorax(SMALL, "ct", AffineTransform.shift((0, 0, 12))), ct)
    write_volume(thorax_labels(SMALL), labels)
    return pet, ct, labels


def test_the_default_method_is_that_of_the_function():
    assert alignment.ALIGNMENT_METHOD == ALIGNMENT_METHOD


def test_json_has_the_keys_of_the_contract_and_the_record_has_more(run, files, tmp_path):
    pet, ct, labels = files
    result = run(
        *("check-alignment", pet, ct, "--labels", labels, "--myocardium", HEART, *GIVEN),
        *("-o", tmp_path / "out" / "a", "--json"),
    )
    assert result.exit_code in (0, 3), result.output
    found = json.loads(result.stdout)
    assert list(found) == KEYS
    assert found["shift_mm"] == [0, 0, 0], "the identity finds no shift"
    record = json.loads((tmp_path / "out" / "a.json").read_text())
    assert {key: record[key] for key in KEYS} == found
    assert record["method"] == "identity"
    assert record["transform"]["model"] == "identity"
    assert record["inputs"]["moving"]["path"] == str(ct)
    assert set(record["eti_shifted_pct"]) >= {"left", "inferior"}
    page = (Path(__file__).parents[2] / "docs" / "reference" / "file-formats.md").read_text()
    assert [key for key in record if f"`{key}`" not in page] == []
    assert {f.name for f in (tmp_path / "out").iterdir()} == {"a.json", "a_heart.png"}


@pytest.mark.registration
def test_a_shift_is_told_corrected_and_ends_with_3(run, files, tmp_path):
    pet, ct, labels = files
    words = ("check-alignment", pet, ct, "--labels", labels, "--myocardium", HEART)
    result = run(*words, "--fix", "-o", tmp_path / "a")
    assert result.exit_code == 3, result.output
    assert result.stdout.startswith("FAIL  move the CT about 1"), result.stdout
    assert " mm lower" in result.stdout.splitlines()[0]
    assert "on lung or air if moved by a voxel: left" in result.stdout
    written = {f.name for f in tmp_path.glob("a*")}
    assert written == {"a.json", "a.png", "a.tfm", "a_heart.png", "a_warped.nii.gz"}
    corrected = read_volume(tmp_path / "a_warped.nii.gz", "ct")
    assert corrected.grid.matches(read_volume(pet).grid)
    aligned, off = (thorax(SMALL, "ct", AffineTransform.shift((0, 0, z))) for z in (0, 12))
    error = [np.abs(image.array - aligned.array).mean() for image in (corrected, off)]
    assert error[0] < 0.5 * error[1]
    again = run(*words, "--seed", "1", "-o", tmp_path / "a", "--force")  # nothing stale stays
    assert again.exit_code == 3, again.output
    assert {f.name for f in tmp_path.glob("a*")} == {"a.json", "a_heart.png"}


def test_dicom_comes_back_as_dicom(run, tmp_path):
    grid = Grid((24, 24, 24), (9.0, 9.0, 9.0), (-103.5, -103.5, -103.5))
    labels = thorax_labels(grid)
    uptake = (thorax(grid, "pet").array * 1000).astype("u2")
    write_source(tmp_path / "pt", "PT", uptake, grid)
    write_source(tmp_path / "ct", "CT", (thorax(grid, "ct").array + 1024).astype("u2"), grid)
    write_volume(labels.with_array(labels.array == HEART), tmp_path / "heart.nii.gz")
    result = run(
        *("check-alignment", tmp_path / "pt", tmp_path / "ct", *GIVEN, "--fix"),
        *("--labels", tmp_path / "heart.nii.gz", "-o", tmp_path / "out" / "a"),
    )
    assert result.exit_code in (0, 3), result.output
    written = {f.name for f in (tmp_path / "out").iterdir()}
    assert written >= {"a_dicom", "a_reg.dcm", "a_warped.nii.gz", "a_heart.png", "a.json"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--labels", "LABELS"), "different numbers"),
        (("--myocardium", "3"), "--myocardium names a label of --labels"),
        (("--transmission-modality", "pet"), "give --transmission-modality ct or mu"),
        (("--transmission-modality", "mu"), "no power of ten makes 1/cm"),
        (("--energy", "5", "--labels", "LABELS"), "must be 60 to 600 keV, got 5"),
        (("--limit", "-1"), "the limit must be a positive number of mm"),
    ],
)
def test_what_cannot_be_is_one_line(run, files, tmp_path, words, told):
    pet, ct, labels = files
    given = [str(labels) if word == "LABELS" else word for word in words]
    result = run("check-alignment", pet, ct, *given, *GIVEN, "-o", tmp_path / "x")
    assert result.exit_code == 1, result.output
    assert told in result.output
    assert not list(tmp_path.glob("x*"))
