"""The six numbers that a network says, as maps of normalised coordinates.

Coordinates run from -1 to 1 between the centres of the outermost voxels (align_corners), in the
order x, y, z: last, middle and first axis of a tensor. The numbers are the angles alpha, beta,
gamma about y, x, z in rad, and the translation t. A point p of the reoriented frame, at a zoom s,
is in the image at s R p + t, with R = Ry(alpha) Rx(beta) Rz(gamma): Eq. 1 of Ni et al.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

NUMBERS = 6
# Cosine of beta below which alpha and gamma cannot be told apart.
LOCKED = 1e-6


def wrap_angles(angles: Tensor) -> Tensor:
    """Return angles in rad from -pi up to pi: the short way round."""
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
        Angles in rad, (3,): of the sets of angles that make a rotation, the nearest to these is
        meant.
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
        Numbers of a map within the frame of that pose, which is made before the pose.
    near
        Angles that those returned are near to.
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
        Share of the field of view that the frame covers; it does not scale the translation.
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

    Angles and translations of the two scales are subtracted, as published: right as far as both
    looks agree, which is to first order.

    Parameters
    ----------
    source, target
        Numbers of both scales, shape (batch, 6).
    zoom
        Zoom of the target over that of the source.
    """
    return pull_back(target - source, zoom)
