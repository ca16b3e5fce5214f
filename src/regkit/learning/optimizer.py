"""Optimisers and the rate, by the names presets give them."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import nn
from torch.optim import Optimizer

from regkit.learning.training_config import Course


def build_optimiser(course: Course, parameters: Iterable[nn.Parameter]) -> Optimizer:
    """Build the optimiser of a course."""
    kind = torch.optim.AdamW if course.optimiser == "adamw" else torch.optim.Adam
    return kind(parameters, lr=course.rate, betas=course.betas, weight_decay=course.weight_decay)


def rate_at(course: Course, step: int) -> float:
    """Return the rate of a step, counted from 0; it depends on nothing else."""
    rise = min(1.0, (step + 1) / course.warmup) if course.warmup else 1.0
    if course.schedule == "cosine":
        fall = (1 + math.cos(math.pi * step / course.steps)) / 2
    elif course.schedule == "exponential":
        fall = course.factor ** (step // course.every)
    elif course.schedule == "steps":
        fall = course.factor ** sum(step >= milestone for milestone in course.milestones)
    elif course.schedule == "polynomial":
        fall = (1 - step / course.steps) ** course.factor
    else:
        fall = 1.0
    return course.rate * rise * fall


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
