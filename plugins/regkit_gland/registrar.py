"""Registration of the prostate by where it is in both images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from regkit.learning import LearnedMethod, ModelCard
from regkit.registrar import Estimate, Judgement, Pair
from regkit_gland.card import GlandCard


@dataclass(frozen=True)
class GlandRegistration(LearnedMethod):
    """Registration of the prostate by where it is: MR and transrectal ultrasound.

    A small network for each modality finds the gland, and the moving image is shifted so that the
    centers of both glands meet. Nothing is turned, for a mask tells little of the rotation, and
    nothing is refined by intensities, which prefer other places in ultrasound. The rotation of an
    initial transform is kept.

    Where no gland is found, or where both glands overlap more at the start, the initial transform
    is returned, and the verdict says so. The labels of both images are 1 for the gland.

    Parameters
    ----------
    weights
        Name of installed or shipped weights, or a ``.safetensors`` file with its card.
    passes
        Number of passes of the networks; ``auto`` for that of the card. The first looks around
        the middle of each image, later ones around the gland found.
    device
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    """

    card: ClassVar[type[ModelCard]] = GlandCard
    # It compares the masks that it finds.
    compares_with_start: ClassVar[bool] = False

    weights: str = "gland"

    def infer(self, pair: Pair, trained: Any, passes: int) -> Estimate:
        """Return the initial transform followed by a shift, and the glands."""
        from regkit_gland.inference import register_glands  # noqa: PLC0415 - loads torch

        return register_glands(pair, trained, passes)

    def judge(self, pair: Pair, estimate: Estimate) -> Judgement | None:  # noqa: ARG002
        """Judge an estimate by the glands in its labels; see `regkit_gland.judge`."""
        from regkit_gland.judge import judge_glands  # noqa: PLC0415 - loads scipy

        return judge_glands(estimate)
