"""Scattered photons as if a blurred source had emitted them.

Compton scatter in the patient is modelled by an effective source: the activity spread by a narrow
and a broad Gaussian, as strong as the tissue at the place is dense. Projected like activity, it
adds the slow background that scatter is; it does not know energies or angles.
(Idea: effective source scatter estimation, Frey and Tsui, IEEE NSS/MIC 1996.)
"""

from __future__ import annotations

import torch

from regkit.geometry.grid import Vector3
from regkit_nuclear.spect.gaussian import blur

# Standard deviation in mm and share of each part of the spread.
SPREAD = ((25.0, 0.55), (55.0, 0.45))
SOFT_TISSUE_MU = 0.155
# Bone and metal scatter no more than their density.
DENSEST = 1.2
# Makes scattered counts about a third of the primary ones in chests, and a quarter in a cylinder
# of water of 22 cm.
STRENGTH = 0.40


def scatter_source(activity: torch.Tensor, mu: torch.Tensor, spacing: Vector3) -> torch.Tensor:
    """Return the source whose projection is the scatter.

    Parameters
    ----------
    activity
        Shape (batch, z, y, x).
    mu
        Linear attenuation coefficients in 1/cm, same shape.
    spacing
        Size of the voxels along x, y, z in mm.
    """
    spread = sum(share * blur(activity, spacing, sigma) for sigma, share in SPREAD)
    return STRENGTH * (mu / SOFT_TISSUE_MU).clamp(0, DENSEST) * spread
