"""The domain guard: it tells how an image differs from what a network has learnt from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from regkit_msstunet.card import Card

# Share of a range by which an image may leave it before anybody is warned.
MARGIN = 0.25
WORDS = {
    "mean": "mean intensity",
    "deviation": "contrast",
    "voxel_mm": "voxel size in mm",
    "myocardium_ml": "volume of myocardium found, in ml,",
}


def measured(seen: NDArray[np.float32], voxel_mm: float) -> dict[str, float]:
    """Return what the guard looks at.

    Parameters
    ----------
    seen
        A prepared image on the network's grid.
    voxel_mm
        Longest side of the voxels that the image came with.
    """
    return {"mean": float(seen.mean()), "deviation": float(seen.std()), "voxel_mm": voxel_mm}


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
