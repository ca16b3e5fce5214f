"""How well a network does on cases it never learnt from, in their own poses."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from regkit.geometry.grid import FloatArray
from regkit.geometry.transform import IDENTITY
from regkit_msstunet.geometry import half_width_mm, to_numbers, to_transform
from regkit_msstunet.train.draws import Draw, own_numbers
from regkit_msstunet.train.views import Views

STRUCTURES = {"my_dice": 1, "bp_dice": 2}


def validate(
    network: nn.Module, views: Views, usual: FloatArray, device: torch.device
) -> dict[str, float]:
    """Return mean scores after as many looks as in use.

    ``rot_mse`` (rad^2) and ``dt_mm`` of the first scale's six numbers, those of ``_first`` after
    one look; ``my_dice`` and ``bp_dice`` of the output that is used, in the frame found, against
    the true labels in the true frame.
    """
    scores = [_score(network, views, usual, number, device) for number in range(len(views.cases))]
    return {name: float(np.mean([score[name] for score in scores])) for name in scores[0]}


def _score(
    network: Any, views: Views, usual: FloatArray, number: int, device: torch.device
) -> dict[str, float]:
    grid = views.grid
    own = own_numbers(views.cases[number], grid, views.choices)
    true, back = to_transform(own, grid), to_transform(usual, grid).inverse()
    look, errors = IDENTITY, []
    for _ in range(1 if network.needs_pose else views.choices.passes):
        left = to_numbers(look.inverse() @ true, grid, usual[:3])
        batch = views.batch([Draw(number, left)])
        volume = batch.volume.to(device)
        with torch.inference_mode():
            approach, context = network.locate(volume)
            numbers = approach[-1]
        if network.needs_pose:
            numbers = batch.numbers.to(device)[:, None]
        pose = look @ to_transform(numbers[0, 0].double().cpu().numpy(), grid)
        errors.append(to_numbers(pose, grid, own[:3]) - own)
        look = pose @ back
    place = network.output_within(views.choices.label_zoom)
    with torch.inference_mode():
        logits = network.segment(volume, numbers, context, place)[0]
    found, target = logits.argmax(dim=1).cpu(), batch.labels[place].cpu()
    scores = {name: _dice(found == label, target == label) for name, label in STRUCTURES.items()}
    for name, error in (("", errors[-1]), ("_first", errors[0])):
        scores[f"rot_mse{name}"] = float((error[:3] ** 2).mean())
        scores[f"dt_mm{name}"] = float(np.abs(error[3:]).mean()) * half_width_mm(grid)
    return scores


def _dice(one: Tensor, other: Tensor) -> float:
    sizes = one.sum() + other.sum()
    return float(2 * (one & other).sum() / sizes) if sizes else 0.0
