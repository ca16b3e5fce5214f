"""The training loop around a toy task: resumed, distributed, refused, exported, used."""

import csv
import json
import os
import subprocess
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from python_path import SUPPORT, python_path
from regkit.errors import FileFormatError, ParameterError
from regkit.learning import DistributedContext, load_model
from regkit.learning.checkpoint import CHECKPOINT_NAME
from regkit.learning.optimizer import update_ema
from regkit.learning.training_job import TrainingJob
from regkit.learning.training_state import Training
from regkit.registrar import Pair
from regkit.registry import default_registry
from regkit.weights import Weights
from small_training import write_cases
from toy_method import ToyCard, ToyConfig, ToyMethod, ToyTask, ball, train_toy

PRESET = """
steps = 60
batch_size = 4
learning_rate = 0.05
log_every = 10
checkpoint_every = 10
validate_every = 30
passes = 2

[toy]
ema_decay = 0.9
optimizer = "adamw"
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory) -> Path:
    """The folder of a package with the toy's preset."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "toy_package" / "presets").mkdir(parents=True)
    (folder / "toy_package" / "__init__.py").write_text("")
    (folder / "toy_package" / "presets" / "fast.toml").write_text(PRESET)
    sys.path.insert(0, str(folder))
    yield folder
    sys.path.remove(str(folder))


@pytest.fixture(scope="module")
def cases(tmp_path_factory) -> Path:
    return write_cases(tmp_path_factory.mktemp("toy-cases"), count=2)


def job(data: Path, folder: Path, **changes) -> TrainingJob:
    own = {k: changes.pop(k) for k in ("resume", "steps") if k in changes}
    return TrainingJob("toy", str(data), folder, default_registry(), **own, changes=changes)


@pytest.fixture(scope="module")
def whole(package, cases, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("toy")
    list(train_toy(job(cases, folder)))
    return folder


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "log.csv").open() as stream:
        return list(csv.DictReader(stream))


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "toy.safetensors")


def assert_weights_agree(one: Path, other: Path, tolerance: float) -> None:
    first, second = weights_of(one), weights_of(other)
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        np.testing.assert_allclose(tensor.numpy(), second[name].numpy(), atol=tolerance)


def test_a_training_teaches(whole) -> None:
    losses = [float(row["loss"]) for row in rows(whole)]
    assert losses[-1] < 0.3 * losses[0]
    card = ToyCard.from_json(json.loads((whole / "toy.json").read_text()), "toy.json")
    assert card.about["cases"] == 1
    assert card.about["scores"]["validation"]["shift_mm"] < 10.0
    assert card.about["command"].startswith("regkit train toy --data ")


def test_a_resumed_training_gives_the_same_weights(cases, whole, tmp_path) -> None:
    """Stopped at step 25, it goes on from the checkpoint at step 20."""
    steps = (p for p in train_toy(job(cases, tmp_path)) if p.stage == "steps")
    assert [p.done for p in islice(steps, 25)][-1] == 25
    # In the same process, where the one that was given up still has the folder.
    list(train_toy(job(cases, tmp_path, resume=True)))
    steps.close()
    assert_weights_agree(tmp_path, whole, 1e-7)
    columns = ("step", "loss", "learning_rate", "shift_mm")
    one, other = ([[row[c] for c in columns] for row in rows(f)] for f in (tmp_path, whole))
    assert one == other


RANK = """
import sys
from pathlib import Path
import torch
from regkit.registry import default_registry
from regkit.learning.training_job import TrainingJob
from toy_method import train_toy

torch.set_num_threads(1)
data, folder = sys.argv[1:]
list(train_toy(TrainingJob("toy", data, Path(folder), default_registry(), steps=20)))
"""


@pytest.mark.slow
def test_two_processes_train_as_one_does_with_the_whole_batch(package, cases, tmp_path) -> None:
    """Each has two cases of a step, and the gradients are averaged: as one with all four."""
    list(train_toy(job(cases, tmp_path / "one", steps=20)))
    base = {**os.environ, "PYTHONPATH": python_path(SUPPORT, package), "WORLD_SIZE": "2"}
    base |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29683"}
    command = [sys.executable, "-c", RANK, str(cases), str(tmp_path / "two")]
    both = [subprocess.Popen(command, env=base | {"RANK": str(rank)}) for rank in (0, 1)]
    assert [process.wait(timeout=120) for process in both] == [0, 0]
    assert_weights_agree(tmp_path / "one", tmp_path / "two", 1e-5)


def test_a_batch_that_cannot_be_divided_is_refused(cases) -> None:
    task = ToyTask("toy", ToyConfig(batch_size=3), [], [], torch.device("cpu"))
    with pytest.raises(ParameterError, match="2 processes cannot share a batch of 3"):
        Training(task, DistributedContext(0, 2))


