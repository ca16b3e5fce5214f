"""`result.save` writes what the command line writes, and keeps files of other runs as it does."""

import json
from pathlib import Path

import pytest

import regkit
from phantoms import small_pair
from regkit.errors import OutputError
from regkit.io import read_volume, write_volume

pytestmark = pytest.mark.end_to_end


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    pair = small_pair()
    write_volume(pair.fixed, "pet.nii.gz")
    write_volume(pair.moving, "ct.nii.gz", "int16")
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def record_in(folder: Path) -> dict:
    """Return the record without what differs from run to run."""
    record = json.loads((folder / "registration.json").read_text())
    return {k: v for k, v in record.items() if k not in {"command", "date", "timing_s"}}


def test_the_files_are_those_of_the_command_line(folder):
    from typer.testing import CliRunner

    from regkit.cli import app

    words = (
        "register pet.nii.gz ct.nii.gz -m identity,moments --set moments.axes=true --init centre "
        "--fixed-modality pet --seed 2 --moved --check-inverse -o cli/"
    )
    assert CliRunner().invoke(app, words.split()).exit_code in {0, 3}
    result = regkit.register(
        "pet.nii.gz",
        Path("ct.nii.gz"),
        "identity,moments",
        init="centre",
        fixed_modality="pet",
        seed=2,
        check_inverse=True,
        **{"moments.axes": True},
    )
    saved = result.save("python/", moved=True)
    by_command, by_python = contents(folder / "cli"), contents(folder / "python")
    assert set(by_command) == set(by_python) == {path.name for path in saved.files}
    for name in set(by_command) - {"registration.json"}:
        assert by_command[name] == by_python[name], name
    assert record_in(folder / "cli") == record_in(folder / "python")
    assert saved.record["command"] == ""


def test_the_same_run_may_be_saved_again_and_another_one_not(folder):
    def register(method: str) -> regkit.RegistrationResult:
        return regkit.register("pet.nii.gz", "ct.nii.gz", method, judge=False)

    register("identity").save("a")
    register("identity").save("a")
    with pytest.raises(OutputError, match=r"a\.json exists, from another run \(identity of "):
        register("moments").save("a")
    register("moments").save("a", force=True)


def test_images_in_memory_are_recognized_by_their_voxels(folder):
    pet, ct = read_volume("pet.nii.gz"), read_volume("ct.nii.gz")
    regkit.register(pet, ct, "identity", judge=False).save("a")
    regkit.register(read_volume("pet.nii.gz"), ct, "identity", judge=False).save("a")
    brighter = pet.with_array(pet.array + 1)
    with pytest.raises(OutputError, match="exists, from another run"):
        regkit.register(brighter, ct, "identity", judge=False).save("a")


def test_the_result_of_run_can_be_saved_too(folder):
    pair = regkit.Pair(read_volume("pet.nii.gz"), read_volume("ct.nii.gz"))
    from regkit_classic.identity import Identity

    saved = regkit.run(Identity(), pair, judge=False).save("a", warped=False)
    assert [path.name for path in saved.files] == ["a.json", "a.png", "a.tfm"]


def test_an_input_is_never_replaced(folder):
    result = regkit.register("pet.nii.gz", "ct.nii.gz", "identity", judge=False)
    Path("b_warped.nii.gz").hardlink_to("ct.nii.gz")
    with pytest.raises(OutputError, match="is an input and would be lost"):
        result.save("b", force=True)


def test_dicom_needs_the_headers_of_files(folder):
    result = regkit.register(read_volume("pet.nii.gz"), "ct.nii.gz", "identity", judge=False)
    with pytest.raises(OutputError, match="DICOM output needs the headers of both images"):
        result.save("a", dicom=True)
