"""Losses, optimisers and the course of the rate, by the names presets give them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer

from regkit_pairnets.train.preset import Preset

LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "l1": functional.l1_loss,
    "mse": functional.mse_loss,
}


def build_optimiser(preset: Preset, parameters: Iterable[nn.Parameter]) -> Optimizer:
    """Build the optimiser of a preset."""
    kind = torch.optim.AdamW if preset.optimiser == "adamw" else torch.optim.Adam
    return kind(parameters, lr=preset.rate, betas=preset.betas, weight_decay=preset.weight_decay)


def rate_at(preset: Preset, step: int) -> float:
    """Return the rate of a step, counted from 0; it depends on nothing else."""
    rise = min(1.0, (step + 1) / preset.warmup) if preset.warmup else 1.0
    if preset.schedule == "cosine":
        fall = (1 + math.cos(math.pi * step / preset.steps)) / 2
    elif preset.schedule == "exponential":
        fall = preset.factor ** (step // preset.every)
    elif preset.schedule == "steps":
        fall = preset.factor ** sum(step >= milestone for milestone in preset.milestones)
    else:
        fall = 1.0
    return preset.rate * rise * fall


def average(into: nn.Module, of: nn.Module, decay: float, step: int) -> None:
    """Move one network's weights towards another's: an exponential moving average.

    Early on the average is short, so that it forgets the random weights of the beginning.
    """
    decay = min(decay, (1 + step) / (10 + step))
    theirs = of.state_dict()
    with torch.no_grad():
        for name, tensor in into.state_dict().items():
            if tensor.is_floating_point():
                tensor.lerp_(theirs[name], 1 - decay)
            else:
                tensor.copy_(theirs[name])
