"""The base of the segmenters: views of the reoriented volume in, logits out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from torch import Tensor, nn

from regkit.learning.layers import Norm

LocalizerKind: TypeAlias = Literal["resnet", "zooming"]
Zooms: TypeAlias = tuple[float, float, float]
# As published.
ZOOMS: Zooms = (1.0, 0.5, 0.25)
# Background, myocardium, blood pool.
CLASSES = 3
# Fractions such as 31 / 95 are not exact in binary.
ROUNDING = 1e-6


@dataclass(frozen=True)
class NetworkSize:
    """The size of a network, and the kind of its localizer.

    Parameters
    ----------
    grid
        Voxels along each side of the volume.
    width
        Factor on the channels; 1 as published.
    norm
        ``batch`` as published, or ``group``.
    space_to_depth
        Side in voxels of the blocks that become channels, in the view of the whole field of view:
        1 as published, more for small models.
    localizer_width
        Factor on the channels of the localizer; 0 for `width`.
    localizer
        ``resnet`` as published, or ``zooming``: see `regkit_msstunet.networks.zooming`.
    zooms
        Fractions of the field of view covered by the views of a multi-scale network, 1 first.
    """

    grid: int
    width: float = 1.0
    norm: Norm = "batch"
    space_to_depth: int = 1
    localizer_width: float = 0.0
    localizer: LocalizerKind = "resnet"
    zooms: Zooms = ZOOMS


class Segmenter(nn.Module, ABC):
    """Labels the ventricle in reoriented views of a volume at several zooms.

    Parameters
    ----------
    size
        Size of the network.
    views
        Fractions of the field of view of its inputs: 1 is the whole.
    zooms
        Fractions of the field of view of its outputs, the finest output first.
    """

    def __init__(
        self, size: NetworkSize, views: Sequence[float] = (1.0,), zooms: Sequence[float] = (1.0,)
    ) -> None:
        super().__init__()
        self.size, self.views, self.zooms = size, tuple(views), tuple(zooms)

    @abstractmethod
    def forward(
        self,
        views: Sequence[Tensor],
        numbers: Sequence[Tensor],
        finest: int = 0,
    ) -> tuple[Tensor, ...]:
        """Return logits (batch, 3, m, m, m), one tensor for each of `zooms`.

        Parameters
        ----------
        views
            One view per input zoom, (batch, 1, n * zoom, ...).
        numbers
            Six pose parameters (batch, 6) of each view.
        finest
            Index in `zooms` of the finest output needed; finer ones are not computed.
        """


def voxels_within(voxels: int, zoom: float) -> int:
    """Return the number of voxels along a side of the central fraction `zoom` of a volume.

    Half and a quarter of 128 voxels are 64 and 32. Voxels keep their exact size where the fraction
    is a whole number of steps between voxels: 31 / 95 of 96 voxels is 32.
    """
    return int(zoom * (voxels - 1) + ROUNDING) + 1


def to_classes(channels: int, block_size: int) -> nn.Conv3d:
    """Build the 1 x 1 x 1 convolution from features to the logits of a block of voxels."""
    return nn.Conv3d(channels, CLASSES * block_size**3, 1)
