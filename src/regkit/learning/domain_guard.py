"""The domain guard: it tells how a pair differs from what a network has learnt from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

# Share of a range by which an image may leave it before anybody is warned.
MARGIN = 0.25
# 1/cm: rounding below zero, and more than any tissue or implant at a scanner's energies.
MU_SLACK, MU_MOST = 0.1, 5.0
WORDS = {
    "mean": "mean intensity",
    "deviation": "contrast",
    "known": "share of the field of view that is shown",
    "voxel_mm": "voxel size in mm",
}
# Weights for attenuation maps take a CT: both are scaled to the same tissues.
STAND_INS = {"mu": "ct"}


class Learnt(Protocol):
    """How the images of one role looked in training."""

    @property
    def modality(self) -> str:
        """As of `regkit.geometry.volume.Volume`."""

    @property
    def ranges(self) -> Mapping[str, tuple[float, float]]:
        """Least and greatest of what `measured` returns."""


class Trained(Protocol):
    """The card of a method's weights."""

    @property
    def method(self) -> str:
        """Name of the method."""

    @property
    def fixed(self) -> Learnt:
        """How fixed images looked."""

    @property
    def moving(self) -> Learnt:
        """How moving images looked."""


def measured(seen: NDArray[np.float32], voxel_mm: float) -> dict[str, float]:
    """Return what the guard looks at.

    Parameters
    ----------
    seen
        A prepared image on the network's grid, NaN where it shows nothing.
    voxel_mm
        Longest side of the voxels that the image came with.
    """
    known = np.isfinite(seen)
    values = seen[known]
    return {
        "mean": float(values.mean()) if values.size else 0.0,
        "deviation": float(values.std()) if values.size else 0.0,
        "known": float(known.mean()),
        "voxel_mm": voxel_mm,
    }


def unlike_unit(values: NDArray[Any], modality: str) -> str | None:
    """Say in words if an image cannot be in the unit of a modality, else nothing.

    Parameters
    ----------
    values
        As the image came.
    modality
        What it is taken for.
    """
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if modality == "mu" and (low < -MU_SLACK or high > MU_MOST):
        return f"runs from {low:g} to {high:g}: no attenuation per cm; of a CT in HU, say ct"
    if modality == "ct" and low >= -MU_SLACK and high <= MU_MOST:
        return f"runs from {low:g} to {high:g}: no CT in HU; of attenuation per cm, say mu"
    return None


def doubts(
    card: Trained, role: str, modality: str, measures: Mapping[str, float]
) -> Iterator[str]:
    """Yield in words how an image differs from those of training.

    Parameters
    ----------
    card
        Of the weights.
    role
        ``fixed`` or ``moving``.
    modality
        What the image says it is; empty if it does not.
    measures
        As `measured` returns them.
    """
    learnt = card.fixed if role == "fixed" else card.moving
    if modality and modality not in {learnt.modality, STAND_INS.get(learnt.modality)}:
        yield f"the {role} image is {modality}, and {card.method} has learnt {learnt.modality}"
    for name, (low, high) in learnt.ranges.items():
        value, slack = measures[name], MARGIN * (high - low)
        if not low - slack <= value <= high + slack:
            yield (
                f"the {role} image's {WORDS.get(name, name)} is {value:.3g}, and {card.method} "
                f"has learnt from {low:.3g} to {high:.3g}"
            )
