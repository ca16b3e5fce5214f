"""How well a network does on cases it never learnt from, always the same ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from regkit.geometry.grid import Grid
from regkit.geometry.rigid import rigid_parameters
from regkit.geometry.transform import IDENTITY, AffineTransform
from regkit_pairnets.train.draws import Draw, draw_motion, draw_slices, whole_field
from regkit_pairnets.train.preset import Preset
from regkit_pairnets.train.views import Views

# Apart from every seed of a training step, which has a third number.
SEED = 1_234_567


def fixed_draws(preset: Preset, views: Views) -> tuple[list[Draw], list[Draw]]:
    """Return a motion of each case, images whole; and the same with slices missing, if learnt."""
    whole, cut = [], []
    for number, case in enumerate(views.cases):
        rng = np.random.default_rng([SEED, number])
        motion = draw_motion(rng, preset, views.grid)
        field = whole_field(case) if preset.coverage_share > 0 else None
        whole.append(Draw(number, motion, field=field))
        if field:
            focus = motion.map_points(np.subtract(case.focus_mm, case.fixed.grid.centre))
            slices = draw_slices(rng, preset.coverage, field, focus)
            cut.append(Draw(number, motion, field=slices))
    return whole, cut


def validate(
    network: nn.Module, views: Views, draws: tuple[list[Draw], list[Draw]], device: torch.device
) -> list[dict[str, float]]:
    """Return mean errors after one look, after two, ... with images whole and, if learnt, cut.

    They are ``dt_mm`` and ``dr_deg``: mean absolute differences of the translations along and the
    angles about three axes, about the grid's centre; ``_cut`` is added when slices are missing.
    """
    network.eval()
    scores: list[dict[str, float]] = [{} for _ in range(views.preset.passes)]
    for suffix, some in (("", draws[0]), ("_cut", draws[1])):
        found = [IDENTITY] * len(some)
        for after in scores if some else ():
            found = _look_again(network, views, some, found, device)
            dt, dr = _errors(found, some, views.grid)
            after |= {f"dt_mm{suffix}": dt, f"dr_deg{suffix}": dr}
    return scores


def best_passes(scores: Sequence[Mapping[str, float]], of_one: Mapping[str, float]) -> int:
    """Return after how many looks the errors are least, weighed as training weighs them.

    Whole and cut images weigh the same; `of_one` is as of `Preset`.
    """
    losses = [
        sum(
            v / one for k, v in after.items() for name, one in of_one.items() if k.startswith(name)
        )
        for after in scores
    ]
    return 1 + int(np.argmin(losses))


def _look_again(
    network: nn.Module,
    views: Views,
    draws: Sequence[Draw],
    found: Sequence[AffineTransform],
    device: torch.device,
) -> list[AffineTransform]:
    """Add to the maps found so far what the network finds of the remaining motion."""
    preset, better = views.preset, []
    for start in range(0, len(draws), preset.batch):
        part = slice(start, start + preset.batch)
        left = [_left(d, f) for d, f in zip(draws[part], found[part], strict=True)]
        first, second = views.inputs(left)
        with torch.inference_mode():
            outputs: Tensor = network(first.to(device), second.to(device))
        numbers = outputs.double().cpu().numpy() * preset.units
        for known, six in zip(found[part], numbers, strict=True):
            step = preset.numbers.to_transform(six, views.grid)
            better.append(AffineTransform(known.matrix @ step.matrix))
    return better


def _left(draw: Draw, found: AffineTransform) -> Draw:
    """Return a case as it looks when a part of its motion is known: its field of view turns."""
    field = draw.field and replace(draw.field, pose=draw.field.pose @ found)
    left = AffineTransform(found.inverse().matrix @ draw.motion.matrix)
    return replace(draw, motion=left, field=field)


def _errors(
    found: Sequence[AffineTransform], draws: Sequence[Draw], grid: Grid
) -> tuple[float, float]:
    shifts, angles = [], []
    for transform, draw in zip(found, draws, strict=True):
        one, two = (rigid_parameters(t, grid.centre) for t in (transform, draw.motion))
        shifts.append(np.abs(np.subtract(one.translation_mm, two.translation_mm)).mean())
        angles.append(np.abs(np.subtract(one.euler_deg, two.euler_deg)).mean())
    return float(np.mean(shifts)), float(np.mean(angles))
