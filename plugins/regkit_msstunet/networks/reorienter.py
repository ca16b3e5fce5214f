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
        Six pose parameters for each scale, (batch, scales, 6); see
        `regkit_msstunet.networks.pose`.
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
    localizer
        Localizer; None for a network that labels the volume in a given pose.
    segmenter
        Segmenter of the ventricle.
    joint
        Whether the segmentation loss trains the localizer too; otherwise the segmenter is trained
        in the true pose.

    Raises
    ------
    ParameterError
        The grid is too small for the network, or no multiple of what it divides by.
    """

    def __init__(
        self,
        size: NetworkSize,
        localizer: Localizer | ZoomingLocalizer | None,
        segmenter: Segmenter,
        joint: bool = True,
    ) -> None:
        super().__init__()
        check_grid(size)
        self.size, self.joint = size, joint and localizer is not None
        # "localiser" is a key of the weights' files.
        self.localiser, self.segmenter = localizer, segmenter

    @property
    def needs_pose(self) -> bool:
        """True for a network without a localizer, which labels the volume in a given pose."""
        return self.localiser is None

    @property
    def zooms(self) -> tuple[float, ...]:
        """The fraction of the field of view that each of the logits covers."""
        return self.segmenter.zooms

    def output_within(self, zoom: float) -> int:
        """Return the index of the finest output covering at most `zoom` of the field of view.

        If all cover more, return the index of the output that covers least.
        """
        within = (i for i, covered in enumerate(self.zooms) if covered <= zoom)
        return next(within, self.zooms.index(min(self.zooms)))

    def forward(self, volume: Tensor) -> Prediction:
        """Predict the pose parameters and logits of volumes (batch, 1, n, n, n).

        Raises
        ------
        ParameterError
            The volumes are not of this shape.
        """
        n = self.size.grid
        if volume.ndim != 5 or volume.shape[1:] != (1, n, n, n):
            shape = " x ".join(map(str, volume.shape))
            raise ParameterError(f"the network takes batch x 1 x {n} x {n} x {n}, got {shape}")
        estimates, context = self.locate(volume)
        return Prediction(estimates[-1], self.segment(volume, estimates[-1], context))

    def locate(self, volume: Tensor) -> tuple[list[Tensor], Tensor | None]:
        """Return successive estimates of the pose, the last is the best, and context features.

        An estimate is (batch, scales, 6), zeros without a localizer. The context features are for
        `segment`; None if the network has none.
        """
        if self.localiser is None:
            return [volume.new_zeros(len(volume), 1, 6)], None
        return self.localiser(volume), None

    def segment(
        self,
        volume: Tensor,
        numbers: Tensor,
        context: Tensor | None = None,  # noqa: ARG002 - for cascades
        finest: int = 0,
    ) -> tuple[Tensor, ...]:
        """Return logits of volumes resampled in the pose of numbers (batch, scales, 6).

        Where there are fewer scales than views, the last scale is reused. Outputs finer than the
        index `finest` are not computed.
        """
        zooms = self.segmenter.views
        scales = [numbers[:, min(i, numbers.shape[1] - 1)] for i in range(len(zooms))]
        views = [
            sample_cube(volume, pull_back(six, zoom), voxels_within(self.size.grid, zoom))
            for six, zoom in zip(scales, zooms, strict=True)
        ]
        logits: tuple[Tensor, ...] = self.segmenter(views, scales, finest)
        return logits


def check_grid(size: NetworkSize) -> None:
    """Refuse a grid that the U-Nets cannot halve, and a width that is not positive."""
    step = HALVINGS * size.space_to_depth
    if size.space_to_depth < 1 or size.grid < step or size.grid % step:
        raise ParameterError(
            f"this network needs a grid of a multiple of {step} voxels a side, got {size.grid}"
        )
    if not size.width > 0:
        raise ParameterError(f"width takes a positive factor, got {size.width}")


def probabilities(logits: Tensor) -> Tensor:
    """Return the class probabilities of logits."""
    return torch.softmax(logits, dim=1)
