"""Random views of an image and its gland: place, field of view, shape, contrast and noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from regkit.geometry.grid import FloatArray, Grid
from regkit.geometry.rigid import rigid
from regkit.geometry.transform import AffineTransform
from regkit.learning import grid_sample, outside_mask, sampling_grid
from regkit_gland.train.cases import GlandImage
from regkit_gland.train.config import GlandConfig

# Control points along each side of the cube from which smooth fields are interpolated: those of
# displacements and of intensities, and those of clutter. Chosen by hand.
SMOOTH, CLUTTERED = 4, 8
# Strength by which an image is sharpened; chosen by hand.
SHARPENING = 0.7
ORIGIN = (0.0, 0.0, 0.0)


@dataclass(frozen=True, eq=False)
class View:
    """A view of an image on the networks' cube.

    Parameters
    ----------
    image
        Intensities (1, 1, z, y, x), NaN where unknown.
    mask
        Mask of the gland, (1, 1, z, y, x), 0 to 1; 0 where the image is unknown.
    """

    image: Tensor
    mask: Tensor


def plain_view(source: GlandImage, grid: Grid) -> View:
    """Return an image as it is used: the cube around the middle of its field of view."""
    through = AffineTransform.shift(source.image.grid.centre)
    return _view(source, sampling_grid([through], grid, [source.image.grid], _device(source)))


def random_view(source: GlandImage, config: GlandConfig, rng: np.random.Generator) -> View:
    """Return an image from another place, turned, scaled, bent and cut off at random."""
    noise = torch.Generator().manual_seed(int(rng.integers(2**62)))
    grid, device = source.image.grid, _device(source)
    through = AffineTransform.shift(grid.centre) @ _random_placement(config, rng)
    coordinates = sampling_grid([through], config.grid, [grid], device)
    half_mm = np.maximum(np.subtract(grid.shape_zyx[::-1], 1), 1) * grid.spacing / 2
    bent = _smooth_field(3, SMOOTH, config.grid_size, noise).movedim(1, -1)
    per_mm = torch.tensor(config.warp_mm / half_mm, dtype=torch.float32)
    coordinates += (bent * per_mm).to(device)
    return _view(source, coordinates, _random_edges(config, half_mm, rng))


def random_look(image: Tensor, config: GlandConfig, rng: np.random.Generator) -> Tensor:
    """Return an image (1, 1, z, y, x) with another contrast and noise, 0 where unknown."""
    noise = torch.Generator().manual_seed(int(rng.integers(2**62)))
    known = torch.nan_to_num(image).cpu().clamp(0, 1)
    shown = (known > 0).float()
    gamma = float(np.exp(rng.normal() * config.gamma_sd))
    size = config.grid_size
    bias = torch.exp(config.bias_sd * _smooth_field(1, SMOOTH, size, noise))
    seen = known**gamma * bias
    if rng.random() < config.filter_prob:
        blurred = functional.avg_pool3d(seen, 3, 1, 1)
        sharp = rng.random() < 0.5
        seen = (seen + SHARPENING * (seen - blurred)).clamp(min=0) if sharp else blurred
    grain = torch.randn(seen.shape, generator=noise) * rng.uniform(0, config.noise)
    clutter = _smooth_field(1, CLUTTERED, size, noise) * rng.uniform(0, config.clutter)
    return (seen + shown * (grain + clutter)).to(image.device)


def _random_placement(config: GlandConfig, rng: np.random.Generator) -> AffineTransform:
    """Return a map of the cube's points to points from the middle of an image, LPS mm."""
    turn = rigid(rng.normal(size=3) * config.rotation_deg, ORIGIN, ORIGIN).matrix[:3, :3]
    size = np.exp(rng.normal() * config.scale_sd + rng.normal(size=3) * config.stretch_sd)
    if rng.random() < config.mirror_prob:
        size[0] *= -1
    shift = rng.uniform(-1, 1, 3) * config.shift_mm
    return AffineTransform.about(turn @ np.diag(size), ORIGIN, shift)


def _random_edges(
    config: GlandConfig, half_mm: FloatArray, rng: np.random.Generator
) -> FloatArray:
    """Return where an image begins and ends along x, y, z, from -1 to 1; often all of it."""
    edges = np.array([[-np.inf] * 3, [np.inf] * 3])
    if rng.random() < config.crop_prob:
        axis, end = int(rng.integers(3)), int(rng.integers(2))
        left = 1 - rng.uniform(0, config.crop_mm) / half_mm[axis]
        edges[end, axis] = left if end else -left
    return edges


def _view(source: GlandImage, coordinates: Tensor, edges: FloatArray | None = None) -> View:
    grids = [source.image.grid]
    outside = outside_mask(coordinates, grids).any(dim=0)
    if edges is not None:
        low, high = torch.tensor(edges, dtype=torch.float32, device=coordinates.device)
        outside |= ((coordinates < low) | (coordinates > high)).any(dim=-1)
    image = grid_sample([source.image.tensor], coordinates)
    mask = grid_sample([source.mask], coordinates, padding_mode="zeros")
    return View(
        image.masked_fill(outside, float("nan"))[None], mask.masked_fill(outside, 0.0)[None]
    )


def _smooth_field(channels: int, points: int, size: int, noise: torch.Generator) -> Tensor:
    """Return a smooth random field of standard deviation 1 at its control points."""
    coarse = torch.randn((1, channels, points, points, points), generator=noise)
    return functional.interpolate(coarse, (size,) * 3, mode="trilinear", align_corners=True)


def _device(source: GlandImage) -> torch.device:
    return source.image.tensor.device
