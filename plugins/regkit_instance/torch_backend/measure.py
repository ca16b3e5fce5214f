"""How a measure of looked-up values becomes a measure of maps, with its derivatives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from regkit_instance.torch_backend.point_sampler import PointSampler, SampledValues


class Rule(Protocol):
    """What a measure makes of the values of the moving images at the sample points."""

    @property
    def whole(self) -> int:
        """Points that belong together, the voxels of a patch say; one if each is on its own."""

    def tally(self, look: SampledValues) -> Tensor:
        """Return what is added up over the points, float64, shape (pairs, maps, ...)."""

    def score(self, sums: Tensor) -> tuple[Tensor, Tensor]:
        """Return the score (pairs, maps), minus infinity where there is none, and a table.

        The table says what `slopes` needs to know, shape (pairs, maps, ...).
        """

    def slopes(self, look: SampledValues, table: Tensor) -> Tensor:
        """Return the derivative of the score by each value, (pairs, maps, points)."""


@dataclass(frozen=True, eq=False)
class DenseMeasure:
    """Scores maps of many pairs at once; larger is more alike.

    Two passes over the points: one adds up statistics, the other carries the derivative of the
    score back through them. Nothing is kept in between but the statistics.

    Parameters
    ----------
    scene
        The samples and the moving images.
    rule
        The measure.
    """

    scene: PointSampler
    rule: Rule

    def values(self, maps: Tensor) -> Tensor:
        """Return the scores (pairs, maps) of maps (pairs, maps, 3, 4), all float64."""
        return self.rule.score(self._sums(maps))[0]

    def values_and_gradients(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Return the scores and their derivatives by the entries of the maps.

        Where the score is minus infinity the derivatives are zero.
        """
        scores, table = self.rule.score(self._sums(maps))
        gradients = torch.zeros_like(maps)
        for look in self.scene.looks(maps, self.rule.whole):
            gradients += self.scene.carry(look, self.rule.slopes(look, table), maps)
        return scores, torch.where(scores.isfinite()[..., None, None], gradients, 0.0)

    def _sums(self, maps: Tensor) -> Tensor:
        tallies = [self.rule.tally(look) for look in self.scene.looks(maps, self.rule.whole)]
        return torch.stack(tallies).sum(0)
