"""No command replaces a file of another run without --force; a re-run of the same command may."""

import json
import time
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from regkit import DisplacementField, Grid, LabelMap, rigid, write_transform
from regkit.cli.requests.output_prefix import output_prefix
from regkit.io import read_volume, write_volume

pytestmark = pytest.mark.end_to_end

MOTION = rigid((2, -3, 4), (5, -6, 7))
DONE = (0, 3)  # `identity` is wrong on these pairs, and its verdict may be FAIL


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


@pytest.fixture
def register(run, pair_files, tmp_path):
    """Register the pair with `identity`, which is quick; return the result."""
    (tmp_path / "out").mkdir()

    def register(*more, images=pair_files, method="identity"):
        return run("register", *images, "-m", method, "-o", tmp_path / "out" / "a", *more)

    assert register().exit_code in DONE
    return register


def refused(result, named: str) -> None:
    assert result.exit_code == 1, result.output
    (line,) = result.stderr.strip().splitlines()
    assert named in line
    assert "--force" in line


def test_the_very_same_registration_may_run_again(register, tmp_path):
    first = json.loads((tmp_path / "out" / "a.json").read_text())
    assert register().exit_code in DONE
    again = json.loads((tmp_path / "out" / "a.json").read_text())
    assert first["run_id"] == again["run_id"]
    assert len(again["run_id"]) == 64


@pytest.mark.parametrize(
    "other",
    [
        {"method": "moments"},
        {"more": ("--init", "centre")},
        {"more": ("--fixed-modality", "ct")},
        {"more": ("--check-inverse",)},
        {"more": ("--dtype", "int16")},
    ],
)
def test_another_registration_is_refused_before_it_starts(register, tmp_path, other, monkeypatch):
    before = contents(tmp_path / "out")
    monkeypatch.setattr("regkit.io.read_volume", lambda *_: pytest.fail("began to work"))
    result = register(*other.get("more", ()), method=other.get("method", "identity"))
    refused(result, "a.json exists, from another run (identity of ")
    assert contents(tmp_path / "out") == before


def test_another_registration_replaces_by_force(register, tmp_path):
    assert register("--force", method="moments").exit_code in DONE
    assert json.loads((tmp_path / "out" / "a.json").read_text())["method"] == "moments"


def test_the_same_names_with_other_contents_are_another_run(register, pair_files, tmp_path):
    moving = pair_files[1]
    volume = read_volume(moving)
    write_volume(volume.with_array(volume.array + 1), moving)
    refused(register(), "a.json exists, from another run")
    assert register("--force").exit_code in DONE


def test_the_same_contents_under_other_names_are_the_same_run(register, pair_files, tmp_path):
    moved = [file.rename(tmp_path / f"renamed_{file.name}") for file in pair_files]
    assert register(images=moved).exit_code in DONE


def test_a_mask_or_an_initial_transform_of_other_contents_is_another_run(
    run, pair_files, tmp_path
):
    start = tmp_path / "start.tfm"
    write_transform(MOTION, start)
    words = ("register", *pair_files, "-m", "identity", "--init", start, "-o", tmp_path / "a")
    assert run(*words).exit_code in DONE
    assert run(*words).exit_code in DONE
    write_transform(MOTION.inverse(), start)
    refused(run(*words), "a.json exists, from another run")


def test_a_page_may_be_added_to_the_same_registration(register, tmp_path):
    assert register("--report").exit_code in DONE
    assert (tmp_path / "out" / "a.html").is_file()


def test_what_was_made_of_a_result_stays_when_it_runs_again(run, register, tmp_path):
    out = tmp_path / "out"
    assert run("transform", "convert", out / "a.tfm", out / "a.h5").exit_code == 0
    (out / "a_moved.nii.gz").write_text("mine")
    assert register().exit_code in DONE
    assert {"a.tfm", "a.h5", "a_moved.nii.gz"} <= contents(out).keys()
    assert (out / "a_moved.nii.gz").read_text() == "mine"
    assert register("--force", method="moments").exit_code in DONE
    assert not {"a.h5", "a_moved.nii.gz"} & contents(out).keys()


