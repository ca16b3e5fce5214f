"""One pair of the engine as a scene on a device, and its dense measure as the engine calls it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regkit.errors import ParameterError
from regkit.geometry.grid import FloatArray
from regkit_instance.pyramid import Level
from regkit_instance.torch_backend.measure import DenseMeasure
from regkit_instance.torch_backend.metrics import Dense, fields_of, rule_of
from regkit_instance.torch_backend.point_sampler import PointSampler


@dataclass(frozen=True, eq=False)
class OnDevice:
    """A dense measure of one pair: a `regkit_instance.measures.Measure`."""

    measure: Dense
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


def device_named(name: str) -> torch.device:
    """Return a torch device: ``auto`` is the first GPU if there is one.

    Raises
    ------
    ParameterError
        There is no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ParameterError(
            f"there is no device '{name}' that torch can use here; take auto or cpu"
        ) from error
    return device


def scene_of(
    positions: NDArray[np.float32], level: Level, origin: FloatArray, device: torch.device
) -> PointSampler:
    """Put a sample and a moving image on a device.

    Parameters
    ----------
    positions
        Fixed points, mm about the body's centre, shape (3, N).
    level
        The moving image.
    origin
        What positions and maps are about, LPS mm of the moving image.
    device
        Where to.
    """
    tensors = (
        torch.from_numpy(np.ascontiguousarray(array))[None].to(device)
        for array in (positions, level.array, level.to_padded_index(origin))
    )
    return PointSampler(*tensors)


def measure_on(
    scene: PointSampler, name: str, values: NDArray[np.float32], bins: int, whole: int = 1
) -> OnDevice:
    """Return a measure of intensities.

    Parameters
    ----------
    scene
        Of one pair.
    name
        ``mi``, ``nmi``, ``cr``; or ``lncc``, ``local-cr``, whose points come in patches.
    values
        Fixed intensities in 0..1 at its points, shape (N,); NaN in patches only.
    bins
        Of each image.
    whole
        Points of a patch.
    """
    fixed = torch.from_numpy(values)[None].to(scene.points.device)
    rule = rule_of(name, fixed, bins, whole)
    return OnDevice(DenseMeasure(scene, rule), scene.points.device)


def gradient_fields_on(scene: PointSampler, fixed_gradients: NDArray[np.float32]) -> OnDevice:
    """Return the measure ``ngf``.

    Parameters
    ----------
    scene
        Of one pair.
    fixed_gradients
        By mm (x, y, z) at its points, shape (3, N).
    """
    fixed = torch.from_numpy(fixed_gradients)[None].to(scene.points)
    return OnDevice(fields_of(scene, fixed), scene.points.device)


def _array(tensor: Tensor) -> FloatArray:
    array: FloatArray = tensor[0].cpu().numpy()
    return array
