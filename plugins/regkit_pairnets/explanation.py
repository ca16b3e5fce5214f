"""The places that a pair network looked at: attention, and squeeze-fuse weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from regkit.errors import RegistrationError
from regkit.geometry.grid import Grid
from regkit.geometry.transform import IDENTITY, AffineTransform
from regkit.geometry.volume import Volume
from regkit.learning import TrainedModel, are_exchanged
from regkit.learning.network_grid import feature_grid, moved_grid
from regkit.learning.output_capture import Captured, captured_outputs
from regkit.registrar import ExplainedMap, Explanation, Pair
from regkit_pairnets.card import PairNetCard
from regkit_pairnets.inference import network_inputs, register_rigid
from regkit_pairnets.networks.attention_reg import STRIDES, AttentionReg
from regkit_pairnets.networks.cross_attention import CrossAttention, MutualAttention
from regkit_pairnets.networks.pair_network import GridShape, PairNetwork
from regkit_pairnets.networks.squeeze_fuse_excite import SqueezeFuseExcite
from regkit_pairnets.networks.two_streams import TwoStreamNetwork

ATTENTION = (
    "attention that a place receives from all places of the other image, as a multiple of the mean"
)
VOXEL_WEIGHT = "weight, 0 to 1, by which the features of a place are added once more"


@dataclass(frozen=True, eq=False)
class StreamWeights:
    """The weights of the features of both streams on one level of a network.

    Parameters
    ----------
    name, meaning
        Name and meaning of the maps; see `regkit.registrar.ExplainedMap`.
    streams
        Weights of the first and the second stream, shape (d1, d2, d3) in the order of the
        network's axes.
    step
        Voxels of the network's grid from one feature to the next.
    at_first_voxel
        True if the first feature stands for the first voxel, and not for the first block's center.
    channels
        Weights of the channels of both streams; empty for none.
    """

    name: str
    meaning: str
    streams: tuple[Tensor, Tensor]
    step: GridShape
    at_first_voxel: bool = False
    channels: tuple[list[float], ...] = ()


def explain_rigid(pair: Pair, trained: TrainedModel[PairNetCard], passes: int) -> Explanation:
    """Register a pair, and return the weights of its places in the last pass.

    Parameters
    ----------
    pair, trained, passes
        Parameters of `regkit.learning.LearnedMethod.infer`.

    Raises
    ------
    RegistrationError
        The network weights no places, or knows these images in exchanged roles.
    """
    card, network = trained.card, trained.network
    if are_exchanged(pair, card):
        raise RegistrationError(
            f"what {card.method} looks at can be shown for a fixed {card.fixed.modality} and a "
            f"moving {card.moving.modality} only; register the images the other way round"
        )
    watched, read = _reader(network, card.network)
    if passes > 1:
        pair = replace(pair, initial=register_rigid(pair, trained, passes - 1).transform)
    with captured_outputs([*watched, network]) as seen:
        estimate = register_rigid(pair, trained, 1)
    grid = network_inputs(pair, card).grid
    numbers = seen[network][0].double().cpu().numpy() * card.output_scale
    last_step = card.parameterization.to_transform(numbers, grid)
    levels = list(read(network, seen))
    roles: tuple[Literal["fixed", "moving"], ...] = ("fixed", "moving")
    if card.input_order == "moving-fixed":
        roles = roles[::-1]
    # The network saw the moving image before its own last step.
    motions = {"fixed": IDENTITY, "moving": last_step.inverse()}
    maps = tuple(
        ExplainedMap(
            level.name, role, _placed(level, stream, card, grid, motions[role]), level.meaning
        )
        for level in levels
        for role, stream in sorted(zip(roles, level.streams, strict=True), key=lambda one: one[0])
    )
    channels = {
        level.name: dict(zip(roles, level.channels, strict=True))
        for level in levels
        if level.channels
    }
    return Explanation(estimate.transform, maps, {"channel_weights": channels} if channels else {})


Reader = Callable[[Any, Captured], Iterator[StreamWeights]]


def _reader(network: PairNetwork, name: str) -> tuple[Sequence[nn.Module], Reader]:
    """Return the modules whose outputs hold the weights of a network, and the way to read them."""
    squeezing = [m for m in network.modules() if isinstance(m, SqueezeFuseExcite)]
    if squeezing:
        return [
            excite for m in squeezing for excite in (*m.excite_space, *m.excite_channels)
        ], squeeze_fuse_weights
    attending = [m for m in network.modules() if isinstance(m, CrossAttention)]
    if attending:
        return [part for m in attending for part in (m.query, m.key)], attention_weights
    raise RegistrationError(
        f"the network {name} of these weights weights no places, so there is nothing to show; "
        "use weights with attention or squeeze-fuse modules"
    )


def squeeze_fuse_weights(network: TwoStreamNetwork, seen: Captured) -> Iterator[StreamWeights]:
    """Yield the weights of voxels and channels on every level with a squeeze-fuse module.

    Parameters
    ----------
    network
        The network.
    seen
        Outputs of the modules of `SqueezeFuseExcite` that excite.
    """
    for level, exchange in enumerate(network.streams.exchanges):
        if isinstance(exchange, SqueezeFuseExcite):
            one, two = (torch.sigmoid(seen[m])[0, 0] for m in exchange.excite_space)
            channels = tuple(torch.sigmoid(seen[m])[0].tolist() for m in exchange.excite_channels)
            step = level_step(network, level)
            yield StreamWeights(
                f"level-{level + 1}", VOXEL_WEIGHT, (one, two), step, channels=channels
            )


def attention_weights(network: PairNetwork, seen: Captured) -> Iterator[StreamWeights]:
    """Yield the attention that the places of both images receive from each other.

    Parameters
    ----------
    network
        The network.
    seen
        Outputs of the queries and keys of its `CrossAttention`.
    """
    for module, step, at_first in _attending(network):
        one, two = (
            received_attention(seen[part.query], seen[part.key])[0]
            for part in (module.first, module.second)
        )
        yield StreamWeights("attention", ATTENTION, (one, two), step, at_first)


def _attending(network: PairNetwork) -> Iterator[tuple[MutualAttention, GridShape, bool]]:
    """Yield attention modules, voxels between their positions, and the place of the first one."""
    if isinstance(network, AttentionReg) and network.attention is not None:
        yield network.attention, STRIDES, True
    if isinstance(network, TwoStreamNetwork):
        for level, exchange in enumerate(network.streams.exchanges):
            for module in exchange.modules():
                if isinstance(module, MutualAttention):
                    yield module, level_step(network, level), False


def level_step(network: TwoStreamNetwork, level: int) -> GridShape:
    """Return the voxels of the network's grid between features of a level, the first one 0."""
    return (network.block_size * 2 ** min(level, network.streams.poolings),) * 3


