"""From a training to weights and their card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from regkit.learning.domain_guard import measured
from regkit.learning.export import write_weights
from regkit_pairnets.card import Appearance, Card, Range
from regkit_pairnets.train.draws import draw
from regkit_pairnets.train.views import UNKNOWN, Views

# Cases from which the domain guard learns what is usual.
EXAMINED = 200


def export(
    folder: Path,
    method: str,
    network: nn.Module,
    views: Views,
    *,
    passes: int,
    about: Mapping[str, Any],
) -> None:
    """Write the weights and the card of a method into a folder, both or neither.

    Parameters
    ----------
    folder
        Where they go.
    method
        Name of method and network.
    network
        With its final weights.
    views
        Of the cases it learnt from.
    passes
        How often to look.
    about
        Further facts for the card.
    """
    preset = views.preset
    fixed, moving = _appearances(views)
    card = Card(
        method=method,
        network=method,
        switches=preset.switches,
        shape_zyx=preset.shape_zyx,
        spacing=preset.spacing,
        convention=preset.numbers,
        first=preset.first,
        units=preset.units,  # type: ignore[arg-type]
        fixed=fixed,
        moving=moving,
        passes=passes,
        unknown=UNKNOWN,
        about=about,
    )
    write_weights(folder, method, network, card.as_json())


def _appearances(views: Views) -> tuple[Appearance, Appearance]:
    """Measure how the images of training look to the network and to the domain guard."""
    measures: tuple[list[dict[str, float]], ...] = ([], [])
    for number in range(EXAMINED):
        one = draw(views.preset, views.cases, views.grid, (views.preset.seed, number, 1 << 40))
        for role, images in enumerate(views.seen([one])):
            measures[role].append(measured(images[0].cpu().numpy(), voxel_mm=0.0))
    fixed, moving = (
        _appearance(views, role, measures[place]) for place, role in enumerate(("fixed", "moving"))
    )
    return fixed, moving


def _appearance(views: Views, role: str, measures: Sequence[Mapping[str, float]]) -> Appearance:
    facts = [case.facts[role] for case in views.cases]
    ranges: dict[str, Range] = {
        name: (min(m[name] for m in measures), max(m[name] for m in measures))
        for name in ("mean", "deviation", "known")
    }
    ranges["known"] = (ranges["known"][0], 1.0)
    # Finer images are smoothed: only coarser ones show less than those of training.
    coarsest = max(*(fact["voxel_mm"] for fact in facts), min(views.preset.spacing) / 2)
    ranges["voxel_mm"] = (0.0, coarsest)
    x, y, z = np.mean([fact["extent_mm"] for fact in facts], axis=0).tolist()
    a, b, c = np.mean([fact["mass_mm"] for fact in facts], axis=0).tolist()
    return Appearance(facts[0]["modality"], (x, y, z), (a, b, c), ranges)
