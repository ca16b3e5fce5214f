"""From a training to weights and their card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from regkit.learning.domain_guard import measured
from regkit.learning.export import write_weights
from regkit_transmorph.card import Card, Look, Range
from regkit_transmorph.train.draws import draw
from regkit_transmorph.train.views import Views

# Cases from which the domain guard learns what is usual.
EXAMINED = 100


def export(
    folder: Path, method: str, network: nn.Module, views: Views, about: Mapping[str, Any]
) -> None:
    """Write the weights and the card of a method into a folder, both or neither.

    Parameters
    ----------
    folder
        Where they go.
    method
        Its name.
    network
        With its final weights.
    views
        Of the cases it learnt from.
    about
        Further facts for the card.
    """
    choices = views.choices
    fixed, moving = _looks(views)
    card = Card(
        method=method,
        variant=choices.variant,
        switches=choices.switches,
        shape_zyx=choices.shape_zyx,
        spacing=choices.spacing,
        fixed=fixed,
        moving=moving,
        passes=choices.passes,
        about=about,
    )
    write_weights(folder, method, network, card.as_json())


def _looks(views: Views) -> tuple[Look, Look]:
    """Measure how the images of training look to the domain guard."""
    measures: tuple[list[dict[str, float]], ...] = ([], [])
    for number in range(EXAMINED):
        seed = (views.choices.seed, number, 1 << 40)
        one = draw(views.choices, len(views.cases), views.grid, seed)
        for place, image in enumerate(views.pair(one)):
            measures[place].append(measured(image[0, 0].cpu().numpy(), voxel_mm=0.0))
    return _look(views, "fixed", measures[0]), _look(views, "moving", measures[1])


def _look(views: Views, role: str, measures: Sequence[Mapping[str, float]]) -> Look:
    facts = [case.facts[role] for case in views.cases]
    ranges: dict[str, Range] = {
        name: (min(m[name] for m in measures), max(m[name] for m in measures))
        for name in ("mean", "deviation", "known")
    }
    ranges["known"] = (ranges["known"][0], 1.0)
    # Finer images are smoothed: only coarser ones show less than those of training.
    coarsest = max(*(fact["voxel_mm"] for fact in facts), min(views.choices.spacing) / 2)
    ranges["voxel_mm"] = (0.0, coarsest)
    window: Range = getattr(views.choices, f"{role}_window")
    return Look(facts[0]["modality"], window, ranges)
