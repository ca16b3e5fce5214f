"""What is learnt: the pose of the left ventricle, and its labels in that pose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from regkit.errors import FileFormatError
from regkit.geometry.grid import FloatArray
from regkit.learning import Task
from regkit.learning.restore import restored
from regkit.weights import Weights
from regkit_msstunet.card import Card
from regkit_msstunet.catalogue import build_network
from regkit_msstunet.geometry import cube
from regkit_msstunet.losses import (
    reorientation_loss,
    supervised,
    surprise,
    threshold_loss,
    way_loss,
)
from regkit_msstunet.networks.reorienter import Reorienter
from regkit_msstunet.train.choices import Choices
from regkit_msstunet.train.draws import draw, own_numbers
from regkit_msstunet.train.export import export
from regkit_msstunet.train.pool import PooledCase
from regkit_msstunet.train.validation import validate
from regkit_msstunet.train.views import Batch, Views


class ReorientationTask(Task[Batch]):
    """A network that learns to reorient and segment.

    Parameters
    ----------
    method
        Name of the method.
    choices
        Of the training.
    cases, held_out
        To learn from, and to validate with.
    device
        Where to compute.

    Raises
    ------
    ParameterError, UnknownNameError
        The choices do not fit the network, or there is no such network.
    """

    shown = ("loss", "my_dice", "rot_mse")

    def __init__(
        self,
        method: str,
        choices: Choices,
        cases: Sequence[PooledCase],
        held_out: Sequence[PooledCase],
        device: torch.device,
    ) -> None:
        self.method, self.choices = method, choices
        self.mean = mean_numbers(choices, cases)
        network = build(choices, self.mean)
        super().__init__(choices, network, device)
        outputs = output_sizes(network)
        self.views, self.held_out = (
            Views(choices, some, outputs, device) for some in (cases, held_out)
        )

    def start_from(self, weights: Weights) -> None:
        """Put weights into the network, or into its localiser alone, if they see the same cube."""
        card, choices = Card.from_json(weights.card, weights.file), self.choices
        for name, theirs, ours in (
            ("grid_size", card.size, choices.grid_size),
            ("spacing_mm", card.spacing_mm, choices.spacing_mm),
            ("exponent", card.exponent, choices.exponent),
        ):
            if theirs != ours:
                raise FileFormatError(
                    f"{weights.file} is nothing to begin from: {name} {theirs} on its card, "
                    f"{ours} in this training"
                )
        if choices.start_with == "all":
            super().start_from(weights)
            return
        network: Any = self.network
        restored(network.localiser, weights.file, card.network, "localiser.")

    def batch(self, step: int, places: Sequence[int]) -> Batch:
        """Draw cases and resample them."""
        choices, views = self.choices, self.views
        some = ceil((choices.segmented or choices.batch) / choices.batch * len(places))
        draws = [
            draw(
                choices,
                views.cases,
                views.grid,
                self.mean,
                (choices.seed, step, place),
                as_came=choices.as_came and number < some,
            )
            for number, place in enumerate(places)
        ]
        return views.batch(draws, some)

    def loss(self, batch: Batch, step: int) -> Tensor:  # noqa: ARG002
        """Return the compound loss."""
        network: Any = self.network
        volume = batch.volume.contiguous(memory_format=torch.channels_last_3d)
        truth = batch.numbers
        approach, context = network.locate(volume)
        numbers = approach[-1]
        through = _looked_through(network, numbers, truth, batch.told)
        some = len(batch.labels[0])
        seen = None if context is None else context[:some]
        finest = 0 if self.choices.finer else network.output_within(self.choices.label_zoom)
        logits = network.segment(volume[:some], through[:some], seen, finest)
        loss = self._of_labels([one.float() for one in logits], batch.labels[finest:])
        if network.needs_pose:
            return loss
        return loss + self._of_pose(volume, [one.float() for one in approach], truth)

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Return errors of pose and labels on the cases held out."""
        return validate(network, self.held_out, self.mean, self.device)

    def export(self, folder: Path, network: nn.Module, about: Mapping[str, Any]) -> None:
        """Write the weights and their card."""
        about = {**about, "cases": len(self.views.cases)}
        export(folder / self.method, network, self.views, self.mean, about)

    def _of_labels(self, logits: Sequence[Tensor], labels: Sequence[Tensor]) -> Tensor:
        loss = supervised(logits, labels, self.choices.class_weights)
        if self.choices.entropy_weight == 0:
            return loss
        return loss + self.choices.entropy_weight * surprise(logits, labels)

    def _of_pose(self, volume: Tensor, approach: Sequence[Tensor], truth: Tensor) -> Tensor:
        judge = {"angles": reorientation_loss, "way": way_loss}[self.choices.pose]
        loss = torch.stack([judge(numbers, truth) for numbers in approach]).mean()
        if self.choices.threshold_weight == 0:
            return loss
        numbers = approach[-1]
        network: Any = self.network
        outline = threshold_loss(
            volume, numbers, truth, network.segmenter.looks, self.choices.threshold_coarser
        )
        return loss + self.choices.threshold_weight * outline


def mean_numbers(choices: Choices, cases: Sequence[PooledCase]) -> FloatArray:
    """Return the mean pose of cases, which a network says at first."""
    grid = cube(choices.grid_size, choices.spacing_mm)
    poses = [own_numbers(case, grid, choices) for case in cases]
    return np.asarray(np.mean(poses, axis=0))


def build(choices: Choices, mean: FloatArray) -> Reorienter:
    """Build the network of some choices; the same weights for the same seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(choices.seed)
        return build_network(
            choices.grid_size, choices.network, **choices.switches, mean=mean.tolist()
        )


def output_sizes(network: Reorienter) -> list[tuple[int, float]]:
    """Return the voxels a side and the zoom of each output of a network."""
    n = network.size.grid
    with torch.no_grad():
        shapes = [one.shape[-1] for one in network.eval()(torch.zeros(1, 1, n, n, n)).logits]
    return list(zip(shapes, network.zooms, strict=True))


def _looked_through(network: Reorienter, numbers: Tensor, truth: Tensor, told: Tensor) -> Tensor:
    """Return the poses that the segmenter looks through: its localiser's, or those it is told."""
    true = truth[:, None].expand_as(numbers)
    if not network.joint:
        return true
    return torch.where(told[:, None, None], true, numbers)
