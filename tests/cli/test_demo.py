"""The demo does what it says, and says what is true."""

import json
import shlex
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from regkit.cli.demo import EULER_DEG, TRANSLATION_MM, simulated_pair
from regkit.io import read_volume

pytestmark = pytest.mark.end_to_end


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("with space [and] brackets")


@pytest.fixture(scope="module")
def output(folder: Path) -> str:
    from typer.testing import CliRunner

    from regkit.cli import app

    result = CliRunner().invoke(app, ["demo", "-o", str(folder)])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_it_finds_the_known_motion(folder: Path, output: str) -> None:
    """The error printed is that of ITK with the two files written."""
    truth, found = (
        sitk.ReadTransform(str(folder / f"{name}.tfm")) for name in ("truth", "registration")
    )
    points = np.random.default_rng(0).uniform(-80, 80, (200, 3)).tolist()
    miss = np.subtract(*([t.TransformPoint(p) for p in points] for t in (found, truth)))
    assert np.linalg.norm(miss, axis=1).mean() < 2
    assert "Verdict OK" in output
    before, after = (float(word.split()[-1]) for word in _row(output, "Error").split(" mm")[:2])
    assert before == pytest.approx(25, abs=6)
    assert after == pytest.approx(np.linalg.norm(miss, axis=1).mean(), abs=0.5)


def test_everything_it_promises_is_there(folder: Path, output: str) -> None:
    for name in ("pet.nii.gz", "ct.nii.gz", "truth.tfm"):
        assert (folder / name).is_file()
    for name in _row(output, "Files").split(", "):
        assert Path(name).stat().st_size > 0
    record = json.loads((folder / "registration.json").read_text(encoding="utf-8"))
    assert record["verdict"]["status"] == "OK"
    assert {v["modality"] for v in record["inputs"].values()} == {"pet", "ct"}


def test_the_command_it_prints_does_the_same(folder: Path, output: str, run) -> None:
    words = shlex.split(_row(output, "Command"))
    assert words[:2] == ["regkit", "register"]
    file = folder / "registration.tfm"
    first = sitk.ReadTransform(str(file)).GetParameters()
    file.unlink()
    assert run(*words[1:]).exit_code == 0
    # Sums over several threads differ in their last digits.
    assert sitk.ReadTransform(str(file)).GetParameters() == pytest.approx(first, abs=1e-3)


def test_the_pair_is_what_the_truth_says() -> None:
    """Undoing the motion by hand brings the lesion's hot spot to the lesion's place."""
    pair, truth = simulated_pair()
    lesion = np.array([-70.0, 20.0, 62.0])
    index = np.rint(pair.fixed.grid.to_index(lesion)).astype(int)
    assert pair.fixed.array[tuple(index)] > 4
    index = np.rint(pair.moving.grid.to_index(truth.map_points(lesion))).astype(int)
    assert pair.moving.array[tuple(index)] == pytest.approx(30, abs=120)
    euler = sitk.Euler3DTransform((0, 0, 0), *np.deg2rad(EULER_DEG).tolist(), TRANSLATION_MM)
    euler.SetComputeZYX(True)
    np.testing.assert_allclose(
        truth.map_points(lesion), euler.TransformPoint(lesion.tolist()), atol=1e-9
    )


def test_an_unknown_method_writes_nothing(tmp_path: Path, run) -> None:
    result = run("demo", "-o", tmp_path / "new", "-m", "moment")
    assert result.exit_code == 1
    assert "moments" in result.stderr
    assert not (tmp_path / "new").exists()


def test_the_images_are_read_back_as_painted(folder: Path, output: str) -> None:
    pair, _ = simulated_pair()
    read = read_volume(folder / "pet.nii.gz")
    np.testing.assert_array_equal(read.array, pair.fixed.array)
    assert read.grid.matches(pair.fixed.grid)


def _row(output: str, name: str) -> str:
    (row,) = [line.strip() for line in output.splitlines() if line.strip().startswith(name)]
    return row.removeprefix(name).strip()
