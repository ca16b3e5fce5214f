"""Errors of a pair network on held-out cases, always with the same motions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from regkit.geometry.grid import Grid
from regkit.geometry.rigid import rigid_parameters
from regkit.geometry.transform import IDENTITY, AffineTransform
from regkit_pairnets.train.augmentation import (
    Augmentation,
    full_field_of_view,
    residual_augmentation,
    sample_motion,
    truncate_axially,
)
from regkit_pairnets.train.batch_sampler import BatchSampler
from regkit_pairnets.train.config import PairNetConfig

# Apart from every seed of a training step, which has a third number.
SEED = 1_234_567
Motions = tuple[list[Augmentation], list[Augmentation]]


def validation_motions(config: PairNetConfig, sampler: BatchSampler) -> Motions:
    """Return one motion of each case, with whole images; and the same with truncated ones.

    The latter is empty for a configuration without truncation.
    """
    whole, truncated = [], []
    for number, case in enumerate(sampler.cases):
        rng = np.random.default_rng([SEED, number])
        motion = sample_motion(rng, config, sampler.grid)
        field = full_field_of_view(case) if config.truncation_prob > 0 else None
        whole.append(Augmentation(number, motion, field=field))
        if field:
            focus = np.subtract(case.facts["focus_mm"], case.fixed.grid.centre)
            focus = motion.map_points(focus)
            some = truncate_axially(rng, config.axial_coverage, field, focus)
            truncated.append(Augmentation(number, motion, field=some))
    return whole, truncated


def validate_motions(
    network: nn.Module, sampler: BatchSampler, motions: Motions, device: torch.device
) -> list[dict[str, float]]:
    """Return the mean errors after one pass, after two, and so on.

    Parameters
    ----------
    network
        The network; put into evaluation mode.
    sampler
        Sampler of the held-out cases.
    motions
        Result of `validation_motions`.
    device
        Device of the network.

    Returns
    -------
    list of dict
        Scores ``dt_mm`` and ``dr_deg``: mean absolute differences of the translations along and
        the angles about three axes, about the grid's center; with ``_partial_coverage``, those of
        truncated images.
    """
    network.eval()
    scores: list[dict[str, float]] = [{} for _ in range(sampler.config.passes)]
    for suffix, some in (("", motions[0]), ("_partial_coverage", motions[1])):
        found = [IDENTITY] * len(some)
        for after in scores if some else ():
            found = _next_pass(network, sampler, some, found, device)
            dt, dr = _errors(found, some, sampler.grid)
            after |= {f"dt_mm{suffix}": dt, f"dr_deg{suffix}": dr}
    return scores


def best_passes(scores: Sequence[Mapping[str, float]], unit_errors: Mapping[str, float]) -> int:
    """Return the number of passes with the least errors, weighted as in the loss.

    Parameters
    ----------
    scores
        Result of `validate_motions`; errors of whole and truncated images have the same weight.
    unit_errors
        Errors that an output of 1 means; see `regkit_pairnets.train.config.PairNetConfig`.
    """
    losses = [
        sum(
            value / unit
            for key, value in after.items()
            for name, unit in unit_errors.items()
            if key.startswith(name)
        )
        for after in scores
    ]
    return 1 + int(np.argmin(losses))


def _next_pass(
    network: nn.Module,
    sampler: BatchSampler,
    motions: Sequence[Augmentation],
    found: Sequence[AffineTransform],
    device: torch.device,
) -> list[AffineTransform]:
    """Correct the maps found so far by the network's estimate of the residual motions."""
    config, corrected = sampler.config, []
    for start in range(0, len(motions), config.batch_size):
        part = slice(start, start + config.batch_size)
        residual = [
            residual_augmentation(a, f) for a, f in zip(motions[part], found[part], strict=True)
        ]
        input_a, input_b = sampler.inputs(residual)
        with torch.inference_mode():
            outputs: Tensor = network(input_a.to(device), input_b.to(device))
        numbers = outputs.double().cpu().numpy() * config.output_scale
        for known, six in zip(found[part], numbers, strict=True):
            step = config.parameterization.to_transform(six, sampler.grid)
            corrected.append(AffineTransform(known.matrix @ step.matrix))
    return corrected


def _errors(
    found: Sequence[AffineTransform], motions: Sequence[Augmentation], grid: Grid
) -> tuple[float, float]:
    shifts, angles = [], []
    for transform, truth in zip(found, motions, strict=True):
        one, two = (rigid_parameters(t, grid.centre) for t in (transform, truth.motion))
        shifts.append(np.abs(np.subtract(one.translation_mm, two.translation_mm)).mean())
        angles.append(np.abs(np.subtract(one.euler_deg, two.euler_deg)).mean())
    return float(np.mean(shifts)), float(np.mean(angles))
