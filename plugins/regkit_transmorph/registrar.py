"""The methods `transmorph-mi` and `transmorph-cr`: affine maps read by a trained network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from regkit.learning import LearnedMethod, ModelCard
from regkit.registrar import Estimate, Pair
from regkit_transmorph.affine_parameterization import Model
from regkit_transmorph.card import TransMorphCard


@dataclass(frozen=True)
class TransMorph(LearnedMethod):
    """Affine registration of a CT and a PET by a trained network.

    The network sees both images on its own grid around the fixed one: HU and SUV in windows,
    without table and air. Each pass corrects the transform so far. A domain guard warns when the
    images are not like those of training.

    Parameters
    ----------
    weights
        Name of installed or shipped weights, or a ``.safetensors`` file with its card.
    passes
        Number of passes of the network; ``auto`` for that of the card.
    device
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    model
        ``affine``, 12 parameters; or ``anisotropic``, 9: each pass without its shears along the
        axes of the network's grid.
    """

    card: ClassVar[type[ModelCard]] = TransMorphCard

    weights: str = "transmorph-cr"
    model: Model = "affine"

    def infer(self, pair: Pair, trained: Any, passes: int) -> Estimate:
        """Return the initial transform followed by the one found."""
        from regkit_transmorph.inference import register_affine  # noqa: PLC0415 - loads torch

        return register_affine(pair, trained, passes, self.model)