@pytest.mark.parametrize("ending", [".tfm", ".h5", "_warped.nii.gz", ".png", ".html", ".json"])
def test_files_without_a_record_are_kept(run, pair_files, tmp_path, ending):
    mine = tmp_path / f"a{ending}"
    mine.write_text("{}")
    result = run("register", *pair_files, "-m", "identity", "-o", tmp_path / "a")
    refused(result, f"a{ending} exists, and no record tells that this command wrote it")
    assert mine.read_text() == "{}"
    assert not (tmp_path / "a.txt").exists()


def test_an_input_is_not_replaced_by_force(run, pair_files, tmp_path):
    fixed = pair_files[0].rename(tmp_path / "a_warped.nii.gz")
    before = fixed.read_bytes()
    result = run(
        *("register", fixed, pair_files[1], "-m", "identity", "-o", tmp_path / "a", "--force")
    )
    assert result.exit_code == 1
    assert "is an input and would be lost" in result.stderr
    assert fixed.read_bytes() == before


def test_converting_a_transform_keeps_the_record(run, register, tmp_path):
    before = contents(tmp_path / "out")
    out = tmp_path / "out"
    refused(run("transform", "convert", out / "a.tfm", out / "a.json"), "a.json exists")
    assert contents(out) == before
    assert run("transform", "convert", out / "a.tfm", out / "a.json", "--force").exit_code == 0
    assert "verdict" not in json.loads((out / "a.json").read_text())


@pytest.fixture
def transforms(tmp_path):
    """Write a matrix, another one and a displacement field."""
    write_transform(MOTION, tmp_path / "a.tfm")
    write_transform(MOTION.inverse(), tmp_path / "b.tfm")
    grid = Grid((6, 7, 8), (9.0, 8.0, 7.0))
    field = 0.1 * np.random.default_rng(0).normal(size=(6, 7, 8, 3))
    write_transform(DisplacementField(field, grid), tmp_path / "field.h5")
    return tmp_path


ANY_TRANSFORM = ("out.h5", "out.tfm", "out.txt")  # other formats hold a matrix only
COMMANDS = {
    "convert": (("convert", "a.tfm"), ("convert", "b.tfm")),
    "invert": (("invert", "a.tfm"), ("invert", "b.tfm")),
    "compose": (("compose", "a.tfm", "a.tfm"), ("compose", "b.tfm", "b.tfm")),
    "field": (("convert", "field.h5"), ("invert", "field.h5")),
    "chain": (("compose", "a.tfm", "field.h5"), ("compose", "field.h5", "a.tfm")),
}


@pytest.mark.parametrize(
    ("command", "out"),
    [
        *product(("convert", "invert", "compose"), (*ANY_TRANSFORM, "out.json", "out.lta")),
        *product(("field", "chain"), ANY_TRANSFORM),
    ],
)
def test_a_transform_is_replaced_by_itself_or_by_force(run, transforms, monkeypatch, command, out):
    monkeypatch.chdir(transforms)
    same, other = COMMANDS[command]
    extra = ("--fixed", "a.nii", "--moving", "a.nii") if out == "out.lta" else ()
    if extra:
        write_volume(LabelMap(np.zeros((3, 3, 3), int), Grid((3, 3, 3))), "a.nii")
    assert run("transform", *same, out, *extra).exit_code == 0
    kept = Path(out).read_bytes()
    if out == "out.h5":
        time.sleep(1.1)  # HDF5 files hold the second in which they were written
    assert run("transform", *same, out, *extra).exit_code == 0
    kept = Path(out).read_bytes()
    refused(run("transform", *other, out, *extra), f"{out} exists, with other contents")
    assert Path(out).read_bytes() == kept
    assert run("transform", *other, out, *extra, "--force").exit_code == 0
    assert Path(out).read_bytes() != kept


