"""One pair of the engine on a torch device, and its measures behind the interface of numpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regkit.geometry.grid import FloatArray
from regkit_instance.pyramid import Level
from regkit_instance.torch_backend.measure import DenseMeasure
from regkit_instance.torch_backend.metrics import (
    BatchMeasure,
    gradient_field_measure,
    point_metric,
)
from regkit_instance.torch_backend.point_sampler import PointSampler


@dataclass(frozen=True, eq=False)
class TorchMeasure:
    """A torch measure of one pair as a `regkit_instance.measures.Measure`."""

    measure: BatchMeasure
    device: torch.device

    def values(self, maps: FloatArray) -> FloatArray:
        """Return the similarity (B,) under each map."""
        return _array(self.measure.values(self._tensor(maps)))

    def values_and_gradients(self, maps: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the similarity (B,) and its derivatives by the entries of the maps (B, 3, 4)."""
        values, gradients = self.measure.values_and_gradients(self._tensor(maps))
        return _array(values), _array(gradients)

    def _tensor(self, maps: FloatArray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(maps, np.float64))[None].to(self.device)


def sampler_on(
    positions: NDArray[np.float32], level: Level, origin: FloatArray, device: torch.device
) -> PointSampler:
    """Return the sampler of sample points and a moving image on a device.

    Parameters
    ----------
    positions
        Fixed points, mm about the body's centre, x, y, z, shape (3, N).
    level
        The moving image.
    origin
        Origin of positions and maps, LPS mm of the moving image.
    device
        Device of all tensors.
    """
    to_padded = level.to_index(origin) + np.eye(4)[3]
    tensors = (
        torch.from_numpy(np.ascontiguousarray(array))[None].to(device)
        for array in (positions, np.pad(level.array, 1, mode="edge"), to_padded)
    )
    return PointSampler(*tensors)


def intensity_measure(
    sampler: PointSampler, name: str, values: NDArray[np.float32], bins: int, patch_size: int = 1
) -> TorchMeasure:
    """Return a measure of intensities.

    Parameters
    ----------
    sampler
        Sampler of one pair.
    name
        Name of the metric: ``mi``, ``nmi``, ``cr``; or ``lncc``, ``local-cr``, of points in
        patches.
    values
        Fixed intensities in 0..1 at its points, shape (N,); NaN in patches only.
    bins
        Number of histogram bins of each image.
    patch_size
        Number of points of a patch.
    """
    fixed = torch.from_numpy(values)[None].to(sampler.points.device)
    metric = point_metric(name, fixed, bins, patch_size)
    return TorchMeasure(DenseMeasure(sampler, metric), sampler.points.device)


def gradient_measure(sampler: PointSampler, fixed_gradients: NDArray[np.float32]) -> TorchMeasure:
    """Return the measure ``ngf``.

    Parameters
    ----------
    sampler
        Sampler of one pair.
    fixed_gradients
        Fixed gradients by mm (x, y, z) at the points, shape (3, N).
    """
    fixed = torch.from_numpy(fixed_gradients)[None].to(sampler.points)
    return TorchMeasure(gradient_field_measure(sampler, fixed), sampler.points.device)


def _array(tensor: Tensor) -> FloatArray:
    array: FloatArray = tensor[0].cpu().numpy()
    return array
