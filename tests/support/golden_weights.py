"""Weights and inputs that depend on nothing but shapes: METHODS.md, section 10."""

import numpy as np
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def noise(n: int) -> np.ndarray:
    """Return n numbers from -1 to 1 that look random; arithmetic modulo 2**32."""
    h = np.arange(n, dtype=np.uint32) * np.uint32(2654435761) + np.uint32(97 * n & 0xFFFFFFFF)
    h ^= h >> np.uint32(15)
    h *= np.uint32(2246822519)
    h ^= h >> np.uint32(13)
    return h / 2.0**31 - 1


def weights(*shape: int) -> np.ndarray:
    """Return a tensor of two or more dimensions, or a bias."""
    values = noise(int(np.prod(shape))).reshape(shape)
    if len(shape) == 1:
        return 0.1 * values
    return values * np.sqrt(3 / (values.size / shape[0]))


def gains(channels: int) -> np.ndarray:
    """Return what a normalisation multiplies with."""
    return 1 + 0.1 * noise(channels)


def fill(network: nn.Module) -> nn.Module:
    """Fill all that is learnable; in float64, as it is used and not trained."""
    network.double().eval()
    with torch.no_grad():
        for module in network.modules():
            normalises = isinstance(module, _BatchNorm | nn.GroupNorm | nn.LayerNorm)
            for name, tensor in module.named_parameters(recurse=False):
                values = gains if normalises and name == "weight" else weights
                tensor.copy_(torch.from_numpy(values(*tensor.shape)))
    return network


def inputs(shape: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return two volumes of a shape."""
    a, b, c = np.meshgrid(*(np.linspace(0, 1, n) for n in shape), indexing="ij")
    first = (a + 2 * b + 3 * c) / 6
    second = 0.5 + 0.5 * np.sin(2 * np.pi * a) * np.cos(np.pi * b) * (0.5 + 0.5 * c)
    return first, second


def predict(network: nn.Module, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the six numbers of a network for two volumes."""
    with torch.no_grad():
        volumes = (torch.from_numpy(v)[None, None] for v in (first, second))
        return network(*volumes)[0].numpy()
