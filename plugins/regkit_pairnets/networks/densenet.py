"""DenseNet: two streams that meet only at the end."""

from __future__ import annotations

from regkit.learning.layers import Norm
from regkit_pairnets.networks.pair_network import GridShape
from regkit_pairnets.networks.two_streams import LEVELS, NoExchange, TwoStreamNetwork


class DenseNet(TwoStreamNetwork):
    """The network of Chen et al. 2022 (MICCAI) without its recalibration: mu-map first.

    Parameters
    ----------
    grid_shape
        Voxels along x, y, z; at least 8. The published count belongs to 80, 80, 40.
    width
        Factor on the channels.
    norm
        ``batch`` as published, or ``group``.
    space_to_depth
        Voxels a side that become channels of one: 1 as published, 2 for small models.
    """

    def __init__(
        self,
        grid_shape: GridShape,
        width: float = 1.0,
        norm: Norm = "batch",
        space_to_depth: int = 1,
    ) -> None:
        super().__init__(
            grid_shape,
            width,
            norm,
            space_to_depth,
            exchanges=lambda _: [NoExchange() for _ in range(LEVELS)],
        )
