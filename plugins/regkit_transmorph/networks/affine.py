"""From features to the fifteen raw numbers of an affine map, and what these mean."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from regkit_instance.torch_backend.raw_affine import (
    ROTATION,
    SCALE,
    SHEAR,
    TRANSLATION,
    raw_matrix,
)

# What the heads' outputs are multiplied by.
DAMPED = 0.1
LEAK = 0.01
HIDDEN = 100
# Deviations of the last layers' random weights and biases: the untrained map is near the identity.
SPREADS = {
    "rotation": (3, 1e-3, 1e-3),
    "scale": (3, 1e-2, 1e-2),
    "translation": (3, 1e-2, 1e-4),
    "shear": (6, 1e-2, 1e-4),
}


class AffineHeads(nn.Module):
    """Four heads of two layers: rotation, scale, translation, shear.

    Parameters
    ----------
    features
        Number of features after flattening.
    hidden
        Features between the layers of each head.
    """

    def __init__(self, features: int, hidden: int = HIDDEN) -> None:
        super().__init__()
        self.heads = nn.ModuleDict(
            {name: _head(features, hidden, *sizes) for name, sizes in SPREADS.items()}
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return raw numbers (batch, 15), as of `regkit_instance.torch_backend.raw_affine`."""
        flat = features.flatten(1)
        return DAMPED * torch.cat([head(flat) for head in self.heads.values()], dim=1)


@dataclass(frozen=True, eq=False)
class Parts:
    """The parts of affine maps in normalized coordinates, each (batch, n).

    Parameters
    ----------
    rotation, shear
        Angles in radians; the tangent of the latter is the shear.
    scale
        Factors, 0 to 5.
    translation
        Translations in half extents of the field of view.
    """

    rotation: Tensor
    scale: Tensor
    translation: Tensor
    shear: Tensor


def parts(raw: Tensor) -> Parts:
    """Return what raw numbers (batch, 15) mean."""
    return Parts(
        raw[:, ROTATION].clamp(-1, 1) * math.pi,
        (1 + raw[:, SCALE]).clamp(0, 5),
        raw[:, TRANSLATION],
        raw[:, SHEAR].clamp(-1, 1) * math.pi,
    )


def matrices(raw: Tensor) -> Tensor:
    """Return the maps (batch, 3, 4) of fixed to moving normalised coordinates (x, y, z).

    These run from -1 to 1 between the edges of the field of view, x along the last axis of the
    tensors.
    """
    return torch.stack([raw_matrix(numbers) for numbers in raw])


def inverses(maps: Tensor) -> Tensor:
    """Return the inverse maps (batch, 3, 4)."""
    linear = torch.linalg.inv(maps[:, :, :3])
    return torch.cat([linear, -linear @ maps[:, :, 3:]], dim=2)


def _head(
    features: int, hidden: int, numbers: int, of_weights: float, of_biases: float
) -> nn.Sequential:
    last = nn.Linear(hidden, numbers)
    nn.init.normal_(last.weight, 0.0, of_weights)
    nn.init.normal_(last.bias, 0.0, of_biases)
    return nn.Sequential(nn.Linear(features, hidden), nn.LeakyReLU(LEAK), last)
