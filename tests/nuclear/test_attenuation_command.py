"""``regkit attenuation`` from files to files."""

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from attenuation_scene import Scene
from nm_tomograms import Tomogram
from regkit.cli import app
from regkit.io import read_volume, write_volume
from regkit.io.transforms import write_transform

pytestmark = pytest.mark.end_to_end

IMAGES = ("out_ac_aligned.nii.gz", "out_ac_header.nii.gz", "out_nac.nii.gz")
OTHERS = ("out.html", "out.json", "out.png", "out_labels.nii.gz", "out_segments.csv")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, scene = tmp_path_factory.mktemp("scene"), Scene()
    scene.projections.write(folder / "projections.npz")
    write_volume(scene.mu, folder / "mu.nii.gz")
    write_volume(scene.labels, folder / "lv.nii.gz")
    write_transform(scene.transform, folder / "t.tfm")
    return folder


def run(folder: Path, *words: object) -> Result:
    given = [folder / "projections.npz", folder / "mu.nii.gz", "--labels", folder / "lv.nii.gz"]
    quick = ["--subsets", 4, "--iterations", 3]
    return CliRunner().invoke(
        app, ["attenuation", *(str(word) for word in (*given, *quick, *words))]
    )


@pytest.fixture(scope="module")
def done(files: Path) -> Result:
    """The whole command, once; its files are in the folder ``results``."""
    out = files / "results" / "out"
    return run(files, "-o", out, "-t", files / "t.tfm", "--residual", "4,2", "--samples", 2)


def test_everything_is_written(files: Path, done: Result) -> None:
    assert done.exit_code == 0, done.output
    folder = files / "results"
    assert sorted(path.name for path in folder.iterdir()) == sorted((*IMAGES, *OTHERS))
    record = json.loads((folder / "out.json").read_text())
    assert [image["name"] for image in record["images"]] == ["nac", "header", "aligned"]
    for image in record["images"]:
        assert read_volume(folder / image["file"]).grid.matches(Scene.grid)
    assert record["reference"] == "aligned"
    assert record["residual"]["samples"] == 2
    assert record["inputs"]["transform"]["path"] == str(files / "t.tfm")
    with (folder / "out_segments.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["segment"]) for row in rows] == list(range(1, 18))
    stored = record["differences"][1]["segments_pct"]
    assert [float(row["header_difference_pct"]) for row in rows] == stored


def test_the_results_are_told_on_the_terminal_and_on_a_page(files: Path, done: Result) -> None:
    assert "basal anterior" in done.stdout
    assert "attenuation map as in its header: NMSE" in done.stdout
    page = (files / "results" / "out.html").read_text(encoding="utf-8")
    assert page.count("data:image/webp") == 9
    assert "http" not in page.partition("<body>")[2].partition("<details>")[0]


@pytest.mark.usefixtures("done")
def test_another_study_replaces_it_only_by_force(files: Path) -> None:
    out = files / "results" / "out"
    refused = run(files, "-o", out)
    assert refused.exit_code == 1
    assert "from another run (attenuation" in refused.stderr
    alone = run(files, "-o", out, "--force", "--json")
    assert alone.exit_code == 0
    assert json.loads(alone.stdout)["reference"] == "header"
    assert not (files / "results" / "out_ac_aligned.nii.gz").exists()


def test_a_reconstruction_in_dicom_is_refused_in_one_line(files: Path, tmp_path: Path) -> None:
    recon = Tomogram(attributes={"ImageType": ["ORIGINAL", "PRIMARY", "RECON TOMO", "EMISSION"]})
    file = recon.write(tmp_path / "recon.dcm")
    words = ["attenuation", str(file), str(files / "mu.nii.gz"), "-o", str(tmp_path / "out")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 1
    assert done.stderr.count("\n") == 1
    assert "not tomographic projections" in done.stderr
