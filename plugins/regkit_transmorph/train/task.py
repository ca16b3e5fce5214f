"""Training of TransMorph without truth: only the similarity of the images counts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from regkit.datasets.case import Case
from regkit.geometry.volume import Volume
from regkit.learning import (
    CachedPair,
    Task,
    antialias_downsample,
    image_facts,
    measure_pair_domains,
    pair_arrays,
    train_method,
    truth_fact,
)
from regkit.learning.case_cache import Arrays, Facts
from regkit.learning.training_job import TrainingJob, TrainingProgress
from regkit_transmorph.card import TransMorphCard, WindowedDomain
from regkit_transmorph.catalogue import build_transmorph
from regkit_transmorph.losses import LOSSES, symmetric_loss
from regkit_transmorph.networks.affine import matrices
from regkit_transmorph.networks.transmorph_affine import TransMorphAffine
from regkit_transmorph.preparation import prepare
from regkit_transmorph.train.config import TransMorphConfig
from regkit_transmorph.train.image_sampler import ImageBatch, ImageSampler
from regkit_transmorph.train.misplacement import sample_misplacement
from regkit_transmorph.train.sampled_loss import SampledLoss
from regkit_transmorph.train.validation import validate_maps, validation_misplacements

# Loss of a batch and its maps (batch, 3, 4).
BatchLoss: TypeAlias = Callable[[ImageBatch, Tensor], Tensor]
ROLES = ("fixed", "moving")
# Misplaced cases on which the domain guard's ranges are measured; chosen by hand.
DOMAIN_CASES = 100
# Seeds of these, apart from those of training: no step has this number.
DOMAIN_SEED = 1 << 40


def train_transmorph(job: TrainingJob) -> Iterator[TrainingProgress]:
    """Train `transmorph-cr` or `transmorph-mi`; a `regkit.learning.training_job.Trainer`."""
    return train_method(job, UnsupervisedTask)


class UnsupervisedTask(Task[ImageBatch]):
    """The task of a network that learns to make a CT and a PET similar."""

    config_class = TransMorphConfig
    card_class = TransMorphCard
    logged_metrics = ("loss", "tre_mm")

    config: TransMorphConfig

    def __init__(
        self,
        method: str,
        config: TransMorphConfig,
        cases: Sequence[CachedPair],
        held_out: Sequence[CachedPair],
        device: torch.device,
    ) -> None:
        super().__init__(method, config, cases, held_out, device)
        self.train_sampler = ImageSampler(config, cases, device)
        self.validation_sampler = ImageSampler(config, held_out, device)
        self.misplacements = validation_misplacements(self.validation_sampler)
        self._loss = batch_loss_for(config)

    @staticmethod
    def cache_key(config: TransMorphConfig) -> Sequence[Any]:
        """Return the fields that preprocessing depends on."""
        return [config.spacing, config.fixed_window, config.moving_window]

    @staticmethod
    def prepare_case(case: Case, config: TransMorphConfig) -> tuple[Arrays, Facts]:
        """Preprocess both images of a case; a truth is needed for validation only."""
        facts: dict[str, Any] = {"truth": truth_fact(case.truth)}
        smooth = []
        for role in ROLES:
            given: Volume = getattr(case.pair, role)
            modality = given.modality or getattr(config, role)
            ready = prepare(given, modality, getattr(config, f"{role}_window"))
            smooth.append(antialias_downsample(ready.volume, config.spacing))
            preparation = {"preparation": dict(ready.record)}
            facts[role] = image_facts(given, smooth[-1], modality) | preparation
        return pair_arrays(*smooth), facts

    def build_network(self) -> TransMorphAffine:
        """Return the network with random weights."""
        config = self.config
        switches = {**config.switches, "checkpointing": config.checkpointing}
        return build_transmorph(config.variant, config.shape_zyx, **switches)

    def batch(self, step: int, indices: Sequence[int]) -> ImageBatch:
        """Draw cases and resample them."""
        count, grid = len(self.cases), self.config.grid
        seeds = self.case_seeds(step, indices)
        drawn = [sample_misplacement(self.config, count, grid, seed) for seed in seeds]
        return self.train_sampler.batch(drawn, seed=step * self.config.batch_size + indices[0])

    def loss(self, batch: ImageBatch, step: int) -> Tensor:  # noqa: ARG002 - the same in every step
        """Return the negative similarity under the network's maps, in both directions."""
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):  # stochastic depth draws random numbers
            torch.manual_seed(batch.seed)
            raw = self.network(*batch.inputs())
        # On the CPU: hundreds of operations on single numbers.
        return self._loss(batch, matrices(raw.double().cpu()).to(self.device))

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Return the target registration errors on the held-out cases."""
        return validate_maps(network, self.validation_sampler, self.misplacements)

    def card_fields(self) -> Mapping[str, Any]:
        """Return the fields of the card that say how the network is built and used."""
        names = ("switches", "shape_zyx", "spacing", "passes")
        return {
            "network": self.config.variant,
            **{name: getattr(self.config, name) for name in names},
        }

    def measured_fields(self) -> Mapping[str, Any]:
        """Return the domains of the fixed and the moving images of training."""
        config, sampler = self.config, self.train_sampler
        seeds = ((config.seed, number, DOMAIN_SEED) for number in range(DOMAIN_CASES))
        drawn = (sample_misplacement(config, len(self.cases), config.grid, s) for s in seeds)
        arrays = ([i[0, 0].cpu().numpy() for i in sampler.pair(one)] for one in drawn)
        facts = [case.facts for case in self.cases]
        measured = measure_pair_domains(arrays, facts, min(config.spacing) / 2)
        return {
            role: WindowedDomain(
                modalities=domain.modalities,
                # Whole-body scans have any length; the grid fits scans of its size.
                extent_mm=config.grid.extent,
                ranges=domain.ranges,
                window=getattr(config, f"{role}_window"),
            )
            for role, domain in measured.items()
        }

    def aligned_images(self, count: int, *, held_out: bool) -> Iterator[Mapping[str, Volume]]:
        """Yield pairs that are misplaced together."""
        sampler = self.validation_sampler if held_out else self.train_sampler
        config, cases, grid = self.config, len(sampler.cases), sampler.grid
        for number in range(count):
            drawn = sample_misplacement(config, cases, grid, (config.seed, number, DOMAIN_SEED))
            images = sampler.pair(replace(drawn, moving=drawn.fixed))
            yield {
                role: Volume(image[0, 0].cpu().numpy(), grid)
                for role, image in zip(ROLES, images, strict=True)
            }


def batch_loss_for(config: TransMorphConfig) -> BatchLoss:
    """Return the loss of a batch under the network's maps, from sampled or from all voxels."""
    if config.samples:
        sampled = SampledLoss(config.measure, config.samples, config.bins)
        gamma = config.intensity_gamma
        return lambda batch, maps: sampled(batch.moving**gamma, batch.fixed, maps, batch.seed)
    published = LOSSES[config.measure]
    return lambda batch, maps: symmetric_loss(published, *batch.inputs(), maps.float())
