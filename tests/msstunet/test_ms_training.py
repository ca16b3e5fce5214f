"""Trainings of seconds, that stop and go on as if nothing had happened."""

import csv
import json
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file

from lv_phantom import NUMBERS, Phantom, pose_on, upright
from regkit.datasets.folder import write_dataset
from regkit.errors import FileFormatError, ParameterError, UnknownNameError
from regkit.io import write_volume
from regkit.io.transforms import write_transform
from regkit.learning.training_cases import open_case_caches
from regkit.learning.training_job import TrainingJob
from regkit.registrar import Pair
from regkit.registry import default_registry
from regkit_msstunet.registrar import LearnedReorientation
from regkit_msstunet.train import task
from regkit_msstunet.train.config import ReorientationConfig
from regkit_msstunet.train.task import train_reorienter as train
from reorienters import NETWORKS

pytestmark = pytest.mark.training

TINY = {
    "grid_size": 32,
    "space_to_depth": 2,
    "spacing_mm": 10.2,
    "width": 0.0625,
    "localizer_width": 0.0625,
    "log_every": 1,
    "checkpoint_every": 2,
    "validate_every": 2,
    "warmup": 0,
}


@pytest.fixture(scope="module")
def cases(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("cases")
    rng = np.random.default_rng(3)
    entries = []
    for number in range(4):
        grid = upright(32, 10.5)
        numbers = np.add(NUMBERS, rng.uniform(-0.1, 0.1, 6))
        phantom = Phantom(grid, pose_on(grid, numbers), "pet" if number % 2 else "spect")
        case = phantom.case()
        write_volume(case.pair.fixed, folder / f"{number}-sa.nii.gz")
        write_volume(phantom.image, folder / f"{number}.nii.gz")
        write_volume(phantom.labels, folder / f"{number}-labels.nii.gz")
        write_transform(case.truth, folder / f"{number}.tfm")
        entries.append(
            {
                "id": f"p{number}",
                "fixed": f"{number}-sa.nii.gz",
                "moving": f"{number}.nii.gz",
                "moving_modality": phantom.modality,
                "truth": f"{number}.tfm",
                "moving_labels": f"{number}-labels.nii.gz",
            }
        )
    write_dataset(folder, "ventricles", entries)
    return folder


def job(data: object, folder: Path, steps=4, resume=False, **changes) -> TrainingJob:
    return TrainingJob(
        "ms-st-unet", str(data), folder, default_registry(), "fast", resume, steps,
        changes=TINY | changes,
    )  # fmt: skip


def run(one) -> None:
    list(train(one))


def curve(folder: Path) -> list[tuple[str, ...]]:
    with (folder / "log.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    return [(row["step"], row["loss"], row["my_dice"], row["rot_mse"]) for row in rows]


@pytest.fixture(scope="module")
def whole(cases, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    run(job(cases, folder))
    return folder


def test_a_training_that_stopped_goes_on_along_the_same_curve(cases, whole, tmp_path) -> None:
    steps = (p for p in train(job(cases, tmp_path)) if p.stage == "steps")
    list(islice(steps, 3))
    run(job(cases, tmp_path, resume=True))
    assert curve(tmp_path) == curve(whole)
    one, other = (load_file(f / "ms-st-unet.safetensors") for f in (tmp_path, whole))
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        np.testing.assert_array_equal(tensor.numpy(), other[name].numpy())


def test_what_a_training_leaves_reorients(cases, whole) -> None:
    card = json.loads((whole / "ms-st-unet.json").read_text())
    assert card["network"] == "ms-st-unet"
    assert card["moving"]["modalities"] == ["pet", "spect"]
    assert card["about"]["cases"] == 3
    assert set(card["about"]["scores"]["validation"]) == {
        "my_dice", "bp_dice", "rot_mse", "dt_mm", "rot_mse_pass1", "dt_mm_pass1"
    }  # fmt: skip
    low, high = card["moving"]["ranges"]["myocardium_ml"]
    assert 80 < low <= high < 140  # the phantom's wall
    np.testing.assert_allclose(card["mean_pose"], NUMBERS, atol=0.11)
    phantom = Phantom(upright(32, 10.5), pose_on(upright(32, 10.5)))
    weights = str(whole / "ms-st-unet.safetensors")
    found = LearnedReorientation(weights).register(Pair(phantom.image, phantom.image))
    turn = found.transform.matrix[:3, :3]
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-9)
    assert set(np.unique(found.labels.array)) <= {0, 1, 2}


@pytest.mark.parametrize("network", [n for n in NETWORKS if n != "ms-st-unet"])
def test_every_network_is_trained_alike(cases, tmp_path, network) -> None:
    run(job(cases, tmp_path, steps=1, network=network, space_to_depth=1))
    state = load_file(tmp_path / "ms-st-unet.safetensors")
    assert all(np.isfinite(tensor.numpy()).all() for tensor in state.values())


@pytest.mark.slow
def test_the_loss_falls(cases, tmp_path) -> None:
    still = {
        "native_pose_prob": 1.0,
        "mean_pose_prob": 0.0,
        "jitter_deg": 0.0,
        "jitter_mm": 0.0,
        "teacher_forcing_prob": 1.0,
    }
    size = {
        "width": 0.25,
        "localizer_width": 0.0625,
        "batch_size": 2,
        "segmentation_batch_size": 2,
    }
    run(
        job(
            cases,
            tmp_path,
            70,
            learning_rate=3e-3,
            ema_decay=0.0,
            validate_every=70,
            **still,
            **size,
        )
    )
    losses = [float(row[1]) for row in curve(tmp_path)]
    assert np.mean(losses[-10:]) < 0.9 * np.mean(losses[:10])


def test_some_of_a_batch_are_segmented_and_all_are_posed(cases, tmp_path) -> None:
    seen = []
    learns = task.ReorientationTask.loss

    def watched(self, batch, step):
        seen.append((len(batch.volume), len(batch.numbers), [len(x) for x in batch.labels]))
        return learns(self, batch, step)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(task.ReorientationTask, "loss", watched)
        run(job(cases, tmp_path, steps=1, batch_size=3, segmentation_batch_size=1))
    assert seen == [(3, 3, [1, 1, 1])]


def test_all_that_a_localiser_thinks_of_is_taught(cases, tmp_path) -> None:
    """The mark of the place learns too, though later looks say the pose."""
    how = {
        "localizer": "zooming",
        "pose_loss": "point_distance",
        "threshold_weight": 0.0,
        "teacher_forcing_prob": 1.0,
    }
    start, end = (tmp_path / name for name in ("start", "end"))
    for folder, steps in ((start, 1), (end, 3)):
        run(job(cases, folder, steps=steps, ema_decay=0.0, **how))
    states = [load_file(folder / "ms-st-unet.safetensors") for folder in (start, end)]
    for name in ("localiser.mark.weight", "localiser.encoder.0.0.weight"):
        before, after = (state[name].numpy() for state in states)
        assert not np.array_equal(before, after), name


def test_a_localiser_may_be_kept_for_another_segmenter(cases, whole, tmp_path) -> None:
    start = whole / "ms-st-unet.safetensors"
    still = {"learning_rate": 1e-12, "warmup": 0, "ema_decay": 0.0, "start_with": "localizer"}
    one = job(cases, tmp_path, steps=1, width=0.125, **still)
    run(replace(one, start=str(start)))
    before, after = (load_file(f / "ms-st-unet.safetensors") for f in (whole, tmp_path))
    wide = [len(state["segmenter.encoders.0.0.weight"]) for state in (before, after)]
    assert wide == [1, 2]
    kept = [name for name in before if name.startswith("localiser.")]
    assert kept
    for name in kept:
        np.testing.assert_allclose(after[name].numpy(), before[name].numpy(), atol=1e-9)


@pytest.mark.parametrize(
    ("network", "started", "says"),
    [
        ("seg2", True, "keeps a localizer, and seg2 has none; choose another network"),
        ("ms-st-unet", False, "add --start NAME|FILE"),
    ],
)
def test_a_localiser_that_nobody_has_is_not_kept(whole, tmp_path, network, started, says) -> None:
    start = str(whole / "ms-st-unet.safetensors") if started else ""
    one = job("lv-pet", tmp_path, steps=1, network=network, start_with="localizer")
    with pytest.raises(ParameterError, match=says):
        train(replace(one, start=start))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"network": "rot1-seg1"}, "holds no localiser like this network's"),
        ({"spacing_mm": 9.0}, "spacing_mm 10.2 on its card, 9.0 in this training"),
    ],
)
def test_weights_that_see_otherwise_are_no_start(cases, whole, tmp_path, changes, says) -> None:
    one = job(cases, tmp_path, steps=1, start_with="localizer", **changes)
    with pytest.raises(FileFormatError, match=says):
        run(replace(one, start=str(whole / "ms-st-unet.safetensors")))


