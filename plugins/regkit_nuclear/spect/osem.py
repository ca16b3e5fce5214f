"""Ordered-subsets expectation maximisation (Hudson and Larkin, doi:10.1109/42.363108)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from regkit.errors import GeometryError, ParameterError
from regkit.geometry.grid import FloatArray
from regkit.geometry.transform import IDENTITY, Transform
from regkit.geometry.volume import Volume
from regkit_nuclear.spect.attenuation import attenuation_on
from regkit_nuclear.spect.gaussian import blur
from regkit_nuclear.spect.geometry import FWHM_PER_SIGMA
from regkit_nuclear.spect.projections import Projections
from regkit_nuclear.spect.projector import Projector
from regkit_nuclear.spect.threads import run_concurrently

# Lower limit of the sensitivity, as a fraction of the largest of the subset: it keeps voxels that
# hardly any view sees from growing without limit. Chosen by hand.
SENSITIVITY_FLOOR = 1e-3
# Lower limit of the expected counts of a bin, as a fraction of the mean counts, against division
# by 0; chosen by hand.
EXPECTATION_FLOOR = 1e-6


@dataclass(frozen=True)
class OsemSettings:
    """Settings of a reconstruction; see `reconstruct`, which takes them by name."""

    subsets: int = 10
    iterations: int = 12
    filter_fwhm_mm: float = 0.0
    device: str = "cpu"


def reconstruct(
    projections: Projections,
    mu: Volume | None = None,
    through: Transform = IDENTITY,
    *,
    subsets: int = 10,
    iterations: int = 12,
    filter_fwhm_mm: float = 0.0,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Volume:
    """Reconstruct one acquisition.

    Parameters
    ----------
    projections
        Measured counts and the geometry of the camera.
    mu
        Attenuation map in 1/cm on any grid, for correction of attenuation and scatter (AC). None
        corrects for neither (NAC). The resolution is modelled in both cases.
    through
        Map of points of the SPECT to points of `mu`, LPS mm: the fixed-to-moving transform of a
        registration.
    subsets, iterations
        Number of subsets of the views, and of passes over all views.
    filter_fwhm_mm
        Full width at half maximum of a Gaussian post-filter; 0 for none.
    device
        Device on which torch computes.
    dtype
        Precision. Iterations amplify rounding errors: with ``torch.float64`` all machines and
        numbers of threads give the same image to 1e-5, in about twice the time.

    Returns
    -------
    Volume
        On the grid of the projections, modality ``spect``, in counts per voxel and view.

    Raises
    ------
    GeometryError
        `mu` is not an attenuation map in 1/cm.
    ParameterError
        More subsets than views, or fewer than one subset or iteration.
    """
    maps = None if mu is None else [attenuation_on(projections.grid, _checked(mu), through)]
    return reconstruct_batch(
        [projections],
        maps,
        subsets=subsets,
        iterations=iterations,
        filter_fwhm_mm=filter_fwhm_mm,
        device=device,
        dtype=dtype,
    )[0]


def reconstruct_batch(
    projections: Sequence[Projections],
    maps: Sequence[FloatArray] | None = None,
    *,
    subsets: int = 10,
    iterations: int = 12,
    filter_fwhm_mm: float = 0.0,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> list[Volume]:
    """Reconstruct several acquisitions of one camera together.

    Parameters
    ----------
    projections
        Acquisitions with the same grid, orbit and collimator.
    maps
        Attenuation in 1/cm on that grid, one per acquisition; None for NAC.
    subsets, iterations, filter_fwhm_mm, device, dtype
        Parameters of `reconstruct`.
    """
    camera = _camera(projections, device, dtype)
    counts, scatter = (
        torch.from_numpy(np.stack([getattr(p, name) for p in projections]))
        for name in ("counts", "scatter")
    )
    if maps is None:
        task = partial(osem, camera, counts, None, subsets, iterations)
    else:
        attenuated = camera.attenuated_by(torch.from_numpy(np.stack(maps)))
        task = partial(osem, attenuated, counts, scatter, subsets, iterations)
    [images] = run_concurrently(task)
    images = blur(images, camera.grid.spacing, filter_fwhm_mm / FWHM_PER_SIGMA)
    return [Volume(image, camera.grid, "spect") for image in images.cpu().numpy()]


@torch.no_grad()
def osem(
    projector: Projector,
    counts: torch.Tensor,
    scatter: torch.Tensor | None = None,
    subsets: int = 10,
    iterations: int = 12,
) -> torch.Tensor:
    """Reconstruct images from counts by OSEM.

    Parameters
    ----------
    projector
        Model of the camera, with the attenuation to correct for.
    counts, scatter
        Counts and expected scatter, shape (batch, view, z, bin); scatter is added to the
        projection.
    subsets, iterations
        Number of subsets of the views, and of passes over all views.

    Returns
    -------
    torch.Tensor
        Images (batch, z, y, x), never negative; 0 outside the circle that is in all views.
    """
    if iterations < 1:
        raise ParameterError(f"OSEM needs at least one iteration, got {iterations}")
    groups = ordered_subsets(len(projector.views), subsets)
    counts = counts.to(projector.device, projector.dtype)
    scatter = torch.zeros_like(counts) if scatter is None else scatter.to(counts)
    floor = EXPECTATION_FLOOR * counts.mean((1, 2, 3), keepdim=True).clamp_min(1e-30)
    sensitivities = [_sensitivity(projector, counts[:, views], views) for views in groups]
    image = projector.image(1.0, len(counts)).mul_(_circle(projector))
    for _ in range(iterations):
        for views, sensitivity in zip(groups, sensitivities, strict=True):
            expected = projector.forward(image, views) + scatter[:, views]
            ratio = counts[:, views] / torch.maximum(expected, floor)
            # Rounding in the truncated blur may give tiny negative values where there are no
            # counts.
            image *= projector.back(ratio, views).clamp_min_(0) / sensitivity
    return image


def ordered_subsets(views: int, subsets: int) -> list[list[int]]:
    """Return the views of each subset; successive subsets are far apart (bit-reversed order)."""
    if not 1 <= subsets <= views:
        raise ParameterError(
            f"{views} views can be divided into 1 to {views} subsets, not {subsets}"
        )
    bits = max(1, (subsets - 1).bit_length())
    order = sorted(range(subsets), key=lambda first: f"{first:0{bits}b}"[::-1])
    return [list(range(first, views, subsets)) for first in order]


def _sensitivity(projector: Projector, like: torch.Tensor, views: list[int]) -> torch.Tensor:
    sensitivity = projector.back(torch.ones_like(like), views)
    largest = sensitivity.amax((1, 2, 3), keepdim=True)
    return torch.maximum(sensitivity, SENSITIVITY_FLOOR * largest)


def _circle(projector: Projector) -> torch.Tensor:
    """Return the mask of the circle around the axis that is in every view, (y, x)."""
    size = projector.grid.shape_zyx[2]
    position = torch.arange(size, device=projector.device, dtype=projector.dtype) - (size - 1) / 2
    return (position**2 + position[:, None] ** 2 <= (size / 2) ** 2).to(projector.dtype)


def _camera(projections: Sequence[Projections], device: str, dtype: torch.dtype) -> Projector:
    first = projections[0]
    for other in projections[1:]:
        same = (other.grid, other.orbit, other.collimator)
        if same != (first.grid, first.orbit, first.collimator):
            raise GeometryError("a batch needs acquisitions of one grid, orbit and collimator")
    return Projector(first.grid, first.orbit, first.collimator, device, dtype)


def _checked(mu: Volume) -> Volume:
    """Raise an error for an image that cannot be in 1/cm, such as a CT in HU."""
    if mu.modality not in {"", "mu"} or float(np.abs(mu.array).max()) > 10:
        raise GeometryError(
            f"attenuation correction needs a mu-map in 1/cm, got '{mu.modality or 'unknown'}' "
            f"values up to {float(mu.array.max()):g}; convert the CT first"
        )
    return mu
