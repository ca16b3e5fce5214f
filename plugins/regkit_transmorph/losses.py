"""The published losses: negative similarity of the warped images, in both directions.

Chen et al. 2024, arXiv 2409.13863. The measures themselves are those of
`regkit_instance.torch_backend.reference_cr` and `regkit_instance.torch_backend.reference_mi`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TypeAlias

from torch import Tensor
from torch.nn import functional

from regkit_instance.torch_backend.reference_cr import (
    correlation_ratio_loss,
    local_correlation_ratio_loss,
)
from regkit_instance.torch_backend.reference_mi import (
    local_mutual_information_loss,
    mutual_information_loss,
)
from regkit_transmorph.networks.affine import inverses

# Of two images on one grid, (batch, 1, d1, d2, d3) from 0 to 1: a scalar, lower for more alike.
Loss: TypeAlias = Callable[[Tensor, Tensor], Tensor]

LOSSES: Mapping[str, Loss] = {
    "cr": correlation_ratio_loss,
    "local-cr": local_correlation_ratio_loss,
    "mi": partial(mutual_information_loss, variance=0.5, epsilon=1e-8),
    "local-mi": local_mutual_information_loss,
}


def symmetric_loss(loss: Loss, moving: Tensor, fixed: Tensor, maps: Tensor) -> Tensor:
    """Return the mean of the losses of fixed and warped moving, and of moving and warped fixed.

    Parameters
    ----------
    loss
        One of `LOSSES`.
    moving, fixed
        Images from 0 to 1 on one grid, (batch, 1, d1, d2, d3).
    maps
        One map of fixed to moving normalized coordinates for each case, (batch, 3, 4).
    """
    forth = loss(warped(moving, maps), fixed)
    back = loss(warped(fixed, inverses(maps)), moving)
    return (forth + back) / 2


def warped(volumes: Tensor, maps: Tensor) -> Tensor:
    """Return volumes resampled through maps (batch, 3, 4), zero beyond their edges."""
    where = functional.affine_grid(maps.to(volumes), list(volumes.shape), align_corners=False)
    return functional.grid_sample(volumes, where, align_corners=False)
