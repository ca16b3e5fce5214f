"""The base of this package's networks: they find the short axis and label the ventricle in it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from regkit.errors import ParameterError
from regkit_msstunet.networks.localizer import Localizer
from regkit_msstunet.networks.pose import pull_back, sample_cube
from regkit_msstunet.networks.segmenter import NetworkSize, Segmenter, voxels_within
from regkit_msstunet.networks.zooming import ZoomingLocalizer

# The U-Nets halve the volume four times.
HALVINGS = 16


@dataclass(frozen=True, eq=False)
class Prediction:
    """The raw outputs of a network.

    Parameters
    ----------
    numbers
        Six for each scale, (batch, scales, 6); see `regkit_msstunet.networks.pose`.
    logits
        Logits of background, myocardium and blood pool, (batch, 3, m, m, m), the finest first.
    """

    numbers: Tensor
    logits: tuple[Tensor, ...]


class Reorienter(nn.Module):
    """A localizer predicts the pose, the volume is resampled in it, and a segmenter labels it.

    Parameters
    ----------
    size
        Size of the network.
    localiser
        Localizer; None for a network that labels a given pose.
    segmenter
        Segmenter of the ventricle.
    joint
        Whether the segmentation loss trains the localizer, too; if not, the segmenter is trained
        in the true pose.

    Raises
    ------
    ParameterError
        The grid is too small for the network, or cannot be folded.
    """

    def __init__(
        self,
        size: NetworkSize,
        localiser: Localizer | ZoomingLocalizer | None,
        segmenter: Segmenter,
        joint: bool = True,
    ) -> None:
        super().__init__()
        check_grid(size)
        self.size, self.joint = size, joint and localiser is not None
        self.localiser, self.segmenter = localiser, segmenter

    @property
    def needs_pose(self) -> bool:
        """True for a network without a localizer, which labels a given pose."""
        return self.localiser is None

    @property
    def zooms(self) -> tuple[float, ...]:
        """The fraction of the field of view that each of the logits covers."""
        return self.segmenter.zooms

    def output_within(self, zoom: float) -> int:
        """Return which of the logits to read: the finest that cover no more than this share.

        Where all cover more, those that cover least.
        """
        within = (i for i, own in enumerate(self.zooms) if own <= zoom)
        return next(within, self.zooms.index(min(self.zooms)))

    def forward(self, volume: Tensor) -> Prediction:
        """Return numbers and logits of volumes (batch, 1, n, n, n).

        Raises
        ------
        ParameterError
            The volumes are not of this shape.
        """
        n = self.size.grid
        if volume.ndim != 5 or volume.shape[1:] != (1, n, n, n):
            shape = " x ".join(map(str, volume.shape))
            raise ParameterError(f"the network takes batch x 1 x {n} x {n} x {n}, got {shape}")
        approach, context = self.locate(volume)
        return Prediction(approach[-1], self.segment(volume, approach[-1], context))

    def locate(self, volume: Tensor) -> tuple[list[Tensor], Tensor | None]:
        """Return numbers (batch, scales, 6), zeros without a localiser, and what else was seen.

        Of the numbers that a localiser thought of one after the other, the last are the best.
        """
        if self.localiser is None:
            return [volume.new_zeros(len(volume), 1, 6)], None
        return self.localiser(volume), None

    def segment(
        self,
        volume: Tensor,
        numbers: Tensor,
        context: Tensor | None = None,  # noqa: ARG002 - of cascades
        finest: int = 0,
    ) -> tuple[Tensor, ...]:
        """Return logits of volumes looked at through numbers (batch, scales, 6).

        Where there are fewer scales than looks, the last one's serve for the rest. Logits finer
        than the output `finest` are left out.
        """
        zooms = self.segmenter.looks
        scales = [numbers[:, min(i, numbers.shape[1] - 1)] for i in range(len(zooms))]
        looks = [
            sample_cube(volume, pull_back(six, zoom), voxels_within(self.size.grid, zoom))
            for six, zoom in zip(scales, zooms, strict=True)
        ]
        logits: tuple[Tensor, ...] = self.segmenter(looks, scales, finest)
        return logits


def check_grid(size: NetworkSize) -> None:
    """Refuse a size that a U-Net cannot have."""
    step = HALVINGS * size.space_to_depth
    if size.space_to_depth < 1 or size.grid < step or size.grid % step:
        raise ParameterError(
            f"this network needs a grid of a multiple of {step} voxels a side, got {size.grid}"
        )
    if not size.width > 0:
        raise ParameterError(f"width takes a positive factor, got {size.width}")


def probabilities(logits: Tensor) -> Tensor:
    """Return the shares of the classes, which sum to one."""
    return torch.softmax(logits, dim=1)