def received_attention(query: Tensor, key: Tensor, rows: int = 1024) -> Tensor:
    """Return the attention that each key receives, summed over all queries: 1 on average.

    Parameters
    ----------
    query, key
        Features (batch, channels, d1, d2, d3) of one size.
    rows
        Number of queries whose attention is held in memory at once.

    Returns
    -------
    Tensor
        Attention (batch, d1, d2, d3).
    """
    keys, queries = key.flatten(2), query.flatten(2).transpose(1, 2)
    total = torch.zeros(keys.shape[0], keys.shape[2], device=keys.device)
    for start in range(0, queries.shape[1], rows):
        some = queries[:, start : start + rows]
        total += torch.softmax(some @ keys, dim=-1).sum(dim=1)
    return total.reshape(key.shape[0], *key.shape[2:])


def _placed(
    level: StreamWeights, stream: Tensor, card: PairNetCard, grid: Grid, motion: AffineTransform
) -> Volume:
    """Return the weights of a stream in the space of the fixed image."""
    # What orders the axes of an array for the network also puts them back.
    array = card.parameterization.ordered(np.asarray(stream.float().cpu().numpy()))
    step = level.step[::-1] if card.parameterization.axes == "xyz" else level.step
    first = (0.0, 0.0, 0.0) if level.at_first_voxel else None
    features = feature_grid(grid, array.shape, step, first)
    return Volume(np.ascontiguousarray(array), moved_grid(features, motion))
