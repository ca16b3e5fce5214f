"""Scattered photons by an effective source.

Compton scatter in the patient is modelled by an effective source: the activity blurred by a narrow
and a broad Gaussian, times the relative density of the tissue. Projected like activity, it gives
the smooth background of scatter; energies and angles are not modelled.
(Idea: effective source scatter estimation, Frey and Tsui, IEEE NSS/MIC 1996.)
"""

from __future__ import annotations

import torch

from regkit.geometry.grid import Vector3
from regkit_nuclear.spect.gaussian import blur

# Standard deviation in mm and weight of each Gaussian; chosen by hand.
GAUSSIANS = ((25.0, 0.55), (55.0, 0.45))
# Attenuation of soft tissue at 140 keV, 1/cm, as in the phantom.
SOFT_TISSUE_MU = 0.155
# Upper limit of the relative density, for bone and metal; chosen by hand.
MAX_RELATIVE_DENSITY = 1.2
# Chosen so that scattered counts are about a third of the primary ones in chests, and a quarter in
# a water cylinder of 22 cm.
STRENGTH = 0.40


def scatter_source(activity: torch.Tensor, mu: torch.Tensor, spacing: Vector3) -> torch.Tensor:
    """Return the source whose projection is the scatter.

    Parameters
    ----------
    activity
        Activity, shape (batch, z, y, x).
    mu
        Linear attenuation coefficients in 1/cm, same shape.
    spacing
        Voxel size along x, y, z in mm.
    """
    blurred = sum(weight * blur(activity, spacing, sigma) for sigma, weight in GAUSSIANS)
    return STRENGTH * (mu / SOFT_TISSUE_MU).clamp(0, MAX_RELATIVE_DENSITY) * blurred
