"""Training of the pair networks: supervised motions, after contrastive pre-training if wanted."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from regkit.datasets.case import Case
from regkit.errors import ParameterError
from regkit.geometry.grid import FloatArray
from regkit.geometry.transform import IDENTITY, AffineTransform
from regkit.geometry.volume import Volume
from regkit.learning import (
    CachedPair,
    Task,
    measure_pair_domains,
    prepare_pair,
    train_method,
)
from regkit.learning.case_cache import Arrays, Facts
from regkit.learning.training_job import TrainingJob, TrainingProgress
from regkit_pairnets.card import PairNetCard
from regkit_pairnets.catalogue import build_pair_network
from regkit_pairnets.contrastive import info_nce
from regkit_pairnets.networks.attention_reg import AttentionReg
from regkit_pairnets.networks.initialise import fan_in_normal
from regkit_pairnets.networks.pair_network import PairNetwork
from regkit_pairnets.train.augmentation import (
    Augmentation,
    residual_augmentation,
    sample_augmentation,
)
from regkit_pairnets.train.batch_sampler import FILL_VALUE, ROLES, BatchSampler, MotionBatch
from regkit_pairnets.train.config import PairNetConfig
from regkit_pairnets.train.stages import PreviousStages
from regkit_pairnets.train.validation import (
    best_passes,
    validate_motions,
    validation_motions,
)

LOSSES: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "l1": functional.l1_loss,
    "mse": functional.mse_loss,
}
# Augmented cases on which the domain guard's ranges are measured; chosen by hand.
DOMAIN_CASES = 200
# Seeds of these, apart from those of training: no step has this number.
DOMAIN_SEED = 1 << 40


def train_pair_network(job: TrainingJob) -> Iterator[TrainingProgress]:
    """Train one of the pair networks; a `regkit.learning.training_job.Trainer`."""
    return train_method(job, MotionTask)


class MotionTask(Task[MotionBatch]):
    """The task of a network that reads a rigid motion off two images."""

    config_class = PairNetConfig
    card_class = PairNetCard
    must_match = (
        "network",
        "switches",
        "shape_zyx",
        "spacing",
        "parameterization",
        "input_order",
        "output_scale",
    )
    logged_metrics = ("loss", "dt_mm", "dr_deg")

    config: PairNetConfig

    def __init__(
        self,
        method: str,
        config: PairNetConfig,
        cases: Sequence[CachedPair],
        held_out: Sequence[CachedPair],
        device: torch.device,
    ) -> None:
        super().__init__(method, config, cases, held_out, device)
        if config.contrastive_steps and not isinstance(self.network, AttentionReg):
            raise ParameterError(f"{method} has no contrastive pre-training; set its steps to 0")
        self.train_sampler = BatchSampler(config, cases, device)
        self.validation_sampler = BatchSampler(config, held_out, device)
        self.stages = PreviousStages(config, device)
        self.motions = validation_motions(config, self.validation_sampler)

    @staticmethod
    def cache_key(config: PairNetConfig) -> Sequence[Any]:
        """Return the fields that preprocessing depends on."""
        return [config.spacing, config.fixed, config.moving]

    @staticmethod
    def prepare_case(case: Case, config: PairNetConfig) -> tuple[Arrays, Facts]:
        """Preprocess both images of a case with a rigid truth; add its focus, ``focus_mm``."""
        truth = case.truth
        if not isinstance(truth, AffineTransform) or not truth.is_rigid:
            raise ParameterError(f"case {case.id} has no rigid truth to learn from")
        arrays, facts = prepare_pair(case, config.fixed, config.moving, config.spacing)
        return arrays, {**facts, "focus_mm": _focus(case).tolist()}

    def build_network(self) -> PairNetwork:
        """Return the network with random weights."""
        shape = self.config.parameterization.shape(self.config.grid)
        network = build_pair_network(self.method, shape, **self.config.switches)
        if self.config.initialization == "fan-in":
            fan_in_normal(network)
        return network

    def batch(self, step: int, indices: Sequence[int]) -> MotionBatch:
        """Draw cases and resample them."""
        augmentations = [self._sample(step, seed) for seed in self.case_seeds(step, indices)]
        if step >= self.config.contrastive_steps:
            augmentations = self.stages.rest(self.train_sampler, augmentations)
        seed = step * self.config.batch_size + indices[0]
        return self.train_sampler.batch(augmentations, seed)

    def loss(self, batch: MotionBatch, step: int) -> Tensor:
        """Return the error of the six outputs, or the contrastive loss of pre-training."""
        inputs = [
            image.contiguous(memory_format=torch.channels_last_3d)
            for image in (batch.input_a, batch.input_b)
        ]
        if step < self.config.contrastive_steps:
            assert isinstance(self.network, AttentionReg)  # noqa: S101 - checked at the beginning
            source = torch.Generator(self.device).manual_seed(batch.seed)
            return info_nce(*self.network.features(*inputs), generator=source)
        outputs = self.network(*inputs).float()
        return LOSSES[self.config.loss](outputs, batch.target)

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Return the mean errors on the held-out cases, after the first pass and the last."""
        scores = self._scores(network)
        first = {f"{name}_pass1": value for name, value in scores[0].items()}
        return {**first, **scores[-1]}

    def card_fields(self) -> Mapping[str, Any]:
        """Return the fields of the card that say how the network is built and used."""
        names = ("switches", "shape_zyx", "spacing", "parameterization", "input_order")
        return {
            "network": self.method,
            **{name: getattr(self.config, name) for name in names},
            "output_scale": self.config.output_scale,
            "fill_value": FILL_VALUE,
        }

    def measured_fields(self) -> Mapping[str, Any]:
        """Return the domains of the fixed and the moving images of training."""
        config, sampler = self.config, self.train_sampler
        seeds = ((config.seed, number, DOMAIN_SEED) for number in range(DOMAIN_CASES))
        drawn = (sample_augmentation(config, sampler.cases, sampler.grid, s) for s in seeds)
        arrays = ([i[0].cpu().numpy() for i in sampler.resampled([one])] for one in drawn)
        facts = [case.facts for case in self.cases]
        return measure_pair_domains(arrays, facts, min(config.spacing) / 2)

    def aligned_images(self, count: int, *, held_out: bool) -> Iterator[Mapping[str, Volume]]:
        """Yield aligned pairs with the fields of view of random motions."""
        sampler = self.validation_sampler if held_out else self.train_sampler
        for number in range(count):
            seed = (self.config.seed, number, DOMAIN_SEED)
            drawn = sample_augmentation(self.config, sampler.cases, sampler.grid, seed)
            images = sampler.resampled([residual_augmentation(drawn, drawn.motion)])
            yield {
                role: Volume(image[0].cpu().numpy(), sampler.grid)
                for role, image in zip(ROLES, images, strict=True)
            }

    def final_fields(self, network: nn.Module, about: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the number of passes that is best on the held-out cases, and its scores."""
        scores = self._scores(network)
        passes = best_passes(scores, self.config.unit_errors)
        if self.stages.models:
            before = [model.card.sha256 for model in self.stages.models]
            about = {**about, "previous_stages": before}
        return {"passes": passes, "about": {**about, "scores": {"validation": scores[passes - 1]}}}

    def _scores(self, network: nn.Module) -> list[dict[str, float]]:
        return validate_motions(network, self.validation_sampler, self.motions, self.stages)

    def _sample(self, step: int, seed: tuple[int, ...]) -> Augmentation:
        sampler = self.train_sampler
        one = sample_augmentation(self.config, sampler.cases, sampler.grid, seed)
        if step < self.config.contrastive_steps:  # which needs pairs that are aligned
            return dataclasses.replace(one, motion=IDENTITY, field=None)
        return one


def _focus(case: Case) -> FloatArray:
    """Return the center of the myocardium, else of all labels, else of the fixed image, LPS mm."""
    labels, grid = case.fixed_labels, case.pair.fixed.grid
    if labels is None or not labels.array.any():
        return np.asarray(grid.centre)
    wanted = labels.array == case.extra.get("myocardium_label", -1)
    index = np.argwhere(wanted if wanted.any() else labels.array != 0)
    return labels.grid.to_physical(index.mean(axis=0))
