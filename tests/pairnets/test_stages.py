"""Stages: the next one learns, and in use corrects, what those before it leave."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from phantoms import small_pair
from regkit import rigid
from regkit.errors import ParameterError
from regkit.learning import ImageDomain, LearnedMethod, TrainedModel, read_training_config
from regkit.learning.training_cases import build_caches, open_case_caches
from regkit.registrar import Estimate
from regkit_pairnets.card import PairNetCard
from regkit_pairnets.train import stages
from regkit_pairnets.train.config import PairNetConfig
from regkit_pairnets.train.task import MotionTask
from small_training import job, write_cases

NUMBERS = np.array([0.2, -0.1, 0.3, 4.0, -6.0, 5.0])
SCALE = (2.0, 2.0, 2.0, 5.0, 5.0, 5.0)
DOMAIN = ImageDomain(modalities=("pet",), extent_mm=(300.0, 300.0, 300.0))
MOVES = {"one": rigid((3, 0, 0), (4, 5, 6)), "two": rigid((0, 2, 1), (-1, 0, 3))}


class Constant(torch.nn.Module):
    """A network that finds the same motion in every pair, in units of its own."""

    def forward(self, input_a, input_b):
        return torch.tensor(NUMBERS / SCALE)[None].expand(len(input_a), 6)


def constant(config: PairNetConfig, **changes) -> TrainedModel[Any]:
    fields = {name: getattr(config, name) for name in stages.SEEN_ALIKE}
    domain = dict.fromkeys(("fixed", "moving"), DOMAIN)
    plain = PairNetCard(
        method="dvnet", network="dvnet", switches={}, output_scale=SCALE, **fields, **domain
    )
    return TrainedModel(Constant(), replace(plain, **changes), torch.device("cpu"))


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """A training's configuration and cases; its stage before is called `first`."""
    folder = tmp_path_factory.mktemp("stages")
    one = job(write_cases(folder / "cases"), folder / "out", previous_stages="first")
    config, parameters = read_training_config(PairNetConfig, "regkit_pairnets", one)
    caches = open_case_caches(one, MotionTask, config, parameters)
    list(build_caches(caches))
    read = [
        [MotionTask.load_case(*stored) for cache in some for stored in cache.load()]
        for some in (caches.train, caches.validation)
    ]
    return config, read


def task_of(opened, previous: str) -> MotionTask:
    config, read = opened
    return MotionTask(
        "dvnet", replace(config, previous_stages=previous), *read, torch.device("cpu")
    )


@pytest.mark.training
def test_a_stage_learns_what_the_one_before_leaves(opened, monkeypatch) -> None:
    """The target is the motion after the known one: found @ rest == motion."""
    config, _ = opened
    monkeypatch.setattr(stages, "load_model", lambda *_: constant(config))
    alone, after = (task_of(opened, previous) for previous in ("", "first"))
    batches = [one.batch(3, range(2)) for one in (alone, after)]
    read = config.parameterization.to_transform
    scale = np.asarray(config.output_scale)
    known = read(NUMBERS, config.grid)
    for whole, rest in zip(*(b.target.numpy() * scale for b in batches), strict=True):
        together = known.matrix @ read(rest, config.grid).matrix
        np.testing.assert_allclose(together, read(whole, config.grid).matrix, atol=1e-4)
    assert not torch.equal(batches[0].input_a, batches[1].input_a)  # and sees it so


@pytest.mark.training
def test_validation_starts_where_the_stages_end(opened, monkeypatch) -> None:
    """A last stage that finds nothing scores as the stage before it does alone."""
    config, _ = opened
    monkeypatch.setattr(stages, "load_model", lambda *_: constant(config))
    after = task_of(opened, "first")

    class Nothing(torch.nn.Module):
        def forward(self, input_a, input_b):
            return torch.zeros(len(input_a), 6)

    scores = after.validate(Nothing())
    sampler, (whole, _) = after.validation_sampler, after.motions
    found = after.stages.found(sampler, whole)
    known = config.parameterization.to_transform(NUMBERS, config.grid)
    np.testing.assert_allclose([f.matrix for f in found], [known.matrix] * len(whole), atol=1e-6)
    assert scores["dt_mm"] == scores["dt_mm_pass1"]


@pytest.mark.training
def test_a_stage_that_sees_other_images_is_refused(opened, monkeypatch) -> None:
    config, _ = opened
    other = constant(config, spacing=(1.0, 2.0, 3.0))
    monkeypatch.setattr(stages, "load_model", lambda *_: other)
    with pytest.raises(ParameterError, match=r"first cannot be a stage .* its spacing is \(1.0"):
        task_of(opened, "first")


@dataclass(frozen=True)
class Staged(LearnedMethod):
    """A method whose weights are named motions."""

    weights: str = "one+two"

    def loaded(self, weights: str = "") -> tuple[Any, int]:
        return MOVES[weights or self.stages[-1]], 1

    def infer(self, pair, trained, passes):
        return Estimate(pair.start @ trained)


def test_stages_register_one_after_the_other(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(Staged, "compares_with_start", False)
    start = rigid((1, 1, 1), (2, 2, 2))
    found = Staged().register(small_pair(initial=start)).transform
    np.testing.assert_allclose(
        found.matrix, start.matrix @ MOVES["one"].matrix @ MOVES["two"].matrix
    )
    file = tmp_path / "a+b.safetensors"
    file.touch()
    assert Staged(weights=str(file)).stages == (str(file),)
