"""Simulation of a SPECT acquisition: from activity and attenuation to Poisson counts."""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray

from regkit.errors import GeometryError
from regkit.geometry.grid import FloatArray, Grid
from regkit.geometry.volume import Volume
from regkit_nuclear.spect.geometry import LEHR, Collimator, Orbit
from regkit_nuclear.spect.loops import LARGEST_SUMMED_MEAN, poisson_quantiles
from regkit_nuclear.spect.projections import Projections
from regkit_nuclear.spect.projector import Projector
from regkit_nuclear.spect.scatter import scatter_source
from regkit_nuclear.spect.threads import run_concurrently

# Distribution of the counts of an acquisition: lognormal, cut off; chosen by hand.
MEDIAN_COUNTS = 6e6
LOG_SPREAD = 0.4
COUNT_RANGE = (2e6, 16e6)


def acquire(
    activity: Volume,
    mu: Volume,
    rng: Generator,
    *,
    total_counts: float | None = None,
    noise: bool = True,
    orbit: Orbit | None = None,
    collimator: Collimator | None = LEHR,
    binning: int = 1,
    device: str = "cpu",
) -> Projections:
    """Simulate one SPECT acquisition.

    Parameters
    ----------
    activity
        Activity concentration in any unit; the counts are scaled.
    mu
        Linear attenuation coefficients in 1/cm on the same grid.
    rng
        Random generator of the total (if not given) and of the Poisson noise.
    total_counts
        Expected counts of all views, with scatter; drawn if None.
    noise
        Whether counts are Poisson distributed; otherwise they are the expected ones.
    orbit
        Orbit of the camera; 180 degrees from RAO 45 to LPO 45 in 60 views if None.
    binning
        Voxels per bin along each axis: with 2, anatomy in voxels of half the size gives
        projections of the coarse grid without aliasing.

    Returns
    -------
    Projections
        Counts on the (coarse) grid; the scatter estimate is the expected scatter itself, as a
        perfect estimator would find it.

    Raises
    ------
    GeometryError
        Grids that differ, cannot be rotated or cannot be binned; activity that is negative or zero
        everywhere.
    """
    orbit = orbit or Orbit.cardiac()
    primary, scatter, grid = expected_views(
        activity, mu, orbit, collimator, binning=binning, device=device
    )
    total = draw_total_counts(rng) if total_counts is None else float(total_counts)
    scale = total / (primary + scatter).sum()
    mean = scale * (primary + scatter)
    counts = draw_counts(mean, rng) if noise else mean
    return Projections(counts, scale * scatter, grid, orbit, collimator)


def draw_total_counts(rng: Generator) -> float:
    """Draw the counts of an acquisition: lognormal about 6 million, within 2 to 16 million."""
    return float(np.clip(MEDIAN_COUNTS * np.exp(LOG_SPREAD * rng.normal()), *COUNT_RANGE))


def draw_counts(mean: FloatArray, rng: Generator) -> NDArray[np.float32]:
    """Draw Poisson counts, each bin from its own uniform number.

    NumPy's Poisson method uses a number of random numbers that depends on the means: rounding in
    one bin could change the counts of all later ones on another machine.
    """
    drawn, counts = rng.random(mean.shape), np.empty(mean.shape)
    small = mean <= LARGEST_SUMMED_MEAN
    few = np.empty(np.count_nonzero(small))
    poisson_quantiles(drawn[small], mean[small], few)
    counts[small] = few
    if not small.all():
        from scipy.stats import poisson  # noqa: PLC0415 - it takes long to import

        counts[~small] = np.maximum(poisson.ppf(drawn[~small], mean[~small]), 0)
    return np.asarray(counts, dtype=np.float32)


def expected_views(
    activity: Volume,
    mu: Volume,
    orbit: Orbit,
    collimator: Collimator | None = LEHR,
    *,
    binning: int = 1,
    device: str = "cpu",
) -> tuple[FloatArray, FloatArray, Grid]:
    """Project without noise.

    Returns
    -------
    tuple
        Primary and scattered photons, each (views, z, bins), in the unit of the activity, and
        the grid they belong to.
    """
    if not activity.grid.matches(mu.grid):
        raise GeometryError("activity and attenuation must be on one grid; resample one of them")
    if not (activity.array >= 0).all() or not activity.array.any():
        raise GeometryError("the activity must be 0 or more and not 0 everywhere")
    coarse = binned_grid(activity.grid, binning)
    # In double precision, because rounding differs between machines and would change counts.
    double = torch.float64
    source, tissue = (
        torch.tensor(v.array, device=device, dtype=double)[None] for v in (activity, mu)
    )
    fine = Projector(activity.grid, orbit, collimator, device, double).attenuated_by(
        tissue, keep=False
    )
    primary = _sum_bins(_project_all(fine, source)[0], binning)
    # Scatter is smooth: the coarse grid is fine enough.
    source, tissue = _sum_voxels(source, binning), _sum_voxels(tissue, binning) / binning**3
    camera = Projector(coarse, orbit, collimator, device, double).attenuated_by(tissue, keep=False)
    scatter = _project_all(camera, scatter_source(source, tissue, coarse.spacing))[0]
    return _positive(primary), _positive(scatter), coarse


def _project_all(camera: Projector, source: torch.Tensor) -> torch.Tensor:
    """Project to all views, which are split among the threads."""
    threads = min(torch.get_num_threads(), len(camera.views))
    groups = [group.tolist() for group in np.array_split(camera.views, threads)]
    parts = run_concurrently(*(partial(camera.forward, source, group) for group in groups))
    return torch.cat(parts, dim=1)


def binned_grid(grid: Grid, binning: int) -> Grid:
    """Return the grid whose voxels are blocks of `binning`^3 voxels of another."""
    if binning < 1 or any(n % binning for n in grid.shape_zyx):
        raise GeometryError(f"{binning} does not divide a grid of {grid.shape_zyx}")
    nz, ny, nx = (n // binning for n in grid.shape_zyx)
    sx, sy, sz = (s * binning for s in grid.spacing)
    x, y, z = grid.to_physical(3 * ((binning - 1) / 2,)).tolist()
    return Grid((nz, ny, nx), (sx, sy, sz), (x, y, z), grid.direction)


def _sum_bins(views: torch.Tensor, binning: int) -> torch.Tensor:
    count, slices, bins = views.shape
    blocks = views.view(count, slices // binning, binning, bins // binning, binning)
    return blocks.sum((2, 4))


def _sum_voxels(images: torch.Tensor, binning: int) -> torch.Tensor:
    nz, ny, nx = (n // binning for n in images.shape[1:])
    blocks = images.view(-1, nz, binning, ny, binning, nx, binning)
    return blocks.sum((2, 4, 6))


def _positive(views: torch.Tensor) -> FloatArray:
    """Return float64 without the tiny negative values that rounding in the blur leaves."""
    return views.double().clamp_min(0).cpu().numpy()
