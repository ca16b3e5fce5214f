"""`regkit replay` repeats what the record of a registration says, and compares the transforms."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import regkit
from phantoms import small_pair
from regkit.io import read_volume, write_volume
from regkit.report.record import sha256_of

pytestmark = pytest.mark.end_to_end

# Quick: most tests are about inputs and records.
QUICK = ("-m", "moments", "--no-verdict", "--no-warped")


@pytest.fixture
def study(run, tmp_path, monkeypatch) -> Path:
    """A folder with a registration of relative paths; the working folder."""
    folder = tmp_path / "study"
    folder.mkdir()
    monkeypatch.chdir(folder)
    pair = small_pair()
    write_volume(pair.fixed, "pet.nii.gz")
    write_volume(pair.moving, "ct.nii.gz")
    done = run("register", "pet.nii.gz", "ct.nii.gz", *QUICK, "-o", "out/")
    assert done.exit_code == 0, done.output
    return folder


def record_of(file: Path) -> dict:
    return json.loads(file.read_text())


def edit(file: Path, **keys) -> None:
    file.write_text(json.dumps(record_of(file) | keys))


def refused(result, *words: str) -> None:
    assert result.exit_code == 1, result.output
    (line,) = result.stderr.strip().splitlines()
    for word in words:
        assert word in line


def test_a_record_tells_command_date_machine_and_the_hash_of_the_transform(study):
    record = record_of(study / "out/registration.json")
    assert record["command"] == (
        "regkit register pet.nii.gz ct.nii.gz -m moments --no-verdict --no-warped -o out/"
    )
    assert record["date"].endswith("+00:00")
    assert record["environment"]["system"]
    assert record["transform"]["sha256"] == sha256_of(study / "out/registration.tfm")
    assert record["inputs"]["fixed"]["relative_path"] == "../pet.nii.gz"
    assert record["options"] == {"judge": False, "no_warped": True}
    told = json.dumps(record["environment"])
    assert str(Path.home()) not in told


def test_the_same_inputs_give_the_same_transform(run, study):
    done = run("replay", "out/registration.json")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("same  moments: ")
    assert "fixed: pet.nii.gz, unchanged" in done.stdout


def test_json_holds_the_comparison(run, study):
    done = run("replay", "out/registration.json", "--json")
    told = json.loads(done.stdout)
    assert told["same"] is True
    assert told["largest_difference_mm"] == 0
    assert told["verdict"] == {"then": "CHECK", "now": "CHECK"}
    assert told["inputs"]["moving"]["sha256"] == sha256_of(study / "ct.nii.gz")
    assert told["versions"] == told["environment"] == {}


@pytest.mark.parametrize(("shift", "code"), [(0.9e-6, 0), (1.2e-6, 3)])
def test_a_transform_is_the_same_to_a_millionth_of_a_millimeter(run, study, shift, code):
    file = study / "out/registration.json"
    transform = record_of(file)["transform"]
    transform["matrix"][2][3] += shift
    edit(file, transform=transform)
    done = run("replay", file)
    assert done.exit_code == code, done.output
    assert done.stdout.startswith("same" if code == 0 else "different")


def test_other_versions_and_machines_are_told(run, study):
    file = study / "out/registration.json"
    edit(
        file,
        versions=record_of(file)["versions"] | {"numpy": "1.0.1"},
        environment=record_of(file)["environment"] | {"machine": "vax"},
    )
    done = run("replay", file)
    assert done.exit_code == 0
    assert f"numpy: 1.0.1 then, {np.__version__} now" in done.stdout
    assert "machine: vax then, " in done.stdout


def test_a_folder_may_be_moved_with_its_images(run, study, monkeypatch):
    moved = study.with_name("elsewhere")
    study.rename(moved)
    monkeypatch.chdir(moved.parent)
    done = run("replay", moved / "out/registration.json")
    assert done.exit_code == 0, done.output
    assert f"fixed: {moved / 'pet.nii.gz'}, unchanged, not at the path of the record" in (
        done.stdout
    )


def test_images_may_lie_in_a_folder_that_is_named(run, study):
    archive = study / "archive"
    archive.mkdir()
    for name in ("pet.nii.gz", "ct.nii.gz"):
        Path(name).rename(archive / name)
    assert run("replay", "out/registration.json", "--inputs", archive).exit_code == 0
    refused(
        run("replay", "out/registration.json"), "fixed image is missing", "pet.nii.gz", "--inputs"
    )


def test_a_changed_input_is_refused(run, study):
    volume = read_volume("ct.nii.gz")
    write_volume(volume.with_array(volume.array + 1), "ct.nii.gz")
    refused(run("replay", "out/registration.json"), "moving image", "ct.nii.gz has changed")


def test_a_lost_or_changed_file_of_the_transform_is_told(run, study):
    tfm = study / "out/registration.tfm"
    regkit.write_transform(regkit.IDENTITY, tfm)
    assert (
        "the file of the old transform is changed" in run("replay", "out/registration.json").stdout
    )
    tfm.unlink()
    assert (
        "the file of the old transform is missing" in run("replay", "out/registration.json").stdout
    )


def test_files_of_the_new_run_are_written_where_asked_for(run, study):
    done = run("replay", "out/registration.json", "-o", "again/a")
    assert done.exit_code == 0, done.output
    assert {path.name for path in (study / "again").iterdir()} == {"a.json", "a.png", "a.tfm"}
    first, second = (record_of(study / name) for name in ("out/registration.json", "again/a.json"))
    assert first["run_id"] == second["run_id"]
    assert first["transform"]["sha256"] == second["transform"]["sha256"]


def test_no_record_is_one_line(run, study):
    refused(run("replay", "nothing.json"), "nothing.json: no such file")
    Path("list.json").write_text("[1]")
    refused(run("replay", "list.json"), "is no record of a registration")
    old = record_of(study / "out/registration.json")
    del old["options"]
    Path("old.json").write_text(json.dumps(old))
    refused(run("replay", "old.json"), "lack the options", "register again")


def test_images_in_memory_cannot_be_read_again(run, study):
    regkit.register(read_volume("pet.nii.gz"), "ct.nii.gz", "identity", judge=False).save("memory")
    refused(run("replay", "memory.json"), "fixed image came from memory", "write it to a file")


def test_every_option_that_decides_the_result_is_in_the_record(run, study):
    pet = read_volume("pet.nii.gz")
    mask = regkit.LabelMap((pet.array > pet.array.mean()).astype(np.uint8), pet.grid)
    write_volume(mask, "mask.nii.gz")
    regkit.write_transform(regkit.rigid((0, 0, 2), (3, 0, 0)), "start.tfm")
    Path("points.csv").write_text("# LPS mm\nname,x,y,z\napex,0,0,0\n")
    Path("parameters.toml").write_text("[moments]\naxes = true\n")
    done = run(
        *("register", "pet.nii.gz", "ct.nii.gz", "-m", "identity+moments", "--init", "start.tfm"),
        *("--fixed-mask", "mask.nii.gz", "--moving-mask", "mask.nii.gz", "--fixed-roi", "1"),
        *("--fixed-modality", "pet", "--moving-modality", "ct", "--check-inverse"),
        *("--parameters", "parameters.toml", "--points", "points.csv", "--seed", "3"),
        *("--dtype", "int16", "-o", "all"),
    )
    assert done.exit_code in {0, 3}, done.output
    Path("parameters.toml").unlink()  # its values are in the record
    again = run("replay", "all.json", "-o", "again")
    assert again.exit_code == 0, again.output
    for role in ("fixed_mask", "moving_mask", "points", "init"):
        assert f"  {role}: " in again.stdout
    first, second = record_of(study / "all.json"), record_of(study / "again.json")
    for changing in ("command", "date", "timing_s"):
        del first[changing], second[changing]
    for record in (first, second):  # the files have other names
        for written in (record["transform"], *record["images"]):
            del written["file"]
    assert first == second


def test_a_deformable_transform_is_compared_through_its_file(run, study):
    field = regkit.DisplacementField(
        np.full((2, 2, 2, 3), 1.5), regkit.Grid((2, 2, 2), (400,) * 3, (-200,) * 3)
    )
    regkit.write_transform(field, "field.h5")
    done = run(
        "register",
        "pet.nii.gz",
        "ct.nii.gz",
        "-m",
        "identity",
        "--init",
        "field.h5",
        "--no-verdict",
        "-o",
        "warp",
    )
    assert done.exit_code == 0, done.output
    assert record_of(study / "warp.json")["transform"]["model"] == "deformable"
    assert run("replay", "warp.json").exit_code == 0
    Path("warp.h5").unlink()
    refused(run("replay", "warp.json"), "warp.h5 is missing")


def test_a_series_of_dicom_is_chosen_as_in_the_record(run, study, shared_data):
    home = shared_data / "sts_dicom" / "STS_002"
    shutil.copytree(home, study / "dicom")
    done = run(
        *("register", "dicom/CT/image", "dicom/PET/image", "-m", "identity", "--no-verdict"),
        *("--fixed-series", "1", "--dicom", "-o", "series"),
    )
    assert done.exit_code == 0, done.output
    again = run("replay", "series.json", "-o", "new/series")
    assert again.exit_code == 0, again.output
    assert (study / "new/series_reg.dcm").is_file()
