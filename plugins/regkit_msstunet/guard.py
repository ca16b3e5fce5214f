"""The domain guard: it tells how an image differs from what a network has learnt from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import ArrayLike

from regkit.learning.domain_guard import MARGIN
from regkit.learning.domain_guard import WORDS as OF_IMAGES
from regkit_msstunet.card import Card

# Of the ventricle from the body's centre of mass; along z that depends on what was scanned.
PLACE = ("left_mm", "behind_mm")
WORDS = {
    **OF_IMAGES,
    "myocardium_ml": "volume of myocardium found, in ml,",
    "left_mm": "ventricle, from the body's centre of mass to the left, in mm,",
    "behind_mm": "ventricle, from the body's centre of mass to the back, in mm,",
}


def place_of(ventricle: ArrayLike, mass: ArrayLike) -> dict[str, float]:
    """Return where a ventricle lies in a body, from points in LPS mm."""
    x, y, _ = np.subtract(ventricle, mass)
    return dict(zip(PLACE, (float(x), float(y)), strict=True))


def doubts(card: Card, modality: str, measures: Mapping[str, float]) -> Iterator[str]:
    """Yield in words how an image differs from those of training.

    Parameters
    ----------
    card
        Of the weights.
    modality
        What the image says it is; empty if it does not.
    measures
        Name -> what was measured; what the card knows nothing of is left out.
    """
    if modality and modality not in card.modalities:
        learnt = " and ".join(card.modalities)
        yield f"the moving image is {modality}, and {card.method} has learnt {learnt}"
    for name, (low, high) in card.ranges.items():
        value, slack = measures.get(name, low), MARGIN * (high - low)
        if not low - slack <= value <= high + slack:
            yield (
                f"the moving image's {WORDS.get(name, name)} is {value:.3g}, and {card.method} "
                f"has learnt from {low:.3g} to {high:.3g}"
            )
