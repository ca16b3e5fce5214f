"""Layers in numpy, filled by the golden rule: volumes are (channels, d1, d2, d3)."""

from itertools import product

import numpy as np

from golden_weights import gains, weights


def conv(x, out, size=3, *, stride=1, bias=True, groups=1, padded=True):
    """Correlate with a cube of weights; borders are zero."""
    kernel = weights(out, x.shape[0] // groups, size, size, size)
    border = size // 2 if padded else 0
    steps = np.broadcast_to(stride, 3)
    x = np.pad(x, [(0, 0), *[(border, border)] * 3])
    shape = [(n - size) // s + 1 for n, s in zip(x.shape[1:], steps, strict=True)]
    result = np.zeros((out, *shape))
    for offset in product(range(size), repeat=3):
        seen = x[:, *_window(offset, steps, shape)].reshape(groups, -1, np.prod(shape))
        taps = kernel[:, :, *offset].reshape(groups, out // groups, -1)
        result += (taps @ seen).reshape(result.shape)
    return result + weights(out)[:, None, None, None] if bias else result


def norm(x):
    """Normalise with the statistics zero and one, as after no training."""
    scale = gains(len(x)) / np.sqrt(1 + 1e-5)
    return x * scale[:, None, None, None] + weights(len(x))[:, None, None, None]


def relu(x):
    return np.maximum(x, 0)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def max_pool(x, size, stride, border=0):
    """Take the largest value; borders never are."""
    steps = np.broadcast_to(stride, 3)
    x = np.pad(x, [(0, 0), *[(border, border)] * 3], constant_values=-np.inf)
    shape = [(n - size) // s + 1 for n, s in zip(x.shape[1:], steps, strict=True)]
    offsets = product(range(size), repeat=3)
    return np.max([x[:, *_window(o, steps, shape)] for o in offsets], axis=0)


def mean_pool(x):
    """Average over 2 x 2 x 2 voxels."""
    steps, shape = np.full(3, 2), [n // 2 for n in x.shape[1:]]
    offsets = product(range(2), repeat=3)
    return np.mean([x[:, *_window(o, steps, shape)] for o in offsets], axis=0)


def linear(x, out):
    return weights(out, x.size) @ x.ravel() + weights(out)


def _window(offset, steps, shape):
    return tuple(
        slice(o, o + s * (n - 1) + 1, s) for o, s, n in zip(offset, steps, shape, strict=True)
    )