def test_the_average_of_the_weights_moves_slowly() -> None:
    ema, network = torch.nn.Linear(1, 1), torch.nn.Linear(1, 1)
    before = ema.weight.item()
    update_ema(ema, network, 0.9, 1000)
    assert ema.weight.item() == pytest.approx(0.9 * before + 0.1 * network.weight.item())


@pytest.mark.parametrize(
    ("old", "new"), [("batch", "batch_size"), ("rate", "learning_rate"), ("average", "ema_decay")]
)
def test_an_old_key_of_a_preset_is_refused_with_its_new_name(cases, tmp_path, old, new) -> None:
    with pytest.raises(ParameterError, match=f"preset fast: '{old}' is called '{new}' now"):
        train_toy(job(cases, tmp_path, **{old: 1}))
    assert not list(tmp_path.iterdir())


def test_a_checkpoint_of_an_older_version_is_refused(cases, whole) -> None:
    task = ToyTask("toy", ToyConfig(), [], [], torch.device("cpu"))
    older = {"batch" if k == "batch_size" else k: v for k, v in task.config.to_json().items()}
    (words,) = task.config.differences(older)
    assert words == "'batch' is called 'batch_size' now: it was written by an older version"


def test_initial_weights_must_be_of_the_same_network(whole, tmp_path) -> None:
    task = ToyTask("toy", ToyConfig(), [], [], torch.device("cpu"))
    file = whole / "toy.safetensors"
    task.start_from(Weights(file, "file"))
    for name, tensor in task.network.state_dict().items():
        np.testing.assert_array_equal(tensor.numpy(), weights_of(whole)[name].numpy())
    copy = tmp_path / "toy.safetensors"
    copy.write_bytes(file.read_bytes())
    card = json.loads((whole / "toy.json").read_text()) | {"switches": {"bias": False}}
    copy.with_suffix(".json").write_text(json.dumps(card))
    with pytest.raises(FileFormatError, match="cannot initialize this training: switches"):
        task.start_from(Weights(copy, "file"))


def test_a_damaged_checkpoint_is_named(cases, package, tmp_path) -> None:
    (tmp_path / CHECKPOINT_NAME).write_bytes(b"\0" * 64)
    with pytest.raises(FileFormatError, match="is no checkpoint of this training"):
        list(train_toy(job(cases, tmp_path, resume=True)))


def test_a_trained_method_registers(whole, monkeypatch) -> None:
    """What was trained finds shifts of balls, better with a second pass than without any."""
    monkeypatch.setenv("REGKIT_WEIGHTS", str(whole))
    pair = Pair(ball(0.0), ball(12.0))
    found = ToyMethod().register(pair)
    shift = found.transform.map_points((0.0, 0.0, 0.0))
    assert abs(shift[0] - 12.0) < 6.0
    assert list(shift[1:]) == [0.0, 0.0]
    assert len(found.diagnostics["pass_displacement_mm"]) == 2
    assert found.diagnostics["network"] == "shift"
    assert len(ToyMethod(passes=1).register(pair).diagnostics["pass_displacement_mm"]) == 1
    start = replace(pair, initial=found.transform)
    again = ToyMethod(passes=1).register(start)
    assert again.diagnostics["pass_displacement_mm"][0] < 6.0


def test_a_pair_unlike_training_is_warned_of(whole, monkeypatch) -> None:
    monkeypatch.setenv("REGKIT_WEIGHTS", str(whole))
    monkeypatch.setattr(ToyMethod, "compares_with_start", False)
    pair = Pair(replace(ball(0.0), modality="spect"), replace(ball(0.0), modality="spect"))
    warnings = ToyMethod(passes=1).register(pair).diagnostics["warnings"]
    assert warnings == ["the fixed image is spect, and toy was trained on pet"]


def test_a_model_is_loaded_once_until_its_file_changes(whole, tmp_path) -> None:
    file = tmp_path / "toy.safetensors"
    for suffix in (".safetensors", ".json"):
        file.with_suffix(suffix).write_bytes((whole / f"toy{suffix}").read_bytes())
    one = load_model(str(file), ToyCard, "cpu")
    assert load_model(str(file), ToyCard, "cpu") is one
    os.utime(file, ns=(1, 1))
    assert load_model(str(file), ToyCard, "cpu") is not one
    file.write_bytes(file.read_bytes()[:-1] + b"\1")
    with pytest.raises(FileFormatError, match="are not those of their card"):
        load_model(str(file), ToyCard, "cpu")


@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        ({"passes": 0}, "passes takes auto, or 1 to 100, got 0"),
        ({"passes": 101}, "passes takes auto, or 1 to 100, got 101"),
        ({"weights": ""}, "weights takes a name or a .safetensors file"),
    ],
)
def test_parameters_out_of_range(parameters, says) -> None:
    with pytest.raises(ParameterError, match=says):
        ToyMethod(**parameters)
