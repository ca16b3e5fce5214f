"""--series, --frame and --window: the same in every command that reads images."""

import json

import numpy as np
import pytest
import SimpleITK as sitk

from dicom_files import save_dicom, tomogram, write_slices
from regkit import read_volume

pytestmark = pytest.mark.end_to_end


@pytest.fixture
def study(tmp_path):
    """Write a PET of 5 and a CT of 6 slices into one folder; return it."""
    for number, (description, modality, count) in enumerate([("AC", "PT", 5), ("CT", "CT", 6)], 1):
        write_slices(
            tmp_path / "study", count, names=[f"{number}_{n}.dcm" for n in range(count)],
            SeriesInstanceUID=f"1.2.3.{number}", SeriesNumber=number, Modality=modality,
            SeriesDescription=description,
        )  # fmt: skip
    return tmp_path / "study"


def test_register_lists_the_series_and_takes_one_for_each_image(run, study, tmp_path):
    words = ("register", study, study, "-m", "identity", "-o", tmp_path / "out")
    result = run(*words)
    assert result.exit_code == 2
    first, *table = result.stderr.splitlines()
    assert "holds 2 series; choose one with --series" in first
    assert [line.split()[:3] for line in table[1:]] == [["1", "PT", "5"], ["2", "CT", "6"]]
    result = run(*words, "--fixed-series", "pet", "--moving-series", "2", "--json")
    assert result.exit_code == 0, result.stderr
    record = json.loads(result.stdout)
    assert {role: inputs["series"] for role, inputs in record["inputs"].items()} == {
        "fixed": "pet", "moving": "2",
    }  # fmt: skip
    assert record["inputs"]["fixed"]["shape_zyx"] == [5, 5, 7]
    assert record["inputs"]["moving"]["shape_zyx"] == [6, 5, 7]
    result = run(*words, "--series", "CT", "--force", "--json")
    assert json.loads(result.stdout)["inputs"]["fixed"]["series"] == "CT"


def test_another_choice_is_another_run(run, study, tmp_path):
    words = ("register", study, study, "-m", "identity", "-o", tmp_path / "out", "--series", "1")
    assert run(*words).exit_code == 0
    assert run(*words).exit_code == 0
    result = run(*words[:-1], "2")
    assert result.exit_code == 1
    assert "from another run" in result.stderr


def test_resample_takes_a_series_for_each_image(run, study, tmp_path):
    sitk.WriteTransform(sitk.Euler3DTransform(), str(tmp_path / "t.tfm"))
    out = tmp_path / "out.nii.gz"
    words = ("resample", study, "--onto", study, "-t", tmp_path / "t.tfm", "-o", out)
    assert run(*words).exit_code == 2
    result = run(*words, "--fixed-series", "1.2.3.1", "--moving-series", "ct")
    assert result.exit_code == 0, result.stderr
    moving = read_volume(study, series="CT").array
    np.testing.assert_allclose(read_volume(out).array, moving[:5], atol=0.5)


def test_transform_commands_take_a_series(run, study, tmp_path):
    sitk.WriteTransform(sitk.Euler3DTransform(), str(tmp_path / "t.tfm"))
    words = ("transform", "show", tmp_path / "t.tfm", "--fixed", study, "--moving", study)
    assert run(*words).exit_code == 2
    assert run(*words, "--series", "2").exit_code == 0
    out = tmp_path / "inverse.tfm"
    result = run(
        "transform", "invert", tmp_path / "t.tfm", out, "--fixed", study, "--series", "AC"
    )
    assert result.exit_code == 0, result.stderr


def test_frames_and_windows_of_each_image(run, tmp_path):
    pixels = np.random.default_rng(0).integers(0, 900, (16, 5, 7))
    vectors = {
        "EnergyWindowVector": [1] * 8 + [2] * 8,
        "TimeSlotVector": [1, 1, 1, 1, 2, 2, 2, 2] * 2,
    }
    save_dicom(tomogram(pixels, 4.5, NumberOfSlices=4, **vectors), tmp_path / "nm.dcm")
    path = tmp_path / "nm.dcm"
    words = ("register", path, path, "-m", "identity", "-o", tmp_path / "out", "--json")
    result = run(*words, "--window", "2")
    assert result.exit_code == 2
    assert "holds 2 volumes (1: time slot 1" in result.stderr
    result = run(*words, "--window", "2", "--fixed-frame", "1", "--moving-frame", "2")
    assert result.exit_code in (0, 3), result.stderr
    inputs = json.loads(result.stdout)["inputs"]
    assert [inputs[role]["frame"] for role in ("fixed", "moving")] == [1, 2]
    assert inputs["moving"]["window"] == 2
    np.testing.assert_allclose(
        read_volume(tmp_path / "out_warped.nii.gz").array, pixels[12:], atol=0.01
    )


def test_a_choice_that_concerns_no_image_is_wrong_usage(run, pair_files, tmp_path):
    words = ("register", *pair_files, "-m", "identity", "-o", tmp_path / "out")
    result = run(*words, "--series", "2")
    assert result.exit_code == 2
    assert "--series is given, but no image is a folder of DICOM files" in result.stderr
    result = run(*words, "--moving-frame", "2")
    assert result.exit_code == 2
    assert "is NIfTI; --frame can only choose within DICOM" in result.stderr


def test_reorient_takes_a_series(run, study):
    result = run("reorient", study, "-m", "identity")
    assert result.exit_code == 2
    assert "holds 2 series" in result.stderr
