"""Gaussian blur of whole volumes."""

from __future__ import annotations

import torch

from regkit.geometry.grid import Vector3


def blur(images: torch.Tensor, spacing: Vector3, sigma_mm: float) -> torch.Tensor:
    """Filter images (batch, z, y, x) with a Gaussian; intensity beyond the edges is lost.

    Parameters
    ----------
    spacing
        Voxel size along x, y, z in mm.
    sigma_mm
        Standard deviation; 0 changes nothing.
    """
    if sigma_mm <= 0:
        return images
    for axis, step in zip((1, 2, 3), spacing[::-1], strict=True):
        kernel = _matrix(images.shape[axis], sigma_mm / step).to(images)
        images = (images.movedim(axis, -1) @ kernel).movedim(-1, axis)
    return images.contiguous()


def _matrix(size: int, sigma: float) -> torch.Tensor:
    position = torch.arange(size, dtype=torch.float64)
    lattice = torch.arange(-10 * (int(sigma) + 1), 10 * (int(sigma) + 1) + 1)
    total = torch.exp(-0.5 * (lattice / sigma) ** 2).sum()
    return torch.exp(-0.5 * ((position[:, None] - position) / sigma) ** 2) / total
