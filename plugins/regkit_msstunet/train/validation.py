"""How well a network does on cases it never learnt from, in their own poses."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from regkit_msstunet.geometry import half_width_mm
from regkit_msstunet.losses import wrapped
from regkit_msstunet.train.choices import Choices
from regkit_msstunet.train.draws import Draw, own_numbers
from regkit_msstunet.train.views import Views

STRUCTURES = {"my_dice": 1, "bp_dice": 2}


def validate(
    network: nn.Module, views: Views, choices: Choices, device: torch.device
) -> dict[str, float]:
    """Return mean scores after one look.

    ``rot_mse`` (rad^2) and ``dt_mm`` of the first scale's six numbers; ``my_dice`` and ``bp_dice``
    of the finest output, in the frame found, against the true labels in the true frame.
    """
    scores = [
        _score(network, views, choices, number, device) for number in range(len(views.cases))
    ]
    return {name: float(np.mean([score[name] for score in scores])) for name in scores[0]}


def _score(
    network: Any, views: Views, choices: Choices, number: int, device: torch.device
) -> dict[str, float]:
    own = own_numbers(views.cases[number], views.grid, choices)
    batch = views.batch([Draw(number, own)])
    volume, truth = batch.volume.to(device), batch.numbers.to(device)
    with torch.inference_mode():
        numbers, context = network.locate(volume)
        if network.needs_pose:
            numbers = truth[:, None]
        logits = network.segment(volume, numbers, context)[0]
    found, true = logits.argmax(dim=1).cpu(), batch.labels[0].cpu()
    scores = {name: _dice(found == label, true == label) for name, label in STRUCTURES.items()}
    error = (numbers[:, 0] - truth).float()
    scores["rot_mse"] = float((wrapped(error[:, :3]) ** 2).mean())
    scores["dt_mm"] = float(error[:, 3:].abs().mean()) * half_width_mm(views.grid)
    return scores


def _dice(one: Tensor, other: Tensor) -> float:
    sizes = one.sum() + other.sum()
    return float(2 * (one & other).sum() / sizes) if sizes else 0.0
