"""How well a network does on cases it never learnt from, always the same ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from regkit.geometry.grid import FloatArray
from regkit.geometry.transform import IDENTITY, AffineTransform
from regkit_transmorph.networks.affine import matrices
from regkit_transmorph.physical import to_transform
from regkit_transmorph.train.draws import Draw, misplacement
from regkit_transmorph.train.views import Views

# Apart from every seed of a training step, which has a third number.
SEED = 1_234_567
# Every so many voxels of the body one is a target.
EVERY = 101


def fixed_draws(views: Views) -> list[Draw]:
    """Return one misplacement of each case."""
    found = []
    for number in range(len(views.cases)):
        rng = np.random.default_rng([SEED, number])
        fixed, moving = (misplacement(rng, views.choices, views.grid) for _ in range(2))
        found.append(Draw(number, fixed, moving))
    return found


def validate(network: nn.Module, views: Views, draws: Sequence[Draw]) -> dict[str, float]:
    """Return mean distances in mm from the truth, over the body: at first, and after the looks.

    ``tre_mm`` is after all looks, ``tre_mm_first`` after one, ``tre_mm_none`` without any.
    """
    network.eval()
    errors = []
    for draw in draws:
        points = _body(views, draw)
        found: AffineTransform = IDENTITY
        distances = [_error_mm(found, draw, points)]
        for _ in range(views.choices.passes):
            found = found @ _look(network, views, draw, found)
            distances.append(_error_mm(found, draw, points))
        errors.append((distances[-1], distances[1], distances[0]))
    names = ("tre_mm", "tre_mm_first", "tre_mm_none")
    return dict(zip(names, np.mean(errors, axis=0).tolist(), strict=True))


def _look(network: nn.Module, views: Views, draw: Draw, found: AffineTransform) -> AffineTransform:
    """Return what the network finds of what is left of a misplacement."""
    left = replace(draw, moving=draw.moving @ found)
    moving, fixed = views.batch([left]).seen()
    with torch.inference_mode():
        raw = network(moving, fixed).double().cpu()
    return to_transform(matrices(raw)[0].numpy(), views.grid, views.grid)


def _body(views: Views, draw: Draw) -> FloatArray:
    """Return points of the fixed body on the network's grid, LPS mm."""
    fixed, _ = views.pair(draw)
    return views.grid.to_physical(np.argwhere(fixed[0, 0].cpu().numpy() > 0)[::EVERY])


def _error_mm(found: AffineTransform, draw: Draw, points: FloatArray) -> float:
    apart = found.map_points(points) - draw.motion.map_points(points)
    return float(np.linalg.norm(apart, axis=1).mean())
