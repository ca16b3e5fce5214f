"""Optimizers, learning rate schedules and the moving average of weights."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn
from torch.optim import Optimizer

from regkit.learning.training_config import TrainingConfig


def build_optimizer(config: TrainingConfig, parameters: Iterable[nn.Parameter]) -> Optimizer:
    """Build the optimizer of a configuration."""
    kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
    return kind(
        parameters,
        lr=config.learning_rate,
        betas=config.betas,
        weight_decay=config.weight_decay,
    )


def learning_rate_at(config: TrainingConfig, step: int) -> float:
    """Return the learning rate of a step, counted from 0; it depends on nothing else."""
    rise = min(1.0, (step + 1) / config.warmup) if config.warmup else 1.0
    if config.lr_schedule == "cosine":
        fall = (1 + math.cos(math.pi * step / config.steps)) / 2
    elif config.lr_schedule == "exponential":
        fall = config.decay_rate ** (step // config.decay_steps)
    elif config.lr_schedule == "steps":
        fall = config.decay_rate ** sum(step >= milestone for milestone in config.milestones)
    elif config.lr_schedule == "polynomial":
        fall = (1 - step / config.steps) ** config.decay_rate
    else:
        fall = 1.0
    return config.learning_rate * rise * fall


def update_ema(ema: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    """Move the average of the weights towards the network's.

    Early in a training the average is over few steps, so that it forgets the random weights of
    the beginning.

    Parameters
    ----------
    ema
        Network with the averaged weights; changed.
    network
        Network in training.
    decay
        Decay of the exponential moving average.
    step
        Number of the step, from 0.
    """
    decay = min(decay, (1 + step) / (10 + step))
    current = network.state_dict()
    with torch.no_grad():
        for name, tensor in ema.state_dict().items():
            if tensor.is_floating_point():
                tensor.lerp_(current[name], 1 - decay)
            else:
                tensor.copy_(current[name])
