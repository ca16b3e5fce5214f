"""Reorientation of the left ventricle by a trained network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from regkit.learning import LearnedMethod, ModelCard
from regkit.registrar import Estimate, Pair
from regkit_msstunet.card import ReorientationCard


@dataclass(frozen=True)
class LearnedReorientation(LearnedMethod):
    """Reorientation of the left ventricle to its short axis, and its labels, by a trained network.

    The moving image is a transaxial one. The fixed image says where the short-axis frame is: its
    origin is the centre of the fixed field of view; its x, y, z are the ventricle's lateral,
    inferior and base directions. The content of the fixed image does not matter, and neither does
    an initial transform: the network sees the moving image only, on its own upright grid.

    The labels are 1 for myocardium and 2 for the blood pool. They lie where the ventricle is in
    the moving image, on voxels of their own: in the short-axis planes found, finer than the
    image's.

    Parameters
    ----------
    weights
        Name of installed or shipped weights, or a ``.safetensors`` file with its card.
    passes
        Number of passes of the network; ``auto`` for that of the card. Later passes see the
        ventricle in the mean pose of training.
    device
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    """

    card: ClassVar[type[ModelCard]] = ReorientationCard

    weights: str = "ms-st-unet"

    def infer(self, pair: Pair, trained: Any, passes: int) -> Estimate:
        """Return the map of short-axis to transaxial points, and the ventricle's labels."""
        from regkit_msstunet.inference import reorient  # noqa: PLC0415 - loads torch

        return reorient(pair, trained, passes)
