"""TransMorph-affine: a Swin transformer over both volumes and four heads on its last features."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from regkit.errors import ParameterError
from regkit_transmorph.networks.affine import HIDDEN, AffineHeads
from regkit_transmorph.networks.swin import Swin, reached
from regkit_transmorph.networks.windows import Size

# Voxels of an image along an axis for each token of a window.
VOXELS_PER_WINDOW = 32


class TransMorphAffine(nn.Module):
    """A network that reads an affine map off two volumes on the same grid.

    Parameters
    ----------
    image_size
        Voxels along the axes of the tensors.
    channels
        Number of channels of the first stage.
    depths, heads
        Blocks and attention heads of each stage.
    width
        Factor on the channels, which are rounded to multiples of the number of heads.
    patch
        Voxels of a token along each axis.
    window
        Tokens of a window along each axis; by default a 32nd of the image, at least 2.
    mlp_hidden
        Features between the two layers of each of the four heads.
    checkpointing
        Whether training computes blocks again instead of keeping them in memory.

    Raises
    ------
    ParameterError
        The image is too small for the stages, or a switch is out of range.
    """

    def __init__(
        self,
        image_size: Size,
        *,
        channels: int,
        depths: Sequence[int],
        heads: Sequence[int],
        width: float = 1.0,
        patch: int = 4,
        window: Size | None = None,
        mlp_hidden: int = HIDDEN,
        checkpointing: bool = False,
    ) -> None:
        super().__init__()
        _check(
            image_size, depths, heads, {"width": width, "patch": patch, "mlp_hidden": mlp_hidden}
        )
        self.image_size = image_size
        window = window or _window(image_size)
        channels = _shared(channels * width, heads)
        self.transformer = Swin(
            2,
            channels,
            depths=depths,
            heads=heads,
            window=window,
            patch=patch,
            checkpointing=checkpointing,
        )
        left = _left(image_size, patch, len(depths))
        features = (channels << len(depths) - 1) * left[0] * left[1] * left[2]
        self.norm = nn.InstanceNorm3d(channels << len(depths) - 1)
        self.heads = AffineHeads(features, mlp_hidden)

    def forward(self, moving: Tensor, fixed: Tensor) -> Tensor:
        """Return the raw numbers (batch, 15) of two volumes (batch, 1, *image_size).

        They are what `regkit_transmorph.networks.affine.matrices` takes: rotation (3), scale (3),
        translation (3), shear (6), before any clamping.

        Raises
        ------
        ParameterError
            The volumes are not of this shape.
        """
        for volume in (moving, fixed):
            if volume.ndim != 5 or volume.shape[1:] != (1, *self.image_size):
                raise ParameterError(
                    f"the network takes tensors of batch x 1 x {_times(self.image_size)}, "
                    f"got {_times(volume.shape)}"
                )
        features = self.transformer(torch.cat([moving, fixed], dim=1))
        raw: Tensor = self.heads(self.norm(features))
        return raw


def _check(
    image_size: Size, depths: Sequence[int], heads: Sequence[int], sizes: Mapping[str, float]
) -> None:
    if len(image_size) != 3 or min(image_size) < 1:
        raise ParameterError(f"an image has three axes of voxels, got {_times(image_size)}")
    if not depths or len(depths) != len(heads) or min(*depths, *heads) < 1:
        raise ParameterError(
            "depths and heads take one number each for every stage, got "
            f"{tuple(depths)} and {tuple(heads)}"
        )
    for name, value in sizes.items():
        if not value > 0:
            raise ParameterError(f"{name} takes a positive number, got {value}")


def _left(image_size: Size, patch: int, stages: int) -> Size:
    left = reached(image_size, patch, stages)
    if left == (1, 1, 1):
        raise ParameterError(
            f"{_times(image_size)} voxels leave one token after {stages} stages, and nothing of "
            "where things are; take a larger image"
        )
    return left


def _window(image_size: Size) -> Size:
    a, b, c = (max(2, n // VOXELS_PER_WINDOW) for n in image_size)
    return a, b, c


def _shared(channels: float, heads: Sequence[int]) -> int:
    """Return the multiple of every stage's number of heads nearest to a number of channels."""
    least = math.lcm(*(count // math.gcd(count, 1 << stage) for stage, count in enumerate(heads)))
    return max(1, round(channels / least)) * least


def _times(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape))
