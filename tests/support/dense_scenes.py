"""Small pairs for the dense measures, with points away from where derivatives jump."""

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from regkit_instance.torch_backend.measure import DenseMeasure
from regkit_instance.torch_backend.metrics import (
    BatchMeasure,
    gradient_field_measure,
    point_metric,
)
from regkit_instance.torch_backend.ngf import gradient_images
from regkit_instance.torch_backend.point_sampler import PointSampler

SIDE, PATCHES, BINS = 3, 60, 24
MEASURES = ("mi", "nmi", "cr", "lncc", "local-cr", "ngf")


def scene(pairs: int = 2, seed: int = 0, dtype: torch.dtype = torch.float64) -> PointSampler:
    """Return smooth random images, of anisotropic voxels on turned axes, and patches of points."""
    rng = np.random.default_rng(seed)
    images = np.stack([gaussian_filter(rng.random((22, 24, 26)), 2.5) for _ in range(pairs)])
    images = 0.5 + 0.5 * np.tanh((images - images.mean()) / images.std())
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (1, 1)), mode="edge")
    centres = rng.uniform(-4.5, 4.5, (pairs, 3, PATCHES, 1))
    ticks = np.meshgrid(*[np.linspace(-1, 1, SIDE)] * 3, indexing="ij")
    points = centres + np.stack(ticks).reshape(1, 3, 1, -1)
    to_index = np.zeros((pairs, 3, 4))
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    to_index[:, :, :3] = np.diag([0.7, 1.0, 1.2]) @ turn
    to_index[:, :, 3] = (11.5, 12.5, 13.5)
    return PointSampler(
        torch.tensor(points.reshape(pairs, 3, -1), dtype=dtype),
        torch.tensor(padded, dtype=dtype),
        torch.tensor(to_index),
    )


def maps(pairs: int = 2, count: int = 3, size: float = 0.04, seed: int = 1) -> Tensor:
    """Return maps (pairs, count, 3, 4) near the identity."""
    generator = torch.Generator().manual_seed(seed)
    away = torch.randn((pairs, count, 3, 4), generator=generator, dtype=torch.float64)
    return torch.eye(3, 4, dtype=torch.float64) + size * away


def moving_values(where: PointSampler) -> Tensor:
    """Return the moving values at the points under the identity, (pairs, points)."""
    (sampled,) = where.sample(maps(len(where.points), 1, 0.0).to(where.points.device))
    return sampled.values[:, 0]


def related(where: PointSampler, seed: int = 2) -> Tensor:
    """Return fixed values that follow from the moving ones, not one to one, and some noise."""
    generator = torch.Generator().manual_seed(seed)
    values = moving_values(where)
    noise = torch.rand(values.shape, generator=generator, dtype=torch.float64).to(values)
    return 0.1 * noise + 0.9 * (2 * values - 1).square()


def measure(where: PointSampler, name: str, fixed: Tensor | None = None) -> BatchMeasure:
    """Return a measure between related fixed values and the moving images."""
    if name == "ngf":
        pairs = [one_of(where, pair) for pair in range(len(where.points))]
        return _Together([gradient_field_measure(pair, _fixed_gradients(pair)) for pair in pairs])
    whole = SIDE**3 if name in ("lncc", "local-cr") else 1
    fixed = related(where) if fixed is None else fixed
    return DenseMeasure(where, point_metric(name, fixed, BINS, whole))


def one_of(where: PointSampler, pair: int) -> PointSampler:
    """Return the sampler of one pair."""
    part = slice(pair, pair + 1)
    return PointSampler(where.points[part], where.moving[part], where.to_index[part])


def _fixed_gradients(where: PointSampler) -> Tensor:
    """Gradients of the moving images themselves, turned a little."""
    images = gradient_images(where.moving, where.to_index)
    thrice = PointSampler(
        where.points.repeat_interleave(3, 0), images, where.to_index.repeat_interleave(3, 0)
    )
    (sampled,) = thrice.sample(maps(3, 1, 0.0).to(where.points.device))
    field = sampled.values.view(1, 3, -1)
    return field + 0.2 * field.roll(1, 1)


class _Together:
    """Measures of one pair each, as one of all pairs."""

    def __init__(self, parts: list[BatchMeasure]) -> None:
        self.parts = parts

    def values(self, maps: Tensor) -> Tensor:
        return torch.cat([p.values(m[None]) for p, m in zip(self.parts, maps, strict=True)])

    def values_and_gradients(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        found = [p.values_and_gradients(m[None]) for p, m in zip(self.parts, maps, strict=True)]
        return torch.cat([v for v, _ in found]), torch.cat([g for _, g in found])
