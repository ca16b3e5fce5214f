"""The domain guard: it tells how an image differs from what a network has learnt from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from regkit.learning.guard import MARGIN
from regkit.learning.guard import WORDS as OF_IMAGES
from regkit_msstunet.card import Card

WORDS = {**OF_IMAGES, "myocardium_ml": "volume of myocardium found, in ml,"}


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
