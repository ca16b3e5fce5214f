"""The example of a learned method from another package: trained, resumed, registered, checked."""

import csv
import json
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from regkit import Grid, read_volume, register
from regkit.cli import app
from regkit.learning.training_job import TrainingJob
from regkit.registry import default_registry
from regkit.testing import method_tests
from small_training import write_cases

PACKAGE = Path(__file__).parents[1] / "examples" / "learned_package"

test_tiny_regressor = pytest.mark.conformance(method_tests("tiny-regressor"))


CHANGES = {"batch_size": 4, "warmup": 2, "log_every": 10, "checkpoint_every": 10}


def train(data: Path, folder: Path, *options: str) -> None:
    changes = [word for key, value in CHANGES.items() for word in ("--set", f"{key}={value}")]
    where = ["--data", str(data), "-o", str(folder), "--threads", "1", "--steps", "120"]
    words = ["train", "tiny-regressor", *where, *changes, *options]
    done = CliRunner().invoke(app, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output


def losses(folder: Path) -> list[float]:
    with (folder / "log.csv").open(encoding="utf-8") as stream:
        return [float(row["loss"]) for row in csv.DictReader(stream)]


@pytest.fixture(scope="module")
def cases(tmp_path_factory) -> Path:
    return write_cases(tmp_path_factory.mktemp("phantoms"))


@pytest.fixture(scope="module")
def trained(cases: Path, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    train(cases, folder)
    return folder


def test_it_is_offered_by_its_own_distribution() -> None:
    found = default_registry().method("tiny-regressor")
    assert (found.owner.distribution, found.owner.name) == ("regkit-tiny-regressor", "tiny")
    assert "SPECT" in found.spec.summary


def test_without_weights_it_says_how_to_get_them(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("REGKIT_WEIGHTS", str(tmp_path))
    listed = json.loads(CliRunner().invoke(app, ["methods", "--json"]).stdout)
    row = json.dumps(next(m for m in listed if m["name"] == "tiny-regressor"))
    assert "regkit train tiny-regressor" in row


def test_it_has_at_most_200_lines() -> None:
    """As its README says: Python and TOML, tests included, without blank lines."""
    files = [path for suffix in ("py", "toml") for path in PACKAGE.rglob(f"*.{suffix}")]
    lines = [line for path in files for line in path.read_text("utf-8").splitlines()]
    assert 100 < sum(bool(line.strip()) for line in lines) <= 200


@pytest.mark.training
def test_training_lowers_the_loss(trained: Path) -> None:
    found = losses(trained)
    assert len(found) == 12
    assert np.mean(found[-4:]) < 0.6 * np.mean(found[:4])


@pytest.mark.training
def test_the_card_describes_network_and_images(trained: Path) -> None:
    card = json.loads((trained / "tiny-regressor.json").read_text("utf-8"))
    assert (card["method"], card["switches"]) == ("tiny-regressor", {"width": 8})
    assert (card["fixed"]["modalities"], card["moving"]["modalities"]) == (["pet"], ["ct"])
    assert card["about"]["steps"] == 120


@pytest.mark.training
def test_a_resumed_training_goes_on(cases: Path, trained: Path, tmp_path: Path) -> None:
    """Stopped at step 12, it goes on from the checkpoint at step 10 along the same curve."""
    trainer = default_registry().method("tiny-regressor").load_trainer()
    job = TrainingJob(
        "tiny-regressor", str(cases), tmp_path, default_registry(), steps=120, changes=CHANGES
    )
    steps = (p for p in trainer(job) if p.stage == "steps")
    assert [p.done for p in islice(steps, 12)][-1] == 12
    train(cases, tmp_path, "--resume")
    assert losses(tmp_path) == pytest.approx(losses(trained), rel=1e-4)


@pytest.mark.training
def test_its_weights_register(cases: Path, trained: Path) -> None:
    fixed = read_volume(cases / "0-pet.nii.gz", modality="pet")
    moving = read_volume(cases / "0-ct.nii.gz", modality="ct")
    weights = str(trained / "tiny-regressor.safetensors")
    one, again = (
        register(fixed, moving, "tiny-regressor", weights=weights, passes=2) for _ in range(2)
    )
    assert one.transform.is_rigid
    assert len(one.estimate.diagnostics["pass_displacement_mm"]) == 2
    np.testing.assert_array_equal(one.transform.matrix, again.transform.matrix)


@pytest.mark.training
def test_the_guard_warns_of_other_images(cases: Path, trained: Path) -> None:
    ct = read_volume(cases / "0-ct.nii.gz", modality="ct")
    weights = str(trained / "tiny-regressor.safetensors")
    result = register(ct, ct, "tiny-regressor", weights=weights)
    warnings = " ".join(result.estimate.diagnostics["warnings"])
    assert "the fixed image is ct, and tiny-regressor was trained on pet" in warnings
    assert "the moving image is ct" not in warnings


@pytest.mark.training
def test_a_patient_moved_with_both_images_gets_the_same_motion(cases: Path, trained: Path) -> None:
    """The network's grid follows the fixed image, wherever its scanner puts the origin."""
    weights = str(trained / "tiny-regressor.safetensors")
    images = [read_volume(cases / f"1-{name}.nii.gz", modality=name) for name in ("pet", "ct")]
    shift = np.array([40.0, -25.0, 300.0])
    moved = [
        image.with_array(
            image.array,
            Grid(image.grid.shape_zyx, image.grid.spacing, shift + image.grid.origin),
        )
        for image in images
    ]
    here, there = (
        register(*pair, "tiny-regressor", weights=weights).transform for pair in (images, moved)
    )
    points = images[0].grid.corners()
    mapped = there.map_points(points + shift) - shift
    np.testing.assert_allclose(mapped, here.map_points(points), atol=0.01)
