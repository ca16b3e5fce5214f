"""The networks once more, in numpy, from the tables of METHODS.md, sections 2 and 4."""

import numpy as np

from oracle_layers import conv, linear, max_pool, mean_pool, norm, relu, sigmoid


def fully_connected(x, *sizes):
    for size in sizes:
        x = linear(x, size)
    return x


def rectified_fully_connected(x, *sizes):
    for size in sizes:
        x = linear(relu(x), size)
    return x


def residual_dense(x):
    seen = x
    for _ in range(4):
        seen = np.concatenate([seen, relu(norm(conv(seen, len(x), bias=False)))])
    return conv(seen, len(x), 1, bias=False) + x


def recalibrate(a, b, normed):
    fused = linear(np.concatenate([f.mean(axis=(1, 2, 3)) for f in (a, b)]), 32)
    channels = sigmoid(linear(fused, 32))[:, None, None, None]
    voxels = sigmoid(conv(conv(np.concatenate([conv(f, 1, 1) for f in (a, b)]), 1, 1), 1))
    # The rule fills the layers of both streams alike, so both get the same weights.
    sums = (f + f * channels + f * voxels for f in (a, b))
    return tuple(norm(f) if normed else f for f in sums)


def cross_attention(this, other):
    theta, g, phi = (conv(f, 16, 1).reshape(16, -1) for f in (this, this, other))
    scores = phi.T @ theta
    scores = np.exp(scores - scores.max(axis=1, keepdims=True))
    scores /= scores.sum(axis=1, keepdims=True)
    gathered = (scores @ g.T).T.reshape(16, *this.shape[1:])
    return this + norm(conv(gathered, 32, 1))


def trunk(first, second, exchange, poolings=3):
    a, b = (relu(norm(conv(volume[None], 32))) for volume in (first, second))
    for level in range(3):
        a, b = exchange(level, residual_dense(a), residual_dense(b))
        if level < poolings:
            a, b = mean_pool(a), mean_pool(b)
    both = residual_dense(np.concatenate([a, b]))
    return conv(relu(norm(conv(both, 32))), 16)


def densenet(first, second):
    return fully_connected(trunk(first, second, lambda _, a, b: (a, b)), 1024, 128, 16, 6)


def dusfe(first, second, normed=False):
    features = trunk(first, second, lambda _, a, b: recalibrate(a, b, normed))
    return fully_connected(features, 1024, 128, 16, 6)


def dusfe_as_coded(first, second):
    return dusfe(first, second, normed=True)


def densenet_plain_nonlocal(first, second):
    def exchange(level, a, b):
        return (a, b) if level < 2 else (cross_attention(a, b), cross_attention(b, a))

    return fully_connected(trunk(first, second, exchange), 1024, 128, 16, 6)


def densenet_nonlocal(first, second):
    def exchange(level, a, b):
        if level == 2:
            a, b = cross_attention(a, b), cross_attention(b, a)
        return conv(np.concatenate([a, b]), 32), conv(np.concatenate([b, a]), 32)

    return fully_connected(trunk(first, second, exchange, poolings=2), 128, 16, 6)


def dvnet(first, second):
    streams = []
    for volume in (first, second):
        x = max_pool(relu(conv(volume[None], 32)), 2, 2)
        x = max_pool(relu(conv(x, 64)), 2, 2)
        streams.append(relu(conv(x, 128)))
    x = relu(conv(relu(conv(np.concatenate(streams), 128)), 256))
    return fully_connected(conv(x, 6), 128, 16, 6)


def bottlenecks(x, blocks, planes, stride):
    for step in [stride, *[1] * (blocks - 1)]:
        inner = 16 * (planes // 32)
        y = relu(norm(conv(x, inner, 1, bias=False)))
        y = relu(norm(conv(y, inner, stride=step, groups=16, bias=False)))
        y = norm(conv(y, 2 * planes, 1, bias=False))
        if step != 1 or len(x) != 2 * planes:
            x = norm(conv(x, 2 * planes, 1, stride=step, bias=False))
        x = relu(x + y)
    return x


def msreg(first, second):
    x = relu(norm(conv(np.stack([first, second]), 64, 5, bias=False)))
    x = max_pool(x, 3, 1, border=1)
    for blocks, planes, stride in ((3, 64, 1), (4, 128, 1), (6, 256, 2), (3, 512, 2)):
        x = bottlenecks(x, blocks, planes, stride)
    return fully_connected(conv(x, 16, 1), 128, 16, 6)


def msreg_original(first, second):
    x = relu(norm(conv(np.stack([first, second]), 32, bias=False)))
    x = conv(max_pool(x, 3, 1, border=1), 64, stride=(1, 2, 2), bias=False)
    side = conv(x, 64, stride=2, bias=False)
    x = bottlenecks(bottlenecks(bottlenecks(x, 3, 64, 1), 4, 64, 1), 4, 32, 2)
    x = relu(conv(norm(np.concatenate([side, x])), 128))
    return rectified_fully_connected(conv(x, 16, 5, padded=False), 128, 32, 6)


def attention_reg(first, second, attend=cross_attention):
    a, b = (_prostate_stream(volume) for volume in (first, second))
    both = np.concatenate([relu(attend(a, b)), relu(attend(b, a))])
    x = relu(conv(relu(conv(norm(both), 16, 1)), 4))
    return rectified_fully_connected(norm(conv(x, 1)), 128, 32, 6)


def feature_reg(first, second):
    return attention_reg(first, second, attend=lambda this, _: this)


def _prostate_stream(volume):
    x = max_pool(relu(norm(conv(volume[None], 32, bias=False))), 3, 2, border=1)
    return max_pool(relu(norm(conv(x, 32, bias=False))), 3, (1, 2, 2), border=1)
