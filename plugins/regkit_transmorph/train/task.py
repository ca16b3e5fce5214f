"""What is learnt: maps under which images are alike, judged by nothing but the images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from regkit.learning import Task
from regkit_transmorph.catalogue import build_network
from regkit_transmorph.losses import LOSSES, symmetric_loss
from regkit_transmorph.networks.affine import matrices
from regkit_transmorph.networks.transmorph_affine import TransMorphAffine
from regkit_transmorph.train.choices import Choices
from regkit_transmorph.train.draws import draw
from regkit_transmorph.train.export import export
from regkit_transmorph.train.sampled import SampledLoss
from regkit_transmorph.train.validation import fixed_draws, validate
from regkit_transmorph.train.views import Batch, Views

# Of a batch and maps (batch, 3, 4).
BatchLoss: TypeAlias = Callable[[Batch, Tensor], Tensor]


class AlikeTask(Task[Batch]):
    """A network that learns to make images alike.

    Parameters
    ----------
    method
        Name of the method.
    views, held_out
        Of the cases to learn from and to validate with.
    device
        Where to compute.
    """

    shown = ("loss", "tre_mm")

    def __init__(self, method: str, views: Views, held_out: Views, device: torch.device) -> None:
        self.choices, self.method = views.choices, method
        super().__init__(self.choices, _build(self.choices), device)
        self.views, self.held_out = views, held_out
        self.validation = fixed_draws(held_out)
        self._loss = _loss_of(self.choices)

    def batch(self, step: int, places: Sequence[int]) -> Batch:
        """Draw cases and resample them."""
        count, grid = len(self.views.cases), self.views.grid
        draws = [draw(self.choices, count, grid, (self.choices.seed, step, p)) for p in places]
        return self.views.batch(draws, seed=step * self.choices.batch + places[0])

    def loss(self, batch: Batch, step: int) -> Tensor:  # noqa: ARG002 - the same in every step
        """Return how unlike the images are under the network's maps, both ways."""
        own = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=own):  # which branches are left out
            torch.manual_seed(batch.seed)
            raw = self.network(*batch.seen())
        # On the CPU: hundreds of operations on single numbers.
        return self._loss(batch, matrices(raw.double().cpu()).to(self.device))

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Return the mean distance from the truth on the cases held out, after every look."""
        return validate(network, self.held_out, self.validation)

    def export(self, folder: Path, network: nn.Module, about: Mapping[str, Any]) -> None:
        """Write the weights and their card."""
        about = {**about, "cases": len(self.views.cases)}
        export(folder, self.method, network, self.views, about)


def _loss_of(choices: Choices) -> BatchLoss:
    if choices.samples:
        sampled = SampledLoss(choices.measure, choices.samples, choices.bins)
        exponent = choices.compared_exponent
        return lambda batch, maps: sampled(batch.moving**exponent, batch.fixed, maps, batch.seed)
    published = LOSSES[choices.measure]
    return lambda batch, maps: symmetric_loss(published, *batch.seen(), maps.float())


def _build(choices: Choices) -> TransMorphAffine:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(choices.seed)
        own = {"checkpointing": choices.checkpointing}
        return build_network(choices.variant, choices.shape_zyx, **choices.switches, **own)
