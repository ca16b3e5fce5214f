"""DuSFE: DenseNet whose streams recalibrate each other on every level."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from regkit.learning.layers import Norm
from regkit_pairnets.networks.pair_network import GridShape
from regkit_pairnets.networks.squeeze_fuse_excite import SqueezeFuseExcite
from regkit_pairnets.networks.two_streams import LEVELS, TwoStreamNetwork


class DuSFE(TwoStreamNetwork):
    """The network of Chen et al. 2022 (MICCAI): mu-map first, SPECT second.

    Parameters
    ----------
    grid_shape
        Voxels along x, y, z; at least 8. The published count belongs to 80, 80, 40.
    width
        Factor on the channels.
    norm
        ``batch`` as published, or ``group``.
    fuse_batchnorm
        Whether the recalibrated features are normalised, as in the published code and not in the
        paper's equations nor in its count.
    dead_fuse_convs
        Whether to hold the convolutions that the paper counts and nothing calls. They get no
        gradient and only matter for the count.
    space_to_depth
        Voxels a side that become channels of one: 1 as published, 2 for small models.
    """

    def __init__(
        self,
        grid_shape: GridShape,
        width: float = 1.0,
        norm: Norm = "batch",
        *,
        fuse_batchnorm: bool = False,
        dead_fuse_convs: bool = False,
        space_to_depth: int = 1,
    ) -> None:
        def exchanges(channels: int) -> Sequence[nn.Module]:
            return [
                SqueezeFuseExcite(channels, norm, fuse_batchnorm, dead_fuse_convs)
                for _ in range(LEVELS)
            ]

        super().__init__(grid_shape, width, norm, space_to_depth, exchanges=exchanges)
