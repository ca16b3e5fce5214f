"""Scores of networks that find the gland on held-out cases, always the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from regkit.geometry.grid import FloatArray, Grid
from regkit_gland.network import gland_probability
from regkit_gland.train.augmentation import View, plain_view
from regkit_gland.train.cases import GlandImage


def validate_glands(
    network: nn.Module, cases: Sequence[Mapping[str, GlandImage]], grid: Grid
) -> dict[str, float]:
    """Return mean scores.

    Parameters
    ----------
    network
        The networks, in evaluation mode.
    cases
        Held-out cases.
    grid
        The networks' cube, around the origin.

    Returns
    -------
    dict
        Dice coefficients by modality, ``dice_mr`` for instance, and their mean ``dice``;
        ``shift_mm``, the error of the shift between the glands' centers.
    """
    rows = []
    for case in cases:
        row, errors = {}, []
        for modality, source in case.items():
            view = plain_view(source, grid)
            found = gland_probability(network, torch.nan_to_num(view.image), modality)
            row[f"dice_{modality}"] = _dice(found, view)
            errors.append(_center(found, grid) - _center(view.mask, grid))
        row["dice"] = float(np.mean(list(row.values())))
        row["shift_mm"] = float(np.linalg.norm(errors[-1] - errors[0]))
        rows.append(row)
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def _dice(found: Tensor, view: View) -> float:
    one, other = found > 0.5, view.mask > 0.5
    return float(2 * (one & other).sum() / (one.sum() + other.sum()).clamp(min=1))


def _center(weights: Tensor, grid: Grid) -> FloatArray:
    """Return the center of probabilities of 0.5 and more, or of a mask; else of the cube."""
    array = weights[0, 0].cpu().numpy()
    index = np.argwhere(array >= 0.5)
    return grid.to_physical(index.mean(axis=0)) if len(index) else np.asarray(grid.centre)
