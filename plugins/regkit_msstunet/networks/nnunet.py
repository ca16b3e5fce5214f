"""nnU-Net's own network, `PlainConvUNet`, as its rules plan it for the whole field of view.

The network is of the package dynamic-network-architectures (extra ``baselines``), the plan of
`regkit_msstunet.networks.nnunet_plan`. Isensee et al. 2021, doi:10.1038/s41592-020-01008-z.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

from torch import Tensor, nn

from regkit.errors import MissingDependencyError, ParameterError
from regkit.learning.layers import depth_to_space, scale_channels, space_to_depth
from regkit_msstunet.networks.nnunet_plan import CONVOLUTIONS, NetworkPlan, plan_network
from regkit_msstunet.networks.segmenter import CLASSES, NetworkSize, Segmenter

PACKAGE = "dynamic_network_architectures"
# Layers that the package's blocks hold a second time, under a name of their own.
SECOND_NAMES = ("conv", "norm", "nonlin")


class NNUNet(Segmenter):
    """nnU-Net's network on one view of the volume.

    As in nnU-Net, all levels of the decoder but the deepest have outputs in training. The deepest
    has no output layer here, because nothing would train it.

    Parameters
    ----------
    size
        Size of the network; its normalization is always that of instances.

    Raises
    ------
    ParameterError
        The rules plan a patch that is smaller or larger than the volume.
    """

    def __init__(self, size: NetworkSize) -> None:
        plan = _plan(size)
        super().__init__(size, zooms=(1.0,) * (len(plan.strides) - 2))
        self.net = _build(plan, size)

    def forward(
        self,
        views: Sequence[Tensor],
        numbers: Sequence[Tensor],  # noqa: ARG002
        finest: int = 0,
    ) -> tuple[Tensor, ...]:
        """Return logits of all levels but the deepest, all of the whole field of view."""
        block = self.size.space_to_depth
        levels = self.net(space_to_depth(views[0], block))[: len(self.zooms)]
        return tuple(depth_to_space(logits, block) for logits in levels[finest:])


def check_installed() -> None:
    """Refuse to go on without the package."""
    if find_spec(PACKAGE) is None:
        raise MissingDependencyError(
            "network=nnu-net needs dynamic-network-architectures: "
            "pip install dynamic-network-architectures"
        )


def _plan(size: NetworkSize) -> NetworkPlan:
    side = size.grid // size.space_to_depth
    cube = (side, side, side)
    plan = plan_network(cube, (1.0, 1.0, 1.0), CLASSES * size.space_to_depth**3)
    if plan.patch != cube:
        a, b, c = plan.patch
        raise ParameterError(
            f"nnU-Net's rules plan a patch of {a} x {b} x {c} for a volume of {side} a side, and "
            "the whole is needed at once; choose grid_size=128, 96 or 64, or more space_to_depth"
        )
    return plan


def _build(plan: NetworkPlan, size: NetworkSize) -> Any:
    from dynamic_network_architectures.architectures.unet import PlainConvUNet  # noqa: PLC0415

    stages = len(plan.strides)
    network = PlainConvUNet(
        input_channels=size.space_to_depth**3,
        n_stages=stages,
        features_per_stage=[scale_channels(n, size.width) for n in plan.features],
        conv_op=nn.Conv3d,
        kernel_sizes=[list(kernel) for kernel in plan.kernels],
        strides=[list(stride) for stride in plan.strides],
        n_conv_per_stage=CONVOLUTIONS,
        num_classes=CLASSES * size.space_to_depth**3,
        n_conv_per_stage_decoder=CONVOLUTIONS,
        conv_bias=True,
        norm_op=nn.InstanceNorm3d,
        norm_op_kwargs={"eps": 1e-5, "affine": True},
        nonlin=nn.LeakyReLU,
        nonlin_kwargs={"inplace": True},
        deep_supervision=True,
    )
    network.apply(PlainConvUNet.initialize)
    network.decoder.seg_layers[0] = nn.Identity()
    _forget_second_names(network)
    return network


def _forget_second_names(network: Any) -> None:
    """Keep one name of each layer, as safetensors does not store a weight twice."""
    del network.decoder.encoder
    for module in list(network.modules()):
        if hasattr(module, "all_modules"):
            for name in SECOND_NAMES:
                delattr(module, name)
