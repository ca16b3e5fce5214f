"""The methods `transmorph-mi` and `transmorph-cr`: affine maps read by a trained network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from regkit.errors import ParameterError
from regkit.registrar import Estimate, Pair
from regkit_transmorph.physical import Model


@dataclass(frozen=True)
class TransMorph:
    """Reads an affine map off a CT and a PET by a trained network, and looks again.

    The network sees both images on its own grid around the fixed one: HU and SUV in windows,
    without table and air. Each pass registers what the one before left. A domain guard says when
    the images are not like those of training.

    Parameters
    ----------
    weights
        A method's name for its usual weights, or a ``.safetensors`` file with its card.
    model
        ``affine``, 12 parameters; or ``anisotropic``, 9: each look without its shears along the
        axes of the network's grid.
    passes
        How often to look; ``auto`` as often as the card says.
    device
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    """

    weights: str = "transmorph-cr"
    model: Model = "affine"
    passes: Literal["auto"] | int = "auto"
    device: str = "auto"

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        check_looks(self.weights, self.passes)

    def register(self, pair: Pair) -> Estimate:
        """Return the initial map followed by the one found."""
        from regkit_transmorph.inference import register  # noqa: PLC0415 - loads torch

        count = None if self.passes == "auto" else self.passes
        return register(pair, self.weights, count, self.model, self.device)


def check_looks(weights: str, passes: Literal["auto"] | int) -> None:
    """Refuse weights without a name and numbers of passes that make no sense."""
    if passes != "auto" and not 1 <= passes <= 100:
        raise ParameterError(f"passes takes auto, or 1 to 100, got {passes}")
    if not weights:
        raise ParameterError("weights takes a name or a .safetensors file, got nothing")
