"""The learned rigid methods: one class; its weights make it one method or another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from regkit.learning import LearnedMethod, ModelCard
from regkit.registrar import Estimate, Explanation, Pair
from regkit_pairnets.card import PairNetCard


@dataclass(frozen=True)
class LearnedRegistration(LearnedMethod):
    """Rigid registration by a trained network that estimates the motion from both images.

    The network sees both images on its own grid around the fixed image. Each pass corrects the
    transform so far. A domain guard warns when the images are not like those of training.
    The weights that come with regkit were trained on simulated patients only: they have seen no
    clinical image.

    Parameters
    ----------
    weights
        Name of installed or shipped weights, or a ``.safetensors`` file with its card; of stages
        that register one after the other, several with ``+`` between.
    passes
        Number of passes of the network; ``auto`` for that of the card.
    device
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    """

    card: ClassVar[type[ModelCard]] = PairNetCard

    weights: str = "dusfe"

    def infer(self, pair: Pair, trained: Any, passes: int) -> Estimate:
        """Return the initial transform followed by the motion found."""
        from regkit_pairnets.inference import register_rigid  # noqa: PLC0415 - loads torch

        return register_rigid(pair, trained, passes)

    def explain(self, pair: Pair) -> Explanation:
        """Register a pair, and return the places that the network looked at."""
        from regkit_pairnets.explanation import explain_rigid  # noqa: PLC0415 - loads torch

        return explain_rigid(self.before_last_stage(pair), *self.loaded())
