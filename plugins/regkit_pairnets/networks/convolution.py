"""The convolution of all networks here: on a CPU as fast for one pair as for many."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn


class Convolution(nn.Conv3d):
    """`torch.nn.Conv3d`, by oneDNN also where torch would take slower loops.

    For a single small image torch does not take oneDNN, which is several times faster there.
    """

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:  # noqa: A002
        if not _is_for_one_dnn(input):
            return cast("Tensor", super()._conv_forward(input, weight, bias))
        padding = cast("tuple[int, ...]", self.padding)
        shape = (padding, self.stride, self.dilation, self.groups)
        return torch.mkldnn_convolution(input, weight, bias, *shape)


def _is_for_one_dnn(images: Tensor) -> bool:
    return (
        not torch.is_grad_enabled()
        and images.device.type == "cpu"
        and images.dtype == torch.float32
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    )
