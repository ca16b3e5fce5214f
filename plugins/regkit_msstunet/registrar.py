"""Reorientation of the left ventricle by a trained network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from regkit.learning import LearnedMethod, ModelCard
from regkit.registrar import Estimate, Explanation, Judgement, Pair
from regkit_msstunet.card import ReorientationCard


@dataclass(frozen=True)
class LearnedReorientation(LearnedMethod):
    """Reorientation of the left ventricle to its short axis, and its labels, by a trained network.

    The moving image is transaxial. The fixed image defines the short-axis frame: its origin is the
    centre of the fixed field of view; its x, y, z are the ventricle's lateral, inferior and base
    directions. The intensities of the fixed image are not used, and neither is an initial
    transform: the input of the network is the moving image, resampled on an upright grid.

    The labels are 1 for myocardium and 2 for the blood pool, in the space of the moving image, on
    a finer grid along the short-axis planes.

    Parameters
    ----------
    weights
        Name of installed or shipped weights, or a ``.safetensors`` file with its card.
    passes
        Number of passes of the network; ``auto`` for that of the card. Later passes
        resample the ventricle in the mean pose of training.
    device
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    """

    card: ClassVar[type[ModelCard]] = ReorientationCard
    # The fixed image is an average organ: its labels and its judge tell.
    compares_with_start: ClassVar[bool] = False

    weights: str = "ms-st-unet"

    def infer(self, pair: Pair, trained: Any, passes: int) -> Estimate:
        """Return the map of short-axis to transaxial points, and the ventricle's labels."""
        from regkit_msstunet.inference import reorient  # noqa: PLC0415 - loads torch

        return reorient(pair, trained, passes)

    def explain(self, pair: Pair) -> Explanation:
        """Reorient a pair's moving image, and return the places that the network looked at."""
        from regkit_msstunet.explanation import explain_reorientation  # noqa: PLC0415 - torch

        return explain_reorientation(pair, *self.loaded())

    def judge(self, pair: Pair, estimate: Estimate) -> Judgement | None:
        """Judge an estimate by the ventricle in its labels; see `regkit_ventricle.judge`."""
        from regkit_ventricle.judge import judge_short_axis  # noqa: PLC0415 - loads scipy

        return judge_short_axis(pair, estimate)
