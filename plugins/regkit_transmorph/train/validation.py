"""Target registration errors of TransMorph on held-out cases, always misplaced alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from regkit.geometry.grid import FloatArray
from regkit.geometry.transform import IDENTITY, AffineTransform
from regkit_transmorph.affine_parameterization import normalized_to_lps
from regkit_transmorph.networks.affine import matrices
from regkit_transmorph.train.image_sampler import ImageSampler
from regkit_transmorph.train.misplacement import Misplacement, sample_affine

# Apart from every seed of a training step, which has a third number.
SEED = 1_234_567
# One of so many voxels of the body is a target; chosen by hand.
TARGET_STRIDE = 101


def validation_misplacements(sampler: ImageSampler) -> list[Misplacement]:
    """Return one misplacement of each case."""
    found = []
    for number in range(len(sampler.cases)):
        rng = np.random.default_rng([SEED, number])
        fixed, moving = (sample_affine(rng, sampler.config, sampler.grid) for _ in range(2))
        found.append(Misplacement(number, fixed, moving))
    return found


def validate_maps(
    network: nn.Module, sampler: ImageSampler, misplacements: Sequence[Misplacement]
) -> dict[str, float]:
    """Return mean distances in mm from the truth over the body.

    ``tre_mm`` is that after all passes, ``tre_mm_pass1`` after one, ``tre_mm_initial`` before any.
    """
    network.eval()
    errors = []
    for one in misplacements:
        points = _targets(sampler, one)
        found: AffineTransform = IDENTITY
        distances = [_error_mm(found, one, points)]
        for _ in range(sampler.config.passes):
            found = found @ _estimate(network, sampler, one, found)
            distances.append(_error_mm(found, one, points))
        errors.append((distances[-1], distances[1], distances[0]))
    names = ("tre_mm", "tre_mm_pass1", "tre_mm_initial")
    return dict(zip(names, np.mean(errors, axis=0).tolist(), strict=True))


def _estimate(
    network: nn.Module, sampler: ImageSampler, misplacement: Misplacement, found: AffineTransform
) -> AffineTransform:
    """Return the network's estimate of the misplacement that is left."""
    left = replace(misplacement, moving=misplacement.moving @ found)
    moving, fixed = sampler.batch([left]).inputs()
    with torch.inference_mode():
        raw = network(moving, fixed).double().cpu()
    return normalized_to_lps(matrices(raw)[0].numpy(), sampler.grid, sampler.grid)


def _targets(sampler: ImageSampler, misplacement: Misplacement) -> FloatArray:
    """Return points of the fixed body on the network's grid, LPS mm."""
    fixed, _ = sampler.pair(misplacement)
    body = np.argwhere(fixed[0, 0].cpu().numpy() > 0)
    return sampler.grid.to_physical(body[::TARGET_STRIDE])


def _error_mm(found: AffineTransform, misplacement: Misplacement, points: FloatArray) -> float:
    apart = found.map_points(points) - misplacement.motion.map_points(points)
    return float(np.linalg.norm(apart, axis=1).mean())
