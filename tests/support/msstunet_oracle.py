"""MS-ST-UNet once more, in numpy and SciPy, from METHODS.md, section 7."""

from itertools import product

import numpy as np
from scipy.ndimage import map_coordinates
from scipy.spatial.transform import Rotation

from oracle_layers import conv, linear, max_pool, norm, relu, sigmoid


def scaled(channels, width):
    return max(1, round(channels * width))


def sample(volume, matrix, size):
    """Look a map (channels, z, y, x) up at a cube's points; zero outside."""
    axis = np.linspace(-1, 1, size)
    z, y, x = np.meshgrid(axis, axis, axis, indexing="ij")
    points = np.stack([x, y, z, np.ones_like(x)])
    mapped = np.tensordot(matrix, points, 1)[::-1]  # z, y, x
    sides = np.array(volume.shape[1:])[:, None, None, None]
    index = (mapped + 1) / 2 * (sides - 1)
    return np.stack(
        [map_coordinates(c, index, order=1, mode="grid-constant", cval=0) for c in volume]
    )


def resize(volume, size):
    """Interpolate between voxels that keep their edges."""
    steps = ((np.arange(size) + 0.5) * volume.shape[1] / size) - 0.5
    index = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"))
    return np.stack([map_coordinates(c, index, order=1, mode="nearest") for c in volume])


def pose(numbers, zoom):
    linear_part = zoom * Rotation.from_euler("YXZ", numbers[:3]).as_matrix()
    return np.concatenate([linear_part, np.asarray(numbers[3:])[:, None]], axis=1)


def resnet(x, width):
    x = relu(norm(conv(x, scaled(64, width), 7, stride=2, bias=False)))
    x = max_pool(x, 3, 2, border=1)
    for count, planes, first in ((3, 64, 1), (4, 128, 2), (6, 256, 2), (3, 512, 2)):
        for stride in (first, *(1,) * (count - 1)):
            p = scaled(planes, width)
            y = relu(norm(conv(x, p, 1, bias=False)))
            y = relu(norm(conv(y, p, stride=stride, bias=False)))
            y = norm(conv(y, 4 * p, 1, bias=False))
            if stride != 1 or len(x) != 4 * p:
                x = norm(conv(x, 4 * p, 1, stride=stride, bias=False))
            x = relu(x + y)
    return x.mean(axis=(1, 2, 3))


def double_conv(x, channels):
    return relu(norm(conv(relu(norm(conv(x, channels))), channels)))


def gate(skipped, signal):
    n, side = len(skipped), skipped.shape[1]
    theta = conv(skipped, n, 2, stride=2, bias=False, padded=False)
    phi = resize(conv(signal, n, 1), side // 2)
    share = resize(sigmoid(conv(relu(theta + phi), 1, 1)), side)
    weighed = norm(conv(share * skipped, n, 1))
    return relu(norm(conv(weighed, n, 1)))


def ms_st_unet(volume, width, offsets):
    """Return numbers (3, 6) and logits of three scales; `offsets` are added to the heads' own."""
    n = len(volume)
    features = resnet(volume[None], width)
    numbers = np.stack([linear(features, 6) + offset for offset in offsets])
    looks = [
        sample(volume[None], pose(six, zoom), int(n * zoom))
        for six, zoom in zip(numbers, (1, 0.5, 0.25), strict=True)
    ]
    a, b, c, d, e = (scaled(channels, width) for channels in (16, 32, 64, 128, 256))
    e1 = double_conv(looks[0], a)
    st1 = sample(e1, pose(numbers[1] - numbers[0], 0.5), n // 2)
    e2 = double_conv(np.concatenate([looks[1], st1]), b)
    st2 = sample(e2, pose(numbers[2] - numbers[1], 0.5), n // 4)
    e3 = double_conv(np.concatenate([looks[2], st2]), c)
    e4 = double_conv(max_pool(e3, 2, 2), d)
    centre = double_conv(max_pool(e4, 2, 2), e)
    signal = relu(norm(conv(centre, e, 1)))
    u4 = double_conv(np.concatenate([gate(e4, signal), resize(centre, n // 8)]), d)
    u3 = double_conv(np.concatenate([gate(e3, u4), resize(u4, n // 4)]), c)
    wide = sample(u3, pose(np.zeros(6), 2), n // 2)
    u2 = double_conv(np.concatenate([gate(e2, wide), wide]), b)
    u1 = double_conv(np.concatenate([e1, sample(u2, pose(np.zeros(6), 2), n)]), a)
    return numbers, [conv(u, 3, 1) for u in (u1, u2, u3)]


def folded(volume, size):
    """Turn blocks of voxels into channels, one after the other."""
    return np.stack(
        [volume[i::size, j::size, k::size] for i, j, k in product(range(size), repeat=3)]
    )
