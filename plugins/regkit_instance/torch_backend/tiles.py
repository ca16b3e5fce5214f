"""Images cut into cubes, for metrics within patches."""

from __future__ import annotations

from itertools import chain

from torch import Tensor
from torch.nn import functional

from regkit.errors import ParameterError


def tiles(images: Tensor, side: int) -> Tensor:
    """Cut images (..., d1, d2, d3) into rows (tiles of all images, side**3 voxels).

    Axes that are no multiple of `side` are padded with zeros on both sides.
    """
    images = images.flatten(0, -4) if images.ndim > 3 else images[None]
    missing = [-size % side for size in reversed(images.shape[1:])]
    padded = functional.pad(images, list(chain(*((m // 2, m - m // 2) for m in missing))))
    count, (a, b, c) = padded.shape[0], (size // side for size in padded.shape[1:])
    cubes = padded.reshape(count, a, side, b, side, c, side)
    return cubes.permute(0, 1, 3, 5, 2, 4, 6).reshape(-1, side**3)


def rows(images: Tensor) -> Tensor:
    """Return images (..., d1, d2, d3) as rows (images, voxels)."""
    return images.reshape(-1, images.shape[-3] * images.shape[-2] * images.shape[-1])


def check_same_shape(one: Tensor, other: Tensor) -> None:
    """Raise an error for two images whose voxels do not correspond.

    Raises
    ------
    ParameterError
        Their shapes differ, or they are not 3-D.
    """
    if one.shape != other.shape or one.ndim < 3:
        shapes = f"{tuple(one.shape)} and {tuple(other.shape)}"
        raise ParameterError(
            f"two images on one grid are compared, (..., d1, d2, d3); got {shapes}"
        )
