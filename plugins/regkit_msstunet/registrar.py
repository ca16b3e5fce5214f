"""Reorientation of the left ventricle by a trained network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from regkit.errors import ParameterError
from regkit.registrar import Estimate, Pair


@dataclass(frozen=True)
class LearnedReorientation:
    """Turns the left ventricle to its short axis and segments it, by a trained network.

    The moving image is a transaxial one. The fixed image says where the short-axis frame is: its
    origin is the centre of the fixed field of view; its x, y, z are the ventricle's lateral,
    inferior and base directions. What the fixed image shows does not matter, and neither does an
    initial map: the network sees the moving image only, on its own upright grid.

    Labels found are 1 for myocardium and 2 for the blood pool. They are where the ventricle is in
    the moving image, on voxels of their own: in the planes found, finer than the image's.

    Parameters
    ----------
    weights
        A method's name for its usual weights, or a ``.safetensors`` file with its card.
    passes
        How often to look; ``auto`` as often as the card says. Later looks see the ventricle
        posed as it was in training on average.
    device
        ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
    """

    weights: str = "ms-st-unet"
    passes: Literal["auto"] | int = "auto"
    device: str = "auto"

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        if self.passes != "auto" and not 1 <= self.passes <= 100:
            raise ParameterError(f"passes takes auto, or 1 to 100, got {self.passes}")
        if not self.weights:
            raise ParameterError("weights takes a name or a .safetensors file, got nothing")

    def register(self, pair: Pair) -> Estimate:
        """Return the map of short-axis to transaxial points, and the ventricle's labels."""
        from regkit_msstunet.inference import register  # noqa: PLC0415 - loads torch

        passes = None if self.passes == "auto" else self.passes
        return register(pair, self.weights, passes, self.device)
