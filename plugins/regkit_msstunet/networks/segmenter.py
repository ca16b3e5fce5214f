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
# Shares such as 31 / 95 are not exact in binary.
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
        Voxels a side that become channels of one where the whole field of view is looked at: 1 as
        published, more for small models.
    localizer_width
        Factor on the channels of the localizer, if another one than `width`; 0 for the same.
    localizer
        ``resnet`` as published, or ``zooming``: see `regkit_msstunet.networks.zooming`.
    zooms
        Shares of the field of view that a multi-scale network looks at, the whole first.
    """

    grid: int
    width: float = 1.0
    norm: Norm = "batch"
    space_to_depth: int = 1
    localizer_width: float = 0.0
    localizer: LocalizerKind = "resnet"
    zooms: Zooms = ZOOMS


class Segmenter(nn.Module, ABC):
    """Labels the ventricle in reoriented looks at a volume.

    Parameters
    ----------
    size
        Size of the network.
    looks
        Zooms of the looks that it wants: 1 covers the whole field of view.
    zooms
        Zooms of the logits that it returns, the finest first.
    """

    def __init__(
        self, size: NetworkSize, looks: Sequence[float] = (1.0,), zooms: Sequence[float] = (1.0,)
    ) -> None:
        super().__init__()
        self.size, self.looks, self.zooms = size, tuple(looks), tuple(zooms)

    @abstractmethod
    def forward(
        self,
        looks: Sequence[Tensor],
        numbers: Sequence[Tensor],
        finest: int = 0,
    ) -> tuple[Tensor, ...]:
        """Return logits (batch, 3, m, m, m), one of each of `zooms`.

        Parameters
        ----------
        looks
            One of each of the zooms wanted, (batch, 1, n * zoom, ...).
        numbers
            The six numbers (batch, 6) by which each was taken.
        finest
            Place among `zooms` of the finest logits that are wanted: finer ones are left out.
        """


def voxels_within(voxels: int, zoom: float) -> int:
    """Return how many voxels, of as many along a side of a volume, a share of it holds.

    Of 128, half and a quarter hold 64 and 32. A share of a whole number of steps between voxels,
    as of 31 / 95 of 96, makes voxels of exactly the same size: 32.
    """
    return int(zoom * (voxels - 1) + ROUNDING) + 1


def to_classes(channels: int, block_size: int) -> nn.Conv3d:
    """Build the layer from features to the logits of a block of voxels."""
    return nn.Conv3d(channels, CLASSES * block_size**3, 1)
