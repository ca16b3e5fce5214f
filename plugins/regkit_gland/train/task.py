"""Training of the networks that find the gland."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from regkit.datasets.case import Case
from regkit.geometry.volume import Volume
from regkit.learning import Task, domain_features, measure_domain, train_method
from regkit.learning.case_cache import Arrays, Facts
from regkit.learning.training_job import TrainingJob, TrainingProgress
from regkit_gland.card import GlandCard
from regkit_gland.network import OrganFinder
from regkit_gland.train.augmentation import plain_view, random_look, random_view
from regkit_gland.train.cases import GlandImage, cache_glands, read_glands
from regkit_gland.train.config import GlandConfig
from regkit_gland.train.validation import validate_glands

Images = Mapping[str, GlandImage]
# Images and masks (batch, 1, z, y, x) by modality.
GlandBatch = Mapping[str, tuple[Tensor, Tensor]]
# Number of views on which the domain guard's ranges are measured; chosen by hand. Their seeds are
# apart from every one of a training step, which has a third number below 2 ** 20.
DOMAIN_VIEWS, DOMAIN_SEED = 200, 2**20


def train_glands(job: TrainingJob) -> Iterator[TrainingProgress]:
    """Train networks that find the gland; a `regkit.learning.training_job.Trainer`."""
    return train_method(job, GlandTask)


class GlandTask(Task[GlandBatch]):
    """The task of networks that find the gland, one for each modality."""

    config_class = GlandConfig
    card_class = GlandCard
    must_match = ("grid_size", "spacing_mm", "switches")
    logged_metrics = ("loss", "dice", "shift_mm")
    load_case = staticmethod(read_glands)

    config: GlandConfig
    network: OrganFinder

    def __init__(
        self,
        method: str,
        config: GlandConfig,
        cases: Sequence[Images],
        held_out: Sequence[Images],
        device: torch.device,
    ) -> None:
        super().__init__(method, config, _on(cases, device), _on(held_out, device), device)

    @staticmethod
    def cache_key(config: GlandConfig) -> Sequence[Any]:
        """Return the fields that preprocessing depends on."""
        return [list(config.modalities), config.label, config.spacing_mm]

    @staticmethod
    def prepare_case(case: Case, config: GlandConfig) -> tuple[Arrays, Facts]:
        """Preprocess both images of a case and their glands."""
        return cache_glands(case, config.modalities, config.label, config.spacing_mm)

    def build_network(self) -> OrganFinder:
        """Return the networks with random weights."""
        return OrganFinder(self.config.modalities, **self.config.switches)

    def batch(self, step: int, indices: Sequence[int]) -> GlandBatch:
        """Draw an image of each modality for each index, from any patients."""
        generators = [np.random.default_rng(seed) for seed in self.case_seeds(step, indices)]
        return {name: self._drawn(name, generators) for name in self.config.modalities}

    def loss(self, batch: GlandBatch, step: int) -> Tensor:  # noqa: ARG002 - always the same
        """Return the sum over the modalities of Dice loss and cross entropy."""
        losses = []
        for modality, (image, mask) in batch.items():
            logits = self.network(
                image.contiguous(memory_format=torch.channels_last_3d), modality
            ).float()
            losses.append(gland_loss(logits, mask))
        return torch.stack(losses).sum()

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Return scores on the held-out cases."""
        return validate_glands(network, self.held_out, self.config.grid)

    def card_fields(self) -> Mapping[str, Any]:
        """Return the fields of the card that say how the networks are built and used."""
        names = ("switches", "passes", "grid_size", "spacing_mm")
        return {"network": "u-net", **{name: getattr(self.config, name) for name in names}}

    def measured_fields(self) -> Mapping[str, Any]:
        """Return the domains of the images of training by modality."""
        domains = {}
        for modality in self.config.modalities:
            seen = list(self._views(modality, DOMAIN_VIEWS, held_out=False))
            features = [domain_features(image, voxel_mm=0.0) for image in seen]
            facts = [case[modality].facts for case in self.cases]
            domains[modality] = measure_domain(features, facts, self.config.spacing_mm)
        return {"domains": domains}

    def aligned_images(self, count: int, *, held_out: bool) -> Iterator[Mapping[str, Volume]]:
        """Yield views of both images by modality, each from a place of its own."""
        views = [self._views(name, count, held_out=held_out) for name in self.config.modalities]
        for images in zip(*views, strict=True):
            named = zip(self.config.modalities, images, strict=True)
            yield {name: Volume(image, self.config.grid) for name, image in named}

    def _drawn(
        self, modality: str, generators: Sequence[np.random.Generator]
    ) -> tuple[Tensor, Tensor]:
        images, masks = [], []
        for rng in generators:
            source = self.cases[int(rng.integers(len(self.cases)))][modality]
            view = random_view(source, self.config, rng)
            images.append(random_look(view.image, self.config, rng))
            masks.append(view.mask)
        return torch.cat(images), torch.cat(masks)

    def _views(self, modality: str, count: int, *, held_out: bool) -> Iterator[Any]:
        """Yield views (z, y, x) of images, the plain one of each patient first."""
        cases = self.held_out if held_out else self.cases
        for number in range(count):
            source = cases[number % len(cases)][modality]
            rng = np.random.default_rng((self.config.seed, number, DOMAIN_SEED))
            is_first = number < len(cases)
            view = (
                plain_view(source, self.config.grid)
                if is_first
                else random_view(source, self.config, rng)
            )
            yield view.image[0, 0].cpu().numpy()


def gland_loss(logits: Tensor, mask: Tensor) -> Tensor:
    """Return Dice loss plus cross entropy of logits and masks, (batch, 1, z, y, x).

    One voxel is added to both sides of the Dice coefficient, so that a view without a gland has
    one, too.
    """
    axes, found = (1, 2, 3, 4), torch.sigmoid(logits)
    common = 2 * (found * mask).sum(axes) + 1
    dice = common / (found.sum(axes) + mask.sum(axes) + 1)
    return 1 - dice.mean() + functional.binary_cross_entropy_with_logits(logits, mask)


def _on(cases: Sequence[Images], device: torch.device) -> list[Images]:
    return [{name: image.on(device) for name, image in case.items()} for case in cases]