def test_a_transform_does_not_replace_its_input(run, transforms):
    before = (transforms / "a.tfm").read_bytes()
    for force in ((), ("--force",)):
        result = run("transform", "invert", transforms / "a.tfm", transforms / "a.tfm", *force)
        assert "is an input and would be lost" in result.stderr
        assert (transforms / "a.tfm").read_bytes() == before


def test_a_resampled_image_is_replaced_by_itself_or_by_force(run, pair_files, transforms):
    fixed, moving = pair_files
    out = transforms / "out.nii.gz"
    words = ("resample", moving, "--onto", fixed, "-o", out, "-t")
    for _ in range(2):
        assert run(*words, transforms / "a.tfm").exit_code == 0
    kept = out.read_bytes()
    refused(run(*words, transforms / "b.tfm"), "out.nii.gz exists, with other contents")
    assert out.read_bytes() == kept
    assert run(*words, transforms / "b.tfm", "--force").exit_code == 0
    assert out.read_bytes() != kept
    for image in (fixed, moving):
        result = run(*words[:4], "-o", image, "-t", transforms / "a.tfm", "--force")
        assert "is an input and would be lost" in result.stderr


def test_a_suffix_is_refused_before_anything_is_read(run, tmp_path):
    words = ("resample", "none.nii", "--onto", "none.nii", "-t", "none.tfm")
    assert "cannot write this suffix" in run(*words, "-o", tmp_path / "a.xyz").stderr
    said = run(*words, "-o", tmp_path / "a.nii", "--dtype", "complex64").stderr
    assert "unknown voxel type 'complex64'; use one of uint8," in said
    said = run(*words, "-o", tmp_path / "a.mgz", "--dtype", "uint16").stderr
    assert "MGH cannot hold uint16" in said


@pytest.mark.parametrize(
    ("output", "prefix"),
    [
        ("out/x.nii.gz", "out/x"),
        ("x.NII.GZ", "x"),
        ("x.nii", "x"),
        ("x.mha", "x"),
        ("x.hdr", "x"),
        ("x.dcm", "x"),
        ("x.mgz", "x"),
        ("x.tfm", "x"),
        ("x.h5", "x"),
        ("x.lta", "x"),
        ("x.mat", "x"),
        ("x.json", "x"),
        ("x.txt", "x"),
        ("patient.1", "patient.1"),
        ("2024.05.17_pet", "2024.05.17_pet"),
        ("x.nii.gz/", "x.nii.gz/name"),
        ("out/", "out/name"),
        ("folder.mha", "folder.mha/name"),
        (".", "name"),
        ("..", "../name"),
        ("new", "new"),
    ],
)
def test_the_suffix_of_an_image_or_transform_is_no_part_of_a_prefix(
    output, prefix, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    Path("folder.mha").mkdir()
    assert output_prefix(output, "name") == Path(prefix)


def test_a_prefix_with_a_suffix_makes_files_of_that_name(run, pair_files, tmp_path):
    out = tmp_path / "new" / "x.nii.gz"
    assert run("register", *pair_files, "-m", "identity", "-o", out).exit_code in DONE
    made = {path.name for path in out.parent.iterdir()}
    assert made == {"x.tfm", "x.json", "x.png", "x_warped.nii.gz"}


def test_a_kept_type_and_a_chosen_one(run, pair_files, tmp_path):
    fixed, moving = pair_files
    image = sitk.ReadImage(str(moving))
    sitk.WriteImage(sitk.Cast(sitk.Round(image), sitk.sitkInt16), str(tmp_path / "ct16.nii.gz"))
    words = ("register", fixed, tmp_path / "ct16.nii.gz", "-m", "identity", "-o", tmp_path / "a")
    kinds = {(): "16-bit signed integer", ("--dtype", "float32"): "32-bit float"}
    for option, kind in kinds.items():
        assert run(*words, *option, "--force").exit_code in DONE
        warped = sitk.ReadImage(str(tmp_path / "a_warped.nii.gz"))
        assert warped.GetPixelIDTypeAsString() == kind
