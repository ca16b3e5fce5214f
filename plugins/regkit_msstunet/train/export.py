"""From a training to weights and their card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from regkit.geometry.grid import FloatArray
from regkit.learning.domain_guard import measured
from regkit.learning.export import write_weights
from regkit_msstunet.card import Card, Range
from regkit_msstunet.guard import PLACE, place_of
from regkit_msstunet.train.draws import Draw, own_numbers
from regkit_msstunet.train.pool import PooledCase
from regkit_msstunet.train.views import Views
from regkit_ventricle.labels import MM3_PER_ML

# Cases from which the domain guard learns what is usual.
EXAMINED = 200


def export(
    file: Path,
    network: nn.Module,
    views: Views,
    mean: FloatArray,
    about: Mapping[str, Any],
) -> None:
    """Write the weights and the card of a method into a folder, both or neither.

    Parameters
    ----------
    file
        Where they go, without a suffix; its name is the method's.
    network
        With its final weights.
    views
        Of the cases it learnt from.
    mean
        Mean numbers of their poses.
    about
        Further facts for the card.
    """
    choices = views.choices
    facts = [case.facts for case in views.cases]
    card = Card(
        method=file.name,
        network=choices.network,
        switches=choices.switches,
        size=choices.grid_size,
        spacing_mm=choices.spacing_mm,
        exponent=choices.exponent,
        mean=tuple(mean.tolist()),
        modalities=tuple(sorted({fact["modality"] for fact in facts if fact["modality"]})),
        extent_mm=tuple(np.mean([fact["extent_mm"] for fact in facts], axis=0).tolist()),
        mass_mm=tuple(np.mean([fact["mass_mm"] for fact in facts], axis=0).tolist()),
        ranges=_ranges(views),
        passes=choices.passes,
        label_zoom=choices.label_zoom,
        about=about,
    )
    write_weights(file.parent, file.name, network, card.as_json())


def _ranges(views: Views) -> dict[str, Range]:
    """Measure how the images of training look to the network and to the domain guard."""
    cases = views.cases[:: max(1, len(views.cases) // EXAMINED)]
    examined, measures = Views(views.choices, cases, (), views.device), []
    for number, case in enumerate(cases):
        own = own_numbers(case, views.grid, views.choices)
        seen = examined.seen(Draw(number, own)).cpu().numpy()
        found = {"myocardium_ml": _myocardium_ml(case), **_place(case)}
        measures.append(measured(seen, 0.0) | found)
    ranges = {
        name: (min(m[name] for m in measures), max(m[name] for m in measures))
        for name in ("mean", "deviation", "myocardium_ml", *PLACE)
    }
    # Finer images are smoothed: only coarser ones show less than those of training.
    coarsest = max(case.facts["voxel_mm"] for case in views.cases)
    return ranges | {"voxel_mm": (0.0, max(coarsest, views.choices.spacing_mm))}


def _place(case: PooledCase) -> dict[str, float]:
    ventricle = case.truth.map_points((0.0, 0.0, 0.0)) - case.grid.centre
    return place_of(ventricle, case.facts["mass_mm"])


def _myocardium_ml(case: PooledCase) -> float:
    return float((case.labels == 1).sum()) * float(np.prod(case.frame.spacing)) / MM3_PER_ML
