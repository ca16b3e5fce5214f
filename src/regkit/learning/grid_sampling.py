"""Batches of images resampled onto one grid through affine maps, on any device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from regkit.geometry.grid import FloatArray, Grid
from regkit.geometry.transform import AffineTransform


def sampling_grid(
    throughs: Sequence[AffineTransform],
    onto: Grid,
    sources: Sequence[Grid],
    device: torch.device | None = None,
) -> Tensor:
    """Return the coordinates of the voxels of a grid in several images.

    Parameters
    ----------
    throughs
        One map for each image, of points of `onto` to points of the image, LPS mm.
    onto
        Grid to resample onto.
    sources
        Grids of the images.
    device
        Device of the result; the CPU if None.

    Returns
    -------
    Tensor
        Coordinates x, y, z, shape (images, z, y, x, 3), from -1 to 1 between the centers of an
        image's outermost voxels: ``align_corners=True`` of torch.
    """
    maps = [_between_corners(*both, onto) for both in zip(throughs, sources, strict=True)]
    matrices = torch.tensor(np.stack(maps), dtype=torch.float32, device=device)
    along_x, along_y, along_z, shift = matrices[:, None, None, None].unbind(-1)
    z, y, x = (torch.linspace(-1, 1, n, device=device)[:, None] for n in onto.shape_zyx)
    # Sums of what each axis gives: cheaper than a product of matrices for every voxel.
    return along_z * z[:, None, None] + (along_y * y[:, None] + (along_x * x + shift))


def grid_sample(
    images: Sequence[Tensor],
    coordinates: Tensor,
    mode: Literal["bilinear", "nearest"] = "bilinear",
    padding_mode: Literal["border", "zeros"] = "border",
) -> Tensor:
    """Interpolate images.

    Parameters
    ----------
    images
        Images (1, 1, z, y, x) of any type, on the device of the coordinates.
    coordinates
        Result of `sampling_grid`.
    mode
        ``bilinear``, which is trilinear in three dimensions, or ``nearest``.
    padding_mode
        Values beyond an image: its ``border`` or ``zeros``, as of torch.

    Returns
    -------
    Tensor
        Shape (images, z, y, x).
    """
    sampled = [
        functional.grid_sample(
            image.float(), one[None], mode=mode, padding_mode=padding_mode, align_corners=True
        )
        for image, one in zip(images, coordinates, strict=True)
    ]
    return torch.cat(sampled)[:, 0]


def outside_mask(coordinates: Tensor, sources: Sequence[Grid]) -> Tensor:
    """Return the mask of points more than half a voxel from the outermost centers of an image.

    Parameters
    ----------
    coordinates
        Result of `sampling_grid`.
    sources
        Grids of the images.

    Returns
    -------
    Tensor
        Booleans along the image's own axes z, y, x, shape (3, images, z, y, x).
    """
    shapes = np.array([source.shape_zyx for source in sources])
    edges = torch.tensor(shapes / np.maximum(shapes - 1, 1), device=coordinates.device)
    outside = coordinates.flip(-1).abs() > edges.float()[:, None, None, None]
    return outside.movedim(-1, 0)


def _between_corners(through: AffineTransform, source: Grid, onto: Grid) -> FloatArray:
    """Return a map (3, 4) of coordinates x, y, z from -1 to 1 on a grid to those in an image."""
    indices = source.inverse_affine @ through.matrix @ onto.affine
    order = [2, 1, 0]  # of indices x, y, z
    linear, shift = indices[:3, :3][order][:, order], indices[order, 3]
    half_onto = np.subtract(onto.shape_zyx[::-1], 1) / 2
    middle = np.subtract(source.shape_zyx[::-1], 1) / 2
    half = np.maximum(middle, 0.5)  # an image of one slice has its only centre at 0
    shift = (linear @ half_onto + shift - middle) / half
    return np.concatenate([linear * half_onto / half[:, None], shift[:, None]], axis=1)
