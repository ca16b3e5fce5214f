"""What is learnt: motions of pooled cases, and before that, if wanted, which places agree."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from regkit.errors import FileFormatError, ParameterError
from regkit.geometry.transform import IDENTITY
from regkit.learning import Task
from regkit.weights import Weights
from regkit_pairnets.card import Card
from regkit_pairnets.catalogue import build_network
from regkit_pairnets.contrastive import info_nce
from regkit_pairnets.networks.attention_reg import AttentionReg
from regkit_pairnets.networks.initialise import fan_in_normal
from regkit_pairnets.networks.pair_network import PairNetwork
from regkit_pairnets.train.draws import Draw, draw
from regkit_pairnets.train.export import export
from regkit_pairnets.train.preset import Preset
from regkit_pairnets.train.validation import best_passes, fixed_draws, validate
from regkit_pairnets.train.views import Batch, Views

LOSSES: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "l1": functional.l1_loss,
    "mse": functional.mse_loss,
}


class MotionTask(Task[Batch]):
    """A network that learns to read motions.

    Parameters
    ----------
    method
        Name of method and network.
    views, held_out
        Of the cases to learn from, with all choices, and to validate with.
    device
        Where to compute.

    Raises
    ------
    ParameterError
        The choices do not fit the network.
    """

    shown = ("loss", "dt_mm", "dr_deg")

    def __init__(self, method: str, views: Views, held_out: Views, device: torch.device) -> None:
        self.preset, self.method = views.preset, method
        super().__init__(self.preset, _build(method, self.preset, views), device)
        if self.preset.contrastive_steps and not isinstance(self.network, AttentionReg):
            raise ParameterError(f"{method} has no contrastive pre-training; set its steps to 0")
        self.views, self.held_out = views, held_out
        self.validation = fixed_draws(self.preset, held_out)

    def start_from(self, weights: Weights) -> None:
        """Put weights into the network, if their numbers mean what this training's do."""
        card, preset = Card.from_json(weights.card, weights.file), self.preset
        ours = {
            "network": self.method,
            "switches": preset.switches,
            "shape_zyx": preset.shape_zyx,
            "spacing": preset.spacing,
            "convention": preset.numbers,
            "first": preset.first,
            "units": preset.units,
        }
        for name, value in ours.items():
            if getattr(card, name) != value:
                raise FileFormatError(
                    f"{weights.file} is nothing to begin from: {name} {getattr(card, name)} on "
                    f"its card, {value} in this training"
                )
        super().start_from(weights)

    def batch(self, step: int, places: Sequence[int]) -> Batch:
        """Draw cases and resample them."""
        seeds = ((self.preset.seed, step, place) for place in places)
        draws = [self._draw(step, seed) for seed in seeds]
        return self.views.batch(draws, step * self.preset.batch + places[0])

    def loss(self, batch: Batch, step: int) -> Tensor:
        """Return the error of the six numbers, or of which places agree."""
        first, second = (self._placed(image) for image in (batch.first, batch.second))
        if step < self.preset.contrastive_steps:
            assert isinstance(self.network, AttentionReg)  # noqa: S101 - as was checked
            source = torch.Generator(self.device).manual_seed(batch.seed)
            return info_nce(*self.network.features(first, second), generator=source)
        numbers = self.network(first, second).float()
        return LOSSES[self.preset.loss](numbers, batch.target)

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Return the mean errors on the cases held out, after the first look and the last."""
        scores = self._scores(network)
        first, last = scores[0], scores[-1]
        return {**{f"{name}_first": value for name, value in first.items()}, **last}

    def export(self, folder: Path, network: nn.Module, about: Mapping[str, Any]) -> None:
        """Write the weights and their card, with as many passes as did best on held-out cases."""
        scores = self._scores(network)
        passes = best_passes(scores, self.preset.of_one)
        held_out = {"validation": scores[passes - 1]}
        about = {**about, "cases": len(self.views.cases), "scores": held_out}
        export(folder, self.method, network, self.views, passes=passes, about=about)

    def _scores(self, network: nn.Module) -> list[dict[str, float]]:
        return validate(network, self.held_out, self.validation, self.device)

    def _draw(self, step: int, seed: tuple[int, ...]) -> Draw:
        one = draw(self.preset, self.views.cases, self.views.grid, seed)
        if step < self.preset.contrastive_steps:  # which needs pairs that are aligned
            return dataclasses.replace(one, motion=IDENTITY, field=None)
        return one

    def _placed(self, image: Tensor) -> Tensor:
        return image.contiguous(memory_format=torch.channels_last_3d)


def _build(method: str, preset: Preset, views: Views) -> PairNetwork:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(preset.seed)
        network = build_network(method, preset.numbers.shape(views.grid), **preset.switches)
        if preset.initialise == "fan-in":
            fan_in_normal(network)
    return network
