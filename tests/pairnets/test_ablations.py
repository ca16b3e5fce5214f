"""The papers' ablations are choices of `regkit train`; parameters to the unit."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from regkit.errors import ParameterError
from regkit.learning import load_model, read_training_config
from regkit.learning.checkpoint import CHECKPOINT_NAME
from regkit.learning.training_job import TrainingJob
from regkit.registry import default_registry
from regkit.weights import sha256
from regkit_pairnets import build_pair_network
from regkit_pairnets.card import PairNetCard
from regkit_pairnets.train import task
from regkit_pairnets.train.config import PairNetConfig
from regkit_pairnets.train.task import train_pair_network as train
from small_training import job, write_cases


def parameters(method: str, **changes) -> int:
    """Count the parameters of the network that the paper's preset trains with some changes."""
    one = TrainingJob(method, "x", Path("x"), default_registry(), "paper", changes=changes)
    config, _ = read_training_config(PairNetConfig, "regkit_pairnets", one)
    shape = config.parameterization.shape(config.grid)
    with torch.device("meta"):
        network = build_pair_network(method, shape, **config.switches)
    return sum(p.numel() for p in network.parameters())


@pytest.mark.parametrize(
    ("method", "changes", "count"),
    [
        ("dusfe", {}, 11_228_541),
        ("dusfe", {"dead_fuse_convs": True}, 11_726_397),
        ("dusfe", {"dead_fuse_convs": True, "fuse_batchnorm": True}, 11_726_781),
        ("dusfe", {"fuse_batchnorm": True}, 11_228_925),
        ("dusfe", {"exchange_levels": []}, 11_215_590),  # DenseNet
        ("dusfe", {"exchange_levels": [3]}, 11_215_590 + 4_317),
        ("dusfe", {"exchange_levels": [1, 2]}, 11_215_590 + 2 * 4_317),
        ("attention-reg", {}, 1_248_777),
        ("attention-reg", {"attention": False}, 1_244_393),  # FeatureReg
        ("densenet-nonlocal", {}, 11_419_846),
        ("densenet-nonlocal", {"plain": True}, 11_219_974),
    ],
)
def test_parameters_of_what_is_trained(method, changes, count) -> None:
    assert parameters(method, **changes) == count


def test_exchange_modules_act_on_their_levels_only() -> None:
    """With a module on the last level only, a stream's features before it see one image."""
    torch.manual_seed(0)
    network = build_pair_network("dusfe", (16, 16, 16), width=0.1, exchange_levels=(3,)).eval()
    kinds = [type(one).__name__ for one in network.streams.exchanges]
    assert kinds == ["NoExchange", "NoExchange", "SqueezeFuseExcite"]
    with pytest.raises(ParameterError, match="exchange_levels takes levels from 1 to 3, got 4"):
        build_pair_network("dusfe", (16, 16, 16), exchange_levels=(1, 4))


def test_choices_of_other_networks_are_refused() -> None:
    with pytest.raises(ParameterError, match="dvnet has no switch 'attention'"):
        parameters("dvnet", attention=False)


@pytest.fixture(scope="module")
def cases(tmp_path_factory) -> Path:
    return write_cases(tmp_path_factory.mktemp("cases"))


SMALL = {"shape_zyx": (16, 16, 16), "spacing": (20.0, 20.0, 20.0), "width": 0.0625}


def trained_steps(one: TrainingJob) -> None:
    """Train, but export no weights."""
    steps = (progress for progress in train(one) if progress.device)
    while next(steps).done < one.steps:
        pass
    steps.close()


@pytest.mark.training
def test_the_published_number_of_parameters_is_trained_and_resumed(cases, tmp_path) -> None:
    """The unused convolutions get no gradient: they stay, through a checkpoint, as they were."""
    choices = {**SMALL, "dead_fuse_convs": True, "fuse_batchnorm": True, "weight_decay": 0.1}
    trained_steps(job(cases, tmp_path / "whole", "dusfe", steps=4, **choices))
    steps = train(job(cases, tmp_path, "dusfe", steps=4, **choices))
    while not (tmp_path / CHECKPOINT_NAME).exists():
        next(steps)
    steps.close()
    trained_steps(job(cases, tmp_path, "dusfe", steps=4, resume=True, **choices))
    one, other = (load_file(f / CHECKPOINT_NAME) for f in (tmp_path, tmp_path / "whole"))
    for name, tensor in one.items():
        np.testing.assert_array_equal(tensor.numpy(), other[name].numpy(), err_msg=name)
    assert any(name.startswith("network.") and ".dead." in name for name in one)


@pytest.mark.training
@pytest.mark.parametrize("contrastive_steps", [0, 2])
def test_contrastive_pre_training_is_a_choice(
    cases, tmp_path, monkeypatch, contrastive_steps
) -> None:
    seen: list[object] = []
    original = task.info_nce
    monkeypatch.setattr(task, "info_nce", lambda *a, **k: seen.append(a) or original(*a, **k))
    choices = {**SMALL, "contrastive_steps": contrastive_steps}
    trained_steps(job(cases, tmp_path, "attention-reg", steps=3, **choices))
    assert len(seen) == contrastive_steps


@pytest.mark.training
def test_the_loss_is_a_choice(cases, tmp_path) -> None:
    """Of the same first batch and weights: mean squared against mean absolute error."""
    losses = {}
    for loss in ("l1", "mse"):
        trained_steps(job(cases, tmp_path / loss, steps=1, loss=loss))
        log = json.loads((tmp_path / loss / "log.json").read_text())
        losses[loss] = log["curve"][0]["loss"]
    assert losses["mse"] != pytest.approx(losses["l1"], rel=0.05)
    assert losses["mse"] >= losses["l1"] ** 2  # Jensen


@pytest.mark.parametrize(
    "name", ["dvnet", "msreg", "densenet", "densenet-nonlocal", "dusfe", "attention-reg"]
)
def test_shipped_weights_are_unchanged(name) -> None:
    """Their cards build the network that their tensors are of."""
    model = load_model(name, PairNetCard, "cpu")
    file = Path(task.__file__).parents[1] / "shipped" / f"{name}.safetensors"
    assert sha256(file) == model.card.sha256
    stored = load_file(file)
    assert {k: v.shape for k, v in model.network.state_dict().items()} == {
        k: v.shape for k, v in stored.items()
    }
