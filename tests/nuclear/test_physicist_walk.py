"""From a scanner's DICOM study to a corrected one, as a physicist walks: each step takes the files
of the one before, and what comes out is compared with the scene that is known."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from attenuation_scene import LATERAL, SEPTAL, SETTINGS, Scene
from regkit.cli import app
from regkit.datasets.case import Case
from regkit.io import read_volume, write_volume
from regkit.registrar import Pair
from regkit_nuclear.dicom_export import write_image
from regkit_nuclear.spect.osem import reconstruct

pytestmark = pytest.mark.end_to_end

SCENE = Scene()
OSEM = {"subsets": SETTINGS.subsets, "iterations": SETTINGS.iterations}
QUICK = [word for name, value in OSEM.items() for word in (f"--{name}", value)]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the SPECT, the CT and the projections in DICOM, and the heart's labels."""
    folder, scene = tmp_path_factory.mktemp("study"), Scene()
    spect = reconstruct(
        scene.projections, subsets=SETTINGS.subsets, iterations=SETTINGS.iterations
    )
    extra = {"projections": scene.projections}
    case = Case("p", Pair(spect, scene.mu), group="p", extra=extra)
    write_image(spect, folder / "fixed", case)
    write_image(SCENE.mu, folder / "ct", case)
    write_volume(SCENE.labels, folder / "lv.nii.gz")
    return folder


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def segments(file: Path, column: str) -> np.ndarray:
    with file.open() as table:
        return np.array([float(row[column]) for row in csv.DictReader(table)])


def test_a_dicom_study_is_corrected(study: Path) -> None:
    out, labels = study / "out", ("--labels", study / "lv.nii.gz")
    check = run(
        *("check-alignment", study / "fixed.dcm", study / "ct", *labels, "-m", "fast-mi"),
        *("--fix", "--json", "-o", out / "alignment"),
    )
    assert check.exit_code == 3, check.output
    found = json.loads(check.stdout)
    np.testing.assert_allclose(found["shift_mm"], [28, 0, 0], atol=3.5)  # half a voxel
    assert "to the patient's left" in found["words"]
    assert found["eti_pct"] > 3
    assert "at 140.5 keV, that of Tc-99m, which the header names" in " ".join(found["reasons"])
    assert (out / "alignment_reg.dcm").exists()
    assert any((out / "alignment_dicom").iterdir())

    corrected = run(
        *("attenuation", study / "projections.dcm", study / "ct", *labels, *QUICK),
        *("--transform", out / "alignment.tfm", "-o", out / "ac", "-q"),
    )
    assert corrected.exit_code == 0, corrected.output
    truth = reconstruct(SCENE.projections, SCENE.true_mu, **OSEM).array
    off = {}
    for name in ("header", "aligned"):
        image = read_volume(out / f"ac_ac_{name}.nii.gz").array
        off[name] = np.abs(image / image.mean() - truth / truth.mean()).mean()
    assert off["aligned"] < 0.2 * off["header"]
    harm = segments(out / "ac_segments.csv", "header_difference_pct")
    lateral, septal = (harm[np.subtract(wall, 1)].mean() for wall in (LATERAL, SEPTAL))
    assert septal - lateral > 10, "the wall beside the lung looks like a defect"

    turned = run(
        *("reorient", out / "ac_ac_aligned.nii.gz", "--modality", "spect", *labels),
        *("--report", "-o", out / "short"),
    )
    assert turned.exit_code in (0, 3), turned.output
    np.testing.assert_allclose(
        segments(out / "short_segments.csv", "mean_percent"),
        segments(out / "ac_segments.csv", "aligned_percent"),
        atol=1.0,
    )
