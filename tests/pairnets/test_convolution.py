"""One pair goes another way through a convolution than many, to the same numbers."""

import pytest
import torch
from torch import nn

from regkit_pairnets.networks.convolution import Convolution

SHAPES = [
    {"kernel_size": 3, "padding": 1, "bias": False},
    {"kernel_size": 3, "stride": (1, 2, 2), "padding": 1, "groups": 4},
    {"kernel_size": 5, "padding": 2},
    {"kernel_size": 1, "stride": 2},
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("batch", [1, 3])
def test_it_is_the_convolution_of_torch(shape, batch) -> None:
    torch.manual_seed(0)
    ours, theirs = Convolution(8, 12, **shape), nn.Conv3d(8, 12, **shape)
    theirs.load_state_dict(ours.state_dict())
    images = torch.randn(batch, 8, 9, 10, 7)
    expected = theirs.double()(images.double())
    torch.testing.assert_close(ours(images).double(), expected, rtol=1e-5, atol=1e-5)
    with torch.inference_mode():
        torch.testing.assert_close(ours(images).double(), expected, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(ours.double()(images.double()), expected)


def test_gradients_flow() -> None:
    layer = Convolution(2, 3, 3, padding=1)
    layer(torch.randn(1, 2, 5, 5, 5)).sum().backward()
    assert layer.weight.grad is not None
    assert layer.weight.grad.abs().sum() > 0
