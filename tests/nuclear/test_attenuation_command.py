"""``regkit attenuation`` from files to files."""

import csv
import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from attenuation_scene import Scene
from chromium import browser, probe
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
    assert not re.search(r'(?:src|href)="(?!data:|#)', page), "it needs no network"


def test_the_page_and_the_record_say_how_it_was_made(files: Path, done: Result) -> None:
    assert done.exit_code == 0
    record = json.loads((files / "results" / "out.json").read_text())
    page = (files / "results" / "out.html").read_text(encoding="utf-8")
    assert record["date"].endswith("+00:00")
    assert record["environment"]["system"]
    assert record["reconstruction"]["energy_kev"] == 140.5
    assert record["reconstruction"]["energy_source"] in page
    assert all(file["sha256"] in page for file in record["inputs"].values())


LOOK = """
const stickingOut = [...document.querySelectorAll("body *")]
  .filter((element) => element.getBoundingClientRect().right > document.body.clientWidth + 1)
  .filter((element) => !element.closest(".scroll, pre"))
  .map((element) => element.tagName);
const cells = [...document.querySelectorAll("td.name")];
const names = cells.map((cell) => cell.getBoundingClientRect().height < 40 ? 1 : 2);
const links = [...document.querySelectorAll(".picture .enlarge")].map((link) => link.hash);
const found = links.map((hash) => document.querySelectorAll(hash).length);
return {stickingOut, names, found};
"""


@pytest.mark.skipif(browser() is None, reason="needs Chromium or Chrome")
@pytest.mark.usefixtures("done")
def test_the_page_fits_a_phone(files: Path, tmp_path: Path) -> None:
    found = probe(files / "results" / "out.html", LOOK, tmp_path / "profile", 390)
    assert found["errors"] == []
    assert found["stickingOut"] == []
    assert found["names"] == 17 * [1]
    assert found["found"] == 9 * [1], "each picture opens large, and no other with it"


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
    words = ["attenuation", str(file), str(files / "mu.nii.gz"), "-q", "-o", str(tmp_path / "o")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 1
    assert done.stderr.count("\n") == 1
    assert "not tomographic projections" in done.stderr
