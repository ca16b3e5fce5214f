"""The learned rigid methods: one class, which weights make this method or that."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from regkit.errors import ParameterError
from regkit.registrar import Estimate, Pair


@dataclass(frozen=True)
class LearnedRegistration:
    """Reads the motion off both images by a trained network, and looks again.

    The network sees both images on its own grid around the fixed image. Each pass registers what
    the one before left. A domain guard says when the images are not like those of training.

    Parameters
    ----------
    weights
        A method's name for its usual weights, or a ``.safetensors`` file with its card.
    passes
        How often to look; ``auto`` as often as the card says.
    device
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    """

    weights: str = "dusfe"
    passes: Literal["auto"] | int = "auto"
    device: str = "auto"

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        if self.passes != "auto" and not 1 <= self.passes <= 100:
            raise ParameterError(f"passes takes auto, or 1 to 100, got {self.passes}")
        if not self.weights:
            raise ParameterError("weights takes a name or a .safetensors file, got nothing")

    def register(self, pair: Pair) -> Estimate:
        """Return the initial map followed by the motion found."""
        from regkit_pairnets.inference import register  # noqa: PLC0415 - loads torch

        passes = None if self.passes == "auto" else self.passes
        return register(pair, self.weights, passes, self.device)
