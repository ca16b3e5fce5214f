"""A modality that nobody told is guessed, told, recorded, and prepared for as if it were given."""

import json
import logging

import nibabel as nib
import numpy as np
import pytest
from typer.testing import CliRunner

from header_files import write_mgh, write_nifti
from regkit import Grid, Volume, read_volume, register, write_volume
from regkit.cli import app
from regkit.registrar import Pair
from regkit.registration.modalities import with_modalities
from regkit.testing.phantom_pairs import plain_problem

pytestmark = pytest.mark.registration


@pytest.fixture(scope="module")
def told() -> Pair:
    return plain_problem().pair


def _untold(volume: Volume) -> Volume:
    return Volume(volume.array, volume.grid)


def _eight_bits(volume: Volume) -> Volume:
    low, high = float(volume.array.min()), float(volume.array.max())
    return Volume(np.round((volume.array - low) / (high - low) * 255), volume.grid)


def test_a_guess_is_told_once_with_its_reason(told, caplog):
    with caplog.at_level(logging.WARNING):
        pair = with_modalities(Pair(_untold(told.fixed), told.moving))
        with_modalities(pair)
    assert pair.fixed.modality == told.fixed.modality
    assert pair.fixed.modality_source.startswith("guess: ")
    assert pair.moving is told.moving
    assert len(caplog.messages) == 1
    assert "the fixed image does not state its modality and is taken for" in caplog.text


def test_an_untold_pair_registers_as_a_told_one(told):
    given = register(told.fixed, told.moving, "fast-mi")
    guessed = register(_untold(told.fixed), _untold(told.moving), "fast-mi")
    assert guessed.pair.fixed.modality == told.fixed.modality
    assert guessed.pair.moving.modality == told.moving.modality
    np.testing.assert_array_equal(guessed.transform.matrix, given.transform.matrix)
    assert guessed.verdict == given.verdict


def test_an_unknown_modality_is_a_reason_and_no_failure(told, caplog):
    picture = _eight_bits(told.fixed)
    result = register(picture, told.moving, "identity")
    known = register(Volume(picture.array, picture.grid, "mr"), told.moving, "identity")
    assert result.verdict.status == known.verdict.status
    reasons = [r for r in result.verdict.reasons if r not in known.verdict.reasons]
    assert len(reasons) == 1
    assert reasons[0].startswith("modality unknown of the fixed image: its values are 0 to 255")
    assert caplog.text == ""  # the verdict says it


def test_the_record_keeps_how_a_modality_was_found(told, tmp_path):
    write_volume(_untold(told.fixed), tmp_path / "fixed.nii.gz")
    write_volume(_untold(told.moving), tmp_path / "moving.nii.gz")
    command = ["register", "fixed.nii.gz", "moving.nii.gz", "-m", "identity", "-o", "out/"]
    command[1:3] = [str(tmp_path / name) for name in command[1:3]]
    command[-1] = str(tmp_path / "out") + "/"
    done = CliRunner().invoke(app, [*command, "--moving-modality", told.moving.modality])
    assert done.exit_code in (0, 3), done.output
    inputs = json.loads((tmp_path / "out/registration.json").read_text())["inputs"]
    assert inputs["fixed"]["modality"] == told.fixed.modality
    assert inputs["fixed"]["modality_source"].startswith("guess: ")
    assert inputs["moving"]["modality_source"] == "given"


@pytest.mark.parametrize(("name", "modality"), [("PT", "pet"), ("MR", "mr"), ("XX", "")])
def test_the_json_file_of_dcm2niix_states_the_modality(name, modality, tmp_path):
    write_nifti(tmp_path / "scan.nii")
    (tmp_path / "scan.json").write_text(json.dumps({"Modality": name}))
    volume = read_volume(tmp_path / "scan.nii")
    assert volume.modality == modality
    assert volume.modality_source == ("header" if modality else "")
    assert read_volume(tmp_path / "scan.nii", "us").modality_source == "given"


@pytest.mark.parametrize("text", ["{", "[1]", '{"Modality": ["MR"]}', ""])
def test_other_json_files_say_nothing(text, tmp_path):
    write_nifti(tmp_path / "scan.nii")
    (tmp_path / "scan.json").write_text(text)
    assert read_volume(tmp_path / "scan.nii").modality == ""


@pytest.mark.parametrize(
    ("text", "modality"),
    [(b"TE=2.9;Time=121509.4", "mr"), (b"FreeSurfer 7", "mr"), (b"Time=93550", ""), (b"FSL", "")],
)
def test_an_echo_time_in_a_nifti_means_mr(text, modality, tmp_path):
    assert read_volume(write_nifti(tmp_path / "a.nii", descrip=text)).modality == modality


def test_scan_parameters_in_an_mgh_mean_mr(tmp_path):
    path = write_mgh(tmp_path / "a.mgh")
    assert read_volume(path).modality == ""
    image = nib.MGHImage.from_bytes(path.read_bytes())
    image.header["tr"] = 7.2
    path.write_bytes(image.to_bytes())
    assert read_volume(path).modality == "mr"


def test_a_guess_survives_resampling(told):
    from regkit import resample

    pair = with_modalities(Pair(_untold(told.fixed), told.moving))
    onto = Grid((4, 5, 6), (9, 9, 9))
    assert resample(pair.fixed, onto).modality_source == pair.fixed.modality_source
