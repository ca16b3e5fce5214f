"""The networks by their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import TypeAlias, get_args

from regkit.errors import ParameterError, UnknownNameError
from regkit.learning.layers import Norm
from regkit_msstunet.networks.attention_unet import AttentionUNet
from regkit_msstunet.networks.dense_unet import DenseUNet
from regkit_msstunet.networks.localizer import MEAN_POSE, Localizer
from regkit_msstunet.networks.ms_unet import MSUNet
from regkit_msstunet.networks.nnunet import NNUNet, check_installed
from regkit_msstunet.networks.omega_net import OmegaNet
from regkit_msstunet.networks.plain_unet import PlainUNet
from regkit_msstunet.networks.reorienter import Reorienter, check_grid
from regkit_msstunet.networks.segmenter import ZOOMS, LocalizerKind, NetworkSize, Segmenter, Zooms
from regkit_msstunet.networks.vnet import VNet
from regkit_msstunet.networks.zooming import ZoomingLocalizer

Build: TypeAlias = Callable[[NetworkSize, Sequence[float]], Reorienter]
SCALES = 3
# Former name -> name: the paper calls the joint network so, and this one is not joint.
FORMER_NAMES = {"rot2-seg2": "sep-rot2-seg2"}


def _built(
    size: NetworkSize,
    mean: Sequence[float],
    scales: int,
    segmenter: Callable[[NetworkSize], Segmenter],
    joint: bool = True,
) -> Reorienter:
    return Reorienter(size, _localizer(size, mean, scales), segmenter(size), joint)


def _localizer(
    size: NetworkSize, mean: Sequence[float], scales: int
) -> Localizer | ZoomingLocalizer | None:
    width = size.localizer_width or size.width
    if not scales:
        return None
    if size.localizer == "zooming":
        return ZoomingLocalizer(scales, size.grid, width, mean)
    return Localizer(scales, width, size.norm, size.space_to_depth, mean)


NETWORKS: Mapping[str, Build] = {
    "ms-st-unet": partial(_built, scales=SCALES, segmenter=MSUNet),
    "sep-rot2-seg2": partial(_built, scales=SCALES, segmenter=MSUNet, joint=False),
    "rot1-seg1": partial(_built, scales=1, segmenter=AttentionUNet),
    "seg1": partial(_built, scales=0, segmenter=AttentionUNet),
    "seg2": partial(_built, scales=0, segmenter=MSUNet),
    "v-net": partial(_built, scales=1, segmenter=VNet),
    "dense-u-net": partial(_built, scales=1, segmenter=DenseUNet),
    "nnu-net": partial(_built, scales=1, segmenter=NNUNet),
    "u-net": partial(_built, scales=1, segmenter=PlainUNet),
    "omega-net": OmegaNet,
}


def reorienter_names() -> tuple[str, ...]:
    """Return the names that `build_reorienter` knows."""
    return tuple(NETWORKS)


def build_reorienter(
    grid_size: int,
    name: str = "ms-st-unet",
    *,
    width: float = 1.0,
    localizer_width: float = 0.0,
    norm: Norm = "batch",
    space_to_depth: int = 1,
    localizer: LocalizerKind = "resnet",
    zooms: Sequence[float] = ZOOMS,
    mean: Sequence[float] = MEAN_POSE,
) -> Reorienter:
    """Build a network with random weights.

    Parameters
    ----------
    grid_size
        Voxels along each side of the volume, 128 as published; a multiple of 16 `space_to_depth`.
    name
        ``ms-st-unet``: pose and labels trained jointly at three scales; ``sep-rot2-seg2``:
        trained separately ("Sep Rot Op2-Seg Op2" of the paper); ``rot1-seg1``: at one scale.
        ``seg2``, ``seg1``: labels only, at three scales or one, in a given pose. ``v-net``,
        ``dense-u-net``, ``nnu-net`` (needs the extra ``baselines``), ``u-net`` (plain, in the
        manner of nnU-Net): labels in the pose of a localizer. ``omega-net``: a cascade of U-Nets.
    width
        Factor on the channels.
    localizer_width
        Factor on the channels of the localizer, which has most of the weights; 0 for `width`.
    norm
        ``batch`` as published, or ``group``.
    space_to_depth
        Side in voxels of the blocks that become channels at the scale of the whole field of view:
        1 as published; more makes the first and last layers of small models cheaper.
    localizer
        Network that predicts the pose: ``resnet`` as published, or ``zooming`` (not published) for
        fewer images. Unused by ``omega-net``, ``seg1`` and ``seg2``.
    zooms
        Fractions of the field of view at the scales of the network, 1 first.
    mean
        Six pose parameters that an untrained network returns.

    Returns
    -------
    Reorienter
        A module whose ``forward(volume)`` takes (batch, 1, n, n, n) and returns a `Prediction`.

    Raises
    ------
    UnknownNameError, MissingDependencyError
        There is no such network, or its package is not installed.
    ParameterError
        A parameter is invalid, or the grid is too small or no multiple of 16 `space_to_depth`.
    """
    check_network(name)
    _check_localizer(localizer)
    size = NetworkSize(
        grid_size, width, norm, space_to_depth, localizer_width, localizer, _three(zooms)
    )
    check_grid(size)
    return NETWORKS[name](size, mean)


def check_network(name: str) -> None:
    """Refuse a name that no network has, and a network whose package is not installed.

    Raises
    ------
    UnknownNameError
        There is no such network.
    MissingDependencyError
        The network is of a package that is not installed.
    """
    if name in FORMER_NAMES:
        raise UnknownNameError(f"the network '{name}' is called '{FORMER_NAMES[name]}' now")
    if name not in NETWORKS:
        raise UnknownNameError(f"no network is called '{name}'; available: {', '.join(NETWORKS)}")
    if name == "nnu-net":
        check_installed()


def _check_localizer(localizer: str) -> None:
    if localizer not in get_args(LocalizerKind):
        kinds = " or ".join(f"'{kind}'" for kind in get_args(LocalizerKind))
        raise ParameterError(f"localizer takes {kinds}, got '{localizer}'")


def _three(zooms: Sequence[float]) -> Zooms:
    """Return the zooms, three decreasing fractions, as a tuple."""
    decreasing = all(closer < wider for wider, closer in pairwise([*zooms, 0.0]))
    if len(zooms) != len(ZOOMS) or zooms[0] != 1 or not decreasing:
        raise ParameterError(
            f"zooms must be three decreasing fractions, the first 1, got {list(zooms)}"
        )
    whole, closer, closest = map(float, zooms)
    return whole, closer, closest
