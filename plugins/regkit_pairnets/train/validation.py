"""Errors of a pair network on held-out cases, always with the same motions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from torch import nn

from regkit.geometry.grid import Grid
from regkit.geometry.rigid import rigid_parameters
from regkit.geometry.transform import AffineTransform
from regkit_pairnets.train.augmentation import (
    Augmentation,
    full_field_of_view,
    sample_motion,
    truncate_axially,
)
from regkit_pairnets.train.batch_sampler import BatchSampler
from regkit_pairnets.train.config import PairNetConfig
from regkit_pairnets.train.stages import PreviousStages, corrected

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
    network: nn.Module, sampler: BatchSampler, motions: Motions, stages: PreviousStages
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
    stages
        Stages before the network.

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
        found = stages.found(sampler, some)
        for after in scores if some else ():
            scale = sampler.config.output_scale
            found = corrected(network, sampler, some, found, scale)
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


def _errors(
    found: Sequence[AffineTransform], motions: Sequence[Augmentation], grid: Grid
) -> tuple[float, float]:
    shifts, angles = [], []
    for transform, truth in zip(found, motions, strict=True):
        one, two = (rigid_parameters(t, grid.centre) for t in (transform, truth.motion))
        shifts.append(np.abs(np.subtract(one.translation_mm, two.translation_mm)).mean())
        angles.append(np.abs(np.subtract(one.euler_deg, two.euler_deg)).mean())
    return float(np.mean(shifts)), float(np.mean(angles))
