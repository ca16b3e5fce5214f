"""nnU-Net's rules: patch, poolings, kernels and features from the size and spacing of the images.

Isensee et al. 2021, doi:10.1038/s41592-020-01008-z, with the constants of its second version. The
tests compare them with plans that others published. Only the rules for the network are here, not
those for spacing, batch, normalization or cascades.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, prod
from typing import TypeAlias

Int3: TypeAlias = tuple[int, int, int]

# Features of the first stage; each stage has twice as many as the one before, up to the last.
FEATURES, MOST_FEATURES = 32, 320
# Two convolutions in each stage of the encoder and of the decoder.
CONVOLUTIONS = 2
# An axis is halved while at least this many voxels remain, and an axis alone while one and a half
# times as many do.
SMALLEST_EDGE, ALONE = 4, 1.5
# Axes of spacings up to this factor apart are halved, and convolved, together.
ANISOTROPY = 2
# The patch from which the search begins has as many voxels, and its edges are as long in mm.
LARGEST_PATCH = 256**3
# Values of feature maps of one image for which 8 GB have room, training with two images at a time.
ROOM = 560_000_000


@dataclass(frozen=True)
class NetworkPlan:
    """The plan of a U-Net.

    Parameters
    ----------
    patch
        Voxels of the input along each axis.
    strides
        Stride of the first convolution of each stage; all 1 in the first stage.
    kernels
        Kernel of the convolutions of each stage.
    """

    patch: Int3
    strides: tuple[Int3, ...]
    kernels: tuple[Int3, ...]

    @property
    def poolings(self) -> Int3:
        """The number of times that each axis is halved."""
        first, second, third = (
            sum(stride[axis] == 2 for stride in self.strides) for axis in range(3)
        )
        return first, second, third

    @property
    def features(self) -> tuple[int, ...]:
        """The channels of each stage."""
        return tuple(min(FEATURES << stage, MOST_FEATURES) for stage in range(len(self.strides)))

    def sizes(self) -> list[Int3]:
        """Return the voxels of the feature maps of each stage."""
        found = [self.patch]
        for stride in self.strides[1:]:
            found.append(_divided(found[-1], stride))
        return found

    def feature_map_values(self, classes: int) -> int:
        """Return the number of values of the feature maps of one image, which limits the patch.

        Counted are the outputs of all convolutions, transposed ones and outputs of each level of
        the decoder included.
        """
        voxels = [prod(size) for size in self.sizes()]
        encoder = sum(CONVOLUTIONS * n * v for n, v in zip(self.features, voxels, strict=True))
        decoder = sum(
            ((CONVOLUTIONS + 1) * n + classes) * v
            for n, v in zip(self.features[:-1], voxels[:-1], strict=True)
        )
        return encoder + decoder


def plan_topology(patch: Sequence[int], spacing: Sequence[float]) -> NetworkPlan:
    """Plan strides and kernels for a patch, which is padded to what they divide.

    Axes are halved while `SMALLEST_EDGE` voxels remain, those of finer spacing alone until all
    spacings are less than twice the finest; from then on kernels, too, cover the coarse axes. The
    kernels of the deepest stage are 3 x 3 x 3.

    Parameters
    ----------
    patch
        Voxels along each axis.
    spacing
        Voxel size along each axis in mm.
    """
    size, mm = list(patch), list(spacing)
    strides, kernels, kernel = [(1, 1, 1)], [], [1, 1, 1]
    while True:
        finest = min(mm)
        kernel = [3 if a < ANISOTROPY * finest else k for a, k in zip(mm, kernel, strict=True)]
        halved = _axes_to_halve(size, mm)
        if not halved:
            break
        kernels.append(_three(kernel))
        strides.append(_three([2 if axis in halved else 1 for axis in range(3)]))
        size = list(_divided(size, strides[-1]))
        mm = [a * stride for a, stride in zip(mm, strides[-1], strict=True)]
    multiples = [prod(stride[axis] for stride in strides) for axis in range(3)]
    padded = _three([m * ceil(n / m) for n, m in zip(patch, multiples, strict=True)])
    return NetworkPlan(padded, tuple(strides), (*kernels, (3, 3, 3)))


def plan_network(
    shape: Sequence[float], spacing: Sequence[float], classes: int, room: int = ROOM
) -> NetworkPlan:
    """Plan a network for images of a median shape and a spacing.

    The patch begins as a cube in mm, no larger than the image. While its feature maps need more
    than `room`, the axis that covers most of the image is shortened.

    Parameters
    ----------
    shape
        Median voxels of the images along each axis, at that spacing.
    spacing
        Voxel size along each axis in mm.
    classes
        Number of labels, background included.
    room
        Greatest number of values of the feature maps of an image.
    """
    edge = (LARGEST_PATCH * prod(spacing)) ** (1 / 3)
    start = [min(round(edge / mm), int(n)) for mm, n in zip(spacing, shape, strict=True)]
    plan = plan_topology(start, spacing)
    while plan.feature_map_values(classes) > room:
        patch = list(plan.patch)
        axis = max(range(3), key=lambda a: (patch[a] / shape[a], a))
        shorter = list(patch)
        shorter[axis] -= 2 ** plan.poolings[axis]
        patch[axis] -= 2 ** plan_topology(shorter, spacing).poolings[axis]
        plan = plan_topology(patch, spacing)
    return plan


def _axes_to_halve(size: Sequence[int], mm: Sequence[float]) -> list[int]:
    """Return the axes that the next stage halves."""
    large = [axis for axis in range(3) if size[axis] >= 2 * SMALLEST_EDGE]
    finest = min((mm[axis] for axis in large), default=0.0)
    fine = [axis for axis in large if mm[axis] < ANISOTROPY * finest]
    alone = len(fine) == 1 and size[fine[0]] < 2 * ALONE * SMALLEST_EDGE
    return [] if alone else fine


def _divided(size: Sequence[int], stride: Int3) -> Int3:
    return _three([ceil(n / by) for n, by in zip(size, stride, strict=True)])


def _three(numbers: Sequence[int]) -> Int3:
    first, second, third = numbers
    return first, second, third