def test_outputs_that_are_not_used_may_be_left_untaught(cases, tmp_path) -> None:
    start, end = (tmp_path / name for name in ("start", "end"))
    for folder, steps in ((start, 1), (end, 2)):
        run(job(cases, folder, steps=steps, ema_decay=0.0, deep_supervision=False, label_fov=0.7))
    states = [load_file(folder / "ms-st-unet.safetensors") for folder in (start, end)]
    same = {
        name: np.array_equal(*(state[f"segmenter.outputs.{name}.weight"] for state in states))
        for name in (0, 1, 2)
    }
    assert same == {0: True, 1: False, 2: False}


def test_datasets_can_be_learnt_together(cases, tmp_path) -> None:
    run(job(f"{cases},{cases}", tmp_path, steps=1))
    card = json.loads((tmp_path / "ms-st-unet.json").read_text())
    assert card["about"]["cases"] == 6


def test_another_training_does_not_go_on(cases, whole) -> None:
    with pytest.raises(ParameterError, match="holds a training already; add --resume"):
        run(job(cases, whole))
    with pytest.raises(
        ParameterError, match=r"another training \(teacher_forcing_prob 0.8, not 0.25\)"
    ):
        run(job(cases, whole, resume=True, teacher_forcing_prob=0.25))


def test_a_damaged_pool_is_named(cases, tmp_path) -> None:
    run(job(cases, tmp_path, steps=1))
    damaged = next((tmp_path / "cache").glob("*/train/000000.safetensors"))
    damaged.write_bytes(b"nothing")
    with pytest.raises(FileFormatError, match="is damaged; delete it"):
        run(job(cases, tmp_path, steps=1, resume=True))


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"network": "w-net"}, UnknownNameError, "no network is called 'w-net'"),
        ({"grid_size": 40}, ParameterError, "a multiple of 32 voxels a side, got 40"),
        (
            {"teacher_forcing_prob": 2.0},
            ParameterError,
            "teacher_forcing_prob must be from 0 to 1, got 2",
        ),
        ({"widht": 1.0}, ParameterError, "has no parameter 'widht'"),
    ],
)
def test_choices_that_cannot_be(cases, tmp_path, changes, error, says) -> None:
    with pytest.raises(error, match=says):
        run(job(cases, tmp_path, **changes))


def test_a_dataset_that_is_none(tmp_path) -> None:
    with pytest.raises(UnknownNameError, match="no dataset is called 'lv-mr'"):
        run(job("lv-mr", tmp_path))


def opened(config: ReorientationConfig, folder: Path):
    """Return the caches to train on and to validate with of both datasets."""
    caches = open_case_caches(job("both", folder), task.ReorientationTask, config, {})
    return caches.train, caches.validation


def test_both_is_pet_and_spect(tmp_path) -> None:
    pools = opened(ReorientationConfig(cases=3, validation_cases=2), tmp_path)
    assert [[(p.dataset.name, len(p.dataset)) for p in some] for some in pools] == [
        [("lv-spect", 3), ("lv-pet", 3)],
        [("lv-spect", 2), ("lv-pet", 2)],
    ]
    folders = {pool.folder for some in pools for pool in some}
    assert len(folders) == 4
    other = opened(ReorientationConfig(intensity_gamma=0.7), tmp_path)
    assert not folders & {pool.folder for some in other for pool in some}
