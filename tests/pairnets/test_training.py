"""Trainings that are stopped, killed, shared, and go on as if nothing had happened."""

import csv
import json
import os
import shlex
import signal
import subprocess
import sys
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file

from python_path import SUPPORT, python_path
from regkit.errors import FileFormatError, MissingDependencyError, ParameterError
from regkit.learning.checkpoint import CHECKPOINT_NAME
from regkit.registration.parameters import parse_assignment
from regkit_pairnets.train.task import train_pair_network as train
from regkit_pairnets.train.validation import best_passes
from small_training import job, write_cases

pytestmark = pytest.mark.training


@pytest.fixture(scope="module")
def cases(tmp_path_factory) -> Path:
    return write_cases(tmp_path_factory.mktemp("cases"))


def run(one) -> None:
    list(train(one))


def curve(folder: Path) -> list[tuple[str, ...]]:
    with (folder / "log.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    return [(row["step"], row["loss"], row["dt_mm"], row["dr_deg"]) for row in rows]


def assert_same(one: Path, other: Path) -> None:
    assert curve(one) == curve(other)
    first, second = (load_file(folder / "dvnet.safetensors") for folder in (one, other))
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        np.testing.assert_array_equal(tensor.numpy(), second[name].numpy())


@pytest.fixture(scope="module")
def whole(cases, tmp_path_factory) -> Path:
    """A training without interruption."""
    folder = tmp_path_factory.mktemp("whole")
    run(job(cases, folder))
    return folder


def test_a_training_that_goes_on_is_the_same(cases, whole, tmp_path) -> None:
    """Stopped at step 5, it goes on from the checkpoint at step 4."""
    steps = (p for p in train(job(cases, tmp_path)) if p.stage == "steps")
    list(islice(steps, 5))
    assert not (tmp_path / "dvnet.safetensors").exists()
    run(job(cases, tmp_path, resume=True))
    assert_same(tmp_path, whole)


def test_what_a_training_leaves(whole) -> None:
    there = {path.name for path in whole.iterdir()}
    assert there >= {
        CHECKPOINT_NAME,
        "log.csv",
        "log.json",
        "curve.svg",
        "dvnet.safetensors",
        "dvnet.json",
    }
    assert not [name for name in there if name.startswith(".")]
    modes = {(whole / f"dvnet{suffix}").stat().st_mode for suffix in (".safetensors", ".json")}
    assert len(modes) == 1  # who may read the card may read the weights
    log = json.loads((whole / "log.json").read_text())
    assert log["preset"]["steps"] == 6
    assert [row["step"] for row in log["curve"]] == [1, 2, 3, 4, 5, 6]
    assert log["seconds_per_step"] > 0
    card = json.loads((whole / "dvnet.json").read_text())
    assert card["about"]["command"].startswith("regkit train dvnet --data ")
    assert (card["fixed"]["modalities"], card["moving"]["modalities"]) == (["pet"], ["ct"])
    log_row = log["curve"][-1]
    held_out = card["about"]["scores"]["validation"]
    assert card["passes"] in {1, 2}
    assert held_out["dt_mm"] == log_row["dt_mm_pass1" if card["passes"] == 1 else "dt_mm"]
    assert (whole / "curve.svg").read_text().count("<polyline") == 3


def test_weights_look_as_often_as_serves_whole_and_cut_images() -> None:
    one = {"dt_mm": 15.0, "dr_deg": 5.0}
    first, second = (
        {"dt_mm": 3.0, "dt_mm_partial_coverage": 4.0},
        {"dt_mm": 1.0, "dt_mm_partial_coverage": 3.0},
    )
    third = {"dt_mm": 0.5, "dt_mm_partial_coverage": 4.0, "dr_deg": 9.0}
    assert best_passes([first, second, third], one) == 2
    assert best_passes([{"dt_mm": 3.0, "dr_deg": 1.0}], one) == 1
    # Half a degree more counts as much as 1.5 mm more.
    turned, shifted = {"dt_mm": 1.0, "dr_deg": 1.0}, {"dt_mm": 2.4, "dr_deg": 0.5}
    assert best_passes([turned, shifted], one) == 2


def test_a_folder_with_a_training_is_not_overwritten(cases, whole) -> None:
    with pytest.raises(ParameterError, match="holds a training already; add --resume"):
        run(job(cases, whole))


def test_another_training_does_not_go_on(cases, whole) -> None:
    with pytest.raises(
        ParameterError, match=r"another training \(learning_rate 0.002, not 0.01\)"
    ):
        run(job(cases, whole, resume=True, learning_rate=0.01))


def test_a_training_goes_on_with_what_it_began(cases, whole, tmp_path) -> None:
    """Neither with other weights to begin from, nor with other data, nor as another method."""
    weights = str(whole / "dvnet.safetensors")
    with pytest.raises(ParameterError, match=r"another training \(other weights to begin from"):
        run(job(cases, whole, resume=True, start=weights))
    other = write_cases(tmp_path / "other")
    with pytest.raises(ParameterError, match=r"another training \(data .*cases.*, not .*other"):
        run(job(other, whole, resume=True))
    with pytest.raises(ParameterError, match="method dvnet, not msreg"):
        run(job(cases, whole, "msreg", resume=True))
    run(job(cases, tmp_path / "begun", steps=2, start=weights))
    with pytest.raises(ParameterError, match="other weights to begin from"):
        run(job(cases, tmp_path / "begun", steps=2, resume=True))


def test_the_command_can_be_pasted(cases, whole) -> None:
    words = shlex.split(json.loads((whole / "log.json").read_text())["command"])
    assert words[:5] == ["regkit", "train", "dvnet", "--data", str(cases)]
    assert "shape_zyx=[8, 8, 8]" in words
    assert parse_assignment("shape_zyx=[8, 8, 8]") == ("shape_zyx", [8, 8, 8])


@pytest.mark.parametrize(
    ("choice", "says"),
    [
        (
            {"axial_coverage": (2.0, 3.0)},
            "axial_coverage takes two numbers that rise, from 0.01 to 1, got 2, 3",
        ),
        ({"axial_coverage": (0.9, 0.2)}, "axial_coverage takes two numbers that rise"),
        ({"augment_scale": (-1.0, 1.0)}, "augment_scale takes two numbers that rise"),
        ({"augment_gamma": (0.0, 1.0)}, "augment_gamma takes two numbers that rise"),
        ({"mean_displacement_mm": (5.0, 1.0)}, "mean_displacement_mm takes two numbers that rise"),
        ({"spacing": (0.0, 1.0, 1.0)}, "spacing takes numbers from 0.001 to 1000, got 0, 1, 1"),
        ({"rotation_deg": (400.0, 1.0, 1.0)}, "rotation_deg takes numbers from 0 to 90"),
        ({"translation_mm": (float("nan"), 0.0, 0.0)}, "translation_mm takes numbers from 0"),
        ({"augment_shift_mm": float("nan")}, "augment_shift_mm must be from 0 to 1000, got nan"),
        ({"unit_mm": -15.0}, "unit_mm must be from 0"),
        ({"betas": (2.0, 3.0)}, "betas takes numbers from 0 to 1"),
        ({"weight_decay": -1.0}, "weight_decay must be from 0"),
        ({"decay_steps": 0}, "decay_steps must be from 1"),
        ({"warmup": -5}, "warmup must be from 0"),
        ({"grad_clip_norm": -1.0}, "grad_clip_norm must be from 0"),
    ],
)
def test_choices_out_of_range_are_refused_before_anything_is_made(
    cases, tmp_path, choice, says
) -> None:
    with pytest.raises(ParameterError, match=says):
        run(job(cases, tmp_path / "new", **choice))
    assert not (tmp_path / "new").exists()


def test_a_damaged_checkpoint_is_named(cases, tmp_path) -> None:
    (tmp_path / CHECKPOINT_NAME).write_bytes(b"\0" * 100)
    with pytest.raises(FileFormatError, match="is no checkpoint of this training"):
        run(job(cases, tmp_path, resume=True))


def test_unknown_choices(cases, tmp_path) -> None:
    with pytest.raises(ParameterError, match="no preset is called 'slow'"):
        run(job(cases, tmp_path, preset="slow"))
    with pytest.raises(ParameterError, match="has no parameter 'sped'"):
        run(job(cases, tmp_path, sped=1))
    with pytest.raises(ParameterError, match="has no contrastive pre-training"):
        run(job(cases, tmp_path, contrastive_steps=1))


@pytest.mark.parametrize("method", ["attention-reg", "dusfe", "densenet-nonlocal", "msreg"])
def test_every_network_learns_its_way(cases, tmp_path, method) -> None:
    shape = {"shape_zyx": (16, 16, 16), "spacing": (20.0, 20.0, 20.0), "width": 0.0625}
    extra = {"contrastive_steps": 1} if method == "attention-reg" else {}
    run(job(cases, tmp_path, method, steps=2, **shape, **extra))
    state = load_file(tmp_path / f"{method}.safetensors")
    assert all(np.isfinite(tensor.numpy()).all() for tensor in state.values())


def test_a_training_begins_from_weights(cases, whole, tmp_path) -> None:
    """At so small a rate it ends where it began; and it says where that was."""
    first = whole / "dvnet.safetensors"
    run(job(cases, tmp_path, steps=1, start=str(first), learning_rate=1e-9))
    began, ended = (load_file(folder / "dvnet.safetensors") for folder in (whole, tmp_path))
    for name, tensor in began.items():
        np.testing.assert_allclose(ended[name].numpy(), tensor.numpy(), atol=1e-6)
    about = json.loads((tmp_path / "dvnet.json").read_text())["about"]
    origin = json.loads((whole / "dvnet.json").read_text())
    assert about["start"] == {
        "sha256": origin["sha256"],
        "command": origin["about"]["command"],
    }
    assert f"--start {first}" in about["command"]


def test_weights_to_begin_from_that_cannot_be(cases, whole, tmp_path) -> None:
    with pytest.raises(FileFormatError, match=r"there are no weights nowhere\.safetensors"):
        run(job(cases, tmp_path / "a", start="nowhere.safetensors"))
    with pytest.raises(
        FileFormatError, match=r"cannot initialize this training: switches .*0.0625.*0.125"
    ):
        run(job(cases, tmp_path / "b", start=str(whole / "dvnet.safetensors"), width=0.125))
    with pytest.raises(MissingDependencyError, match="weights missing"):
        run(job(cases, tmp_path / "c", start="nothing"))
    damaged = tmp_path / "dvnet.safetensors"
    damaged.write_bytes(b"changed")
    (tmp_path / "dvnet.json").write_text((whole / "dvnet.json").read_text())
    with pytest.raises(FileFormatError, match="not those of their card"):
        run(job(cases, tmp_path / "d", start=str(damaged)))
    assert not any((tmp_path / name / "cache").exists() for name in "acd")


KILLED = """
import os, signal, sys
from pathlib import Path
from small_training import job
from regkit.learning import checkpoint
from regkit_pairnets.train.task import train_pair_network as train

data, folder, moment = sys.argv[1:]
fsync = os.fsync

def dies(handle):
    # The whole is written but not yet in its place, or only half of it is.
    if (Path(folder) / checkpoint.CHECKPOINT_NAME).exists():
        if moment == "half":
            os.ftruncate(handle, os.fstat(handle).st_size // 2)
        os.kill(os.getpid(), signal.SIGKILL)
    fsync(handle)

os.fsync = dies
list(train(job(Path(data), Path(folder))))
"""


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["half", "whole"])
def test_killed_while_writing_the_old_checkpoint_stays(cases, whole, tmp_path, moment) -> None:
    environment = {**os.environ, "PYTHONPATH": python_path(SUPPORT)}
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(cases), str(tmp_path), moment],
        env=environment,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert (tmp_path / f".{CHECKPOINT_NAME}.partial").exists()
    run(job(cases, tmp_path, resume=True))
    assert_same(tmp_path, whole)
    assert not (tmp_path / f".{CHECKPOINT_NAME}.partial").exists()


SHARED = """
import sys
from pathlib import Path
import torch
from small_training import job
from regkit_pairnets.train.task import train_pair_network as train

torch.set_num_threads(1)
list(train(job(Path(sys.argv[1]), Path(sys.argv[2]))))
"""


@pytest.mark.slow
def test_two_processes_follow_the_curve_of_one(cases, whole, tmp_path) -> None:
    """Each takes half of every batch; together they learn as one process does from all of it."""
    base = {**os.environ, "PYTHONPATH": python_path(SUPPORT), "WORLD_SIZE": "2"}
    base |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29671"}
    command = [sys.executable, "-c", SHARED, str(cases), str(tmp_path)]
    both = [subprocess.Popen(command, env=base | {"RANK": str(rank)}) for rank in (0, 1)]
    assert [process.wait(timeout=120) for process in both] == [0, 0]
    losses = [np.array([float(row[1]) for row in curve(f)]) for f in (tmp_path, whole)]
    np.testing.assert_allclose(*losses, rtol=1e-4)
