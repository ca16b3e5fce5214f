"""The pose parameters predicted by a network, as maps of normalized coordinates.

Coordinates run from -1 to 1 between the centres of the outermost voxels (align_corners), in the
order x, y, z: last, middle and first axis of a tensor. The six parameters are the angles alpha,
beta, gamma about y, x, z in rad, and the translation t. A point p of the reoriented frame, at a
zoom s, is in the image at s R p + t, with R = Ry(alpha) Rx(beta) Rz(gamma): Eq. 1 of Ni et al.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

NUMBERS = 6
# Cosine of beta below which alpha and gamma are not unique (gimbal lock).
LOCKED = 1e-6


def wrap_angles(angles: Tensor) -> Tensor:
    """Return angles in rad wrapped into [-pi, pi)."""
    return torch.remainder(angles + math.pi, 2 * math.pi) - math.pi


def rotation(angles: Tensor) -> Tensor:
    """Return matrices (..., 3, 3) Ry Rx Rz of angles (..., 3): about y, x, z in rad."""
    (ca, cb, cg), (sa, sb, sg) = angles.cos().unbind(-1), angles.sin().unbind(-1)
    rows = (
        (ca * cg + sa * sb * sg, sa * sb * cg - ca * sg, sa * cb),
        (cb * sg, cb * cg, -sb),
        (ca * sb * sg - sa * cg, sa * sg + ca * sb * cg, ca * cb),
    )
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


def angles(matrices: Tensor, near: Tensor) -> Tensor:
    """Return the angles (..., 3) of rotations (..., 3, 3): undoes `rotation`.

    Parameters
    ----------
    matrices
        Rotations.
    near
        Reference angles in rad, (3,): of the equivalent sets of angles the nearest to these is
        returned.
    """
    cosine = matrices[..., [0, 2], [2, 2]].square().sum(-1).clamp_min(LOCKED**2).sqrt()
    beta = torch.atan2(-matrices[..., 1, 2], cosine)
    # At a quarter turn only the sum or difference of the others is known: gamma is zero then.
    locked = cosine <= LOCKED
    alpha = _atan2(matrices[..., 0, 2], matrices[..., 2, 2], locked)
    alpha = torch.where(locked, torch.atan2(-matrices[..., 2, 0], matrices[..., 0, 0]), alpha)
    gamma = _atan2(matrices[..., 1, 0], matrices[..., 1, 1], locked)
    one = near + wrap_angles(torch.stack([alpha, beta, gamma], -1) - near)
    other = torch.stack([alpha + math.pi, math.pi - beta, gamma + math.pi], -1)
    other = near + wrap_angles(other - near)
    far, farther = ((some - near).square().sum(-1, keepdim=True) for some in (one, other))
    return torch.where(far <= farther, one, other)


def _atan2(y: Tensor, x: Tensor, unknown: Tensor) -> Tensor:
    """Return zero where the angle is unknown, without a gradient."""
    still = torch.zeros_like(y)
    return torch.atan2(torch.where(unknown, still, y), torch.where(unknown, still + 1, x))


def compose_motion(numbers: Tensor, motion: Tensor, near: Tensor) -> Tensor:
    """Return numbers (..., 6) after a motion (..., 6) of the reoriented frame in itself.

    Parameters
    ----------
    numbers
        A pose.
    motion
        Pose parameters of a rigid motion within the frame of that pose, applied before the pose.
    near
        Reference angles in rad; see `angles`.
    """
    turn = rotation(numbers[..., :3])
    shift = (turn @ motion[..., 3:, None])[..., 0]
    turned = angles(turn @ rotation(motion[..., :3]), near)
    return torch.cat([turned, numbers[..., 3:] + shift], -1)


def pull_back(numbers: Tensor, zoom: float) -> Tensor:
    """Return matrices (batch, 3, 4) from a zoomed frame's points to those of the image.

    Parameters
    ----------
    numbers
        Shape (batch, 6).
    zoom
        Fraction of the field of view that the frame covers; it does not scale the translation.
    """
    return torch.cat([zoom * rotation(numbers[:, :3]), numbers[:, 3:, None]], dim=-1)


def sample_cube(volume: Tensor, matrices: Tensor, size: int, mode: str = "bilinear") -> Tensor:
    """Sample a volume (batch, channels, ...) at a cube's points; zero outside the volume.

    Parameters
    ----------
    volume
        Volume to resample.
    matrices
        One map of the cube's normalized coordinates to each volume's, shape (batch, 3, 4).
    size
        Voxels along each side of the cube.
    mode
        ``bilinear`` (in three dimensions trilinear) or ``nearest``.
    """
    shape = [len(volume), 1, size, size, size]
    grid = functional.affine_grid(matrices, shape, align_corners=True)
    return functional.grid_sample(
        volume, grid, mode=mode, padding_mode="zeros", align_corners=True
    )


def between(source: Tensor, target: Tensor, zoom: float) -> Tensor:
    """Return matrices (batch, 3, 4) from a target scale's frame to a source scale's.

    Angles and translations of the two scales are subtracted, as published, which is exact to first
    order in their difference.

    Parameters
    ----------
    source, target
        Numbers of both scales, shape (batch, 6).
    zoom
        Zoom of the target over that of the source.
    """
    return pull_back(target - source, zoom)
