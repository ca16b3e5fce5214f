"""DuSFE: DenseNet whose streams recalibrate each other on every level."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from regkit.errors import ParameterError
from regkit.learning.layers import Norm
from regkit_pairnets.networks.pair_network import GridShape
from regkit_pairnets.networks.squeeze_fuse_excite import SqueezeFuseExcite
from regkit_pairnets.networks.two_streams import LEVELS, NoExchange, TwoStreamNetwork

ALL_LEVELS = tuple(range(1, LEVELS + 1))


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
    exchange_levels
        Levels, 1 to 3, at whose ends the streams recalibrate each other: all as published; without
        any this is DenseNet.
    space_to_depth
        Voxels a side that become channels of one: 1 as published, 2 for small models.

    Raises
    ------
    ParameterError
        There is no such level.
    """

    def __init__(
        self,
        grid_shape: GridShape,
        width: float = 1.0,
        norm: Norm = "batch",
        *,
        fuse_batchnorm: bool = False,
        dead_fuse_convs: bool = False,
        exchange_levels: Sequence[int] = ALL_LEVELS,
        space_to_depth: int = 1,
    ) -> None:
        if unknown := [level for level in exchange_levels if level not in ALL_LEVELS]:
            raise ParameterError(
                f"exchange_levels takes levels from 1 to {LEVELS}, got {unknown[0]}"
            )

        def exchanges(channels: int) -> Sequence[nn.Module]:
            return [
                SqueezeFuseExcite(channels, norm, fuse_batchnorm, dead_fuse_convs)
                if level in exchange_levels
                else NoExchange()
                for level in ALL_LEVELS
            ]

        super().__init__(grid_shape, width, norm, space_to_depth, exchanges=exchanges)
