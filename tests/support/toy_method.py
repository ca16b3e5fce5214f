"""A learned method of a few lines: it registers shifts along x by one linear layer."""

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from regkit import AffineTransform, Grid, Volume
from regkit.learning import (
    ImageDomain,
    LearnedMethod,
    ModelCard,
    NetworkInputs,
    Task,
    TrainingConfig,
    centered_grid,
    register_with_model,
    train_method,
)

SHAPE, SPACING = (4, 4, 16), (8.0, 8.0, 8.0)
GRID = centered_grid((0.0, 0.0, 0.0), SHAPE, SPACING)


def ball(x: float, grid: Grid = GRID) -> Volume:
    """Return a blurred ball that is off the center by `x` mm along x."""
    points = grid.to_physical(np.moveaxis(np.indices(grid.shape_zyx), 0, -1))
    away = np.linalg.norm(points - (x, 0.0, 0.0), axis=-1)
    return Volume(np.exp(-((away / 25.0) ** 2)), grid, "pet")


class ShiftNetwork(nn.Module):
    """Two images to one number: the shift in units of 10 mm."""

    def __init__(self, bias: bool = True) -> None:
        super().__init__()
        self.layer = nn.Linear(2 * SHAPE[2], 1, bias=bias)

    def forward(self, fixed: torch.Tensor, moving: torch.Tensor) -> torch.Tensor:
        profiles = [image.mean(dim=(1, 2, 3)) for image in (fixed, moving)]
        return self.layer(torch.cat(profiles, dim=1))


@dataclass(frozen=True, kw_only=True)
class ToyCard(ModelCard):
    """The card of the toy's weights."""

    package: ClassVar[str] = "toy_package"

    fixed: ImageDomain
    moving: ImageDomain

    def build_network(self) -> nn.Module:
        return ShiftNetwork(**self.switches)


@dataclass(frozen=True)
class ToyMethod(LearnedMethod):
    """Registers shifts along x."""

    card: ClassVar[type[ModelCard]] = ToyCard

    weights: str = "toy"

    def infer(self, pair, trained, passes):
        def estimate(fixed, moving):
            (number,) = trained.predict(*(np.nan_to_num(v.array) for v in (fixed, moving)))
            return AffineTransform.shift((10.0 * float(number), 0.0, 0.0))

        inputs = NetworkInputs(pair.fixed, pair.moving, GRID)
        return register_with_model(pair, trained, inputs, estimate, passes)


@dataclass(frozen=True)
class ToyConfig(TrainingConfig):
    """The toy's configuration."""

    range_mm: float = 20.0


class ToyTask(Task[Any]):
    """Learns shifts of balls; its cases only say where the balls are."""

    config_class = ToyConfig
    card_class = ToyCard
    must_match = ("network", "switches")

    @staticmethod
    def cache_key(config):
        return []

    @staticmethod
    def prepare_case(case, config):
        return {"fixed": case.pair.fixed.array}, {"id": case.id}

    @staticmethod
    def load_case(tensors, facts):
        return facts["id"], tensors["fixed"]

    def build_network(self):
        return ShiftNetwork()

    def batch(self, step, indices):
        shifts = [self._shift(seed) for seed in self.case_seeds(step, indices)]
        fixed = torch.stack([torch.from_numpy(ball(0.0).array.copy())] * len(shifts))
        moving = torch.stack([torch.from_numpy(ball(x).array.copy()) for x in shifts])
        return fixed[:, None], moving[:, None], torch.tensor(shifts)[:, None].float() / 10.0

    def loss(self, batch, step):
        fixed, moving, target = batch
        return (self.network(fixed, moving) - target).square().mean()

    def validate(self, network):
        fixed, moving, target = self.batch(10**6, range(16))
        with torch.no_grad():
            return {"shift_mm": float(10.0 * (network(fixed, moving) - target).abs().mean())}

    def card_fields(self):
        return {"network": "shift", "switches": {}, "passes": self.config.passes}

    def measured_fields(self):
        domain = ImageDomain(modalities=("pet",), extent_mm=GRID.extent)
        return {"fixed": domain, "moving": replace(domain, modalities=("pet", "spect"))}

    def _shift(self, seed):
        return float(np.random.default_rng(seed).uniform(-1, 1) * self.config.range_mm)


def train_toy(job):
    """Train the toy; a `regkit.learning.training_job.Trainer`."""
    return train_method(job, ToyTask)
