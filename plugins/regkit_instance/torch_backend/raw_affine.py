"""The affine map of the PET/CT network as a differentiable function of its raw parameters.

Chen et al. 2024, arXiv 2409.13863. In coordinates that run from -1 to 1 between the edges of the
fixed field of view, x along its last axis: shear times scale times the rotations about z, y and
x, then the translation. Rotations are by the negative angles, and shears are tangents, as in the
published network.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

ROTATION, SCALE, TRANSLATION, SHEAR = slice(0, 3), slice(3, 6), slice(6, 9), slice(9, 15)
NUMBERS = 15


def raw_matrix(raw: Tensor) -> Tensor:
    """Return the matrix [M | t], shape (3, 4), of fixed to moving normalized coordinates.

    Parameters
    ----------
    raw
        Raw parameters, shape (15,): rotation (3) in units of pi, clamped to -1..1; scale (3) minus
        one, from -1 to 4; translation (3); shear (6) in units of pi, clamped to -1..1.
    """
    angles = raw[ROTATION].clamp(-1, 1) * math.pi
    scale = (1 + raw[SCALE]).clamp(0, 5)
    tangents = (raw[SHEAR].clamp(-1, 1) * math.pi).tan()
    about_x, about_y, about_z = (_rotation(angles, axis) for axis in range(3))
    linear = _shear(tangents) @ torch.diag(scale) @ about_z @ about_y @ about_x
    return torch.cat([linear, raw[TRANSLATION, None]], dim=1)


def _rotation(angles: Tensor, axis: int) -> Tensor:
    """Return the rotation about one of x, y, z by minus its angle."""
    one, two = (axis + 1) % 3, (axis + 2) % 3
    cosine, sine = angles[axis].cos(), angles[axis].sin()
    matrix = torch.eye(3, dtype=angles.dtype, device=angles.device)
    # Row by row, the matrix that turns axis `one` towards minus axis `two`.
    matrix[one, one] = matrix[two, two] = cosine
    matrix[one, two], matrix[two, one] = sine, -sine
    return matrix


def _shear(tangents: Tensor) -> Tensor:
    one = torch.ones_like(tangents[0])
    a, b, c, d, e, f = tangents
    return torch.stack([one, c, e, a, one, f, b, d, one]).view(3, 3)
