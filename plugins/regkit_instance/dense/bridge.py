"""One pair of the engine as a scene on a device, and its dense measure as the engine calls it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regkit.errors import ParameterError
from regkit.grid import FloatArray
from regkit_instance.dense.cr import CorrelationRatio
from regkit_instance.dense.measure import DenseMeasure, Rule
from regkit_instance.dense.mi import Information
from regkit_instance.dense.ngf import GradientFields, gradient_images
from regkit_instance.dense.patches import InPatches, LocalCorrelation, LocalCorrelationRatio
from regkit_instance.dense.scene import Scene
from regkit_instance.dense.windows import Windows
from regkit_instance.measures import FEWEST_COUNTED, LEAST_OVERLAP
from regkit_instance.pyramid import Level


class Dense(Protocol):
    """A measure of maps of many pairs."""

    def values(self, maps: Tensor) -> Tensor:
        """Return scores (pairs, maps)."""

    def values_and_gradients(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Return scores (pairs, maps) and derivatives (pairs, maps, 3, 4)."""


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
) -> Scene:
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
    return Scene(*tensors)


def measure_on(
    scene: Scene, name: str, values: NDArray[np.float32], bins: int, whole: int = 1
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


def gradient_fields_on(scene: Scene, fixed_gradients: NDArray[np.float32]) -> OnDevice:
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


def fields_of(scene: Scene, fixed: Tensor) -> GradientFields:
    """Return the measure ``ngf`` of a scene of one pair and fixed gradients (1, 3, points).

    A gradient is weak when it is shorter than the mean of its image.
    """
    weak = fixed.norm(dim=1).mean()
    directions = fixed / (fixed.square().sum(1, keepdim=True) + weak**2).sqrt().clamp(min=1e-12)
    images = gradient_images(scene.moving, scene.to_index)
    lengths = images.norm(dim=0)
    thrice = Scene(
        scene.points.repeat_interleave(3, 0), images, scene.to_index.repeat_interleave(3, 0)
    )
    weak_moving = lengths[lengths.isfinite()].mean()[None].clamp(min=1e-12)
    return GradientFields(thrice, directions, weak_moving, _fewest(fixed.shape[2]))


def rule_of(name: str, fixed: Tensor, bins: int, whole: int = 1) -> Rule:
    """Return the rule of a measure of intensities; parameters as for `measure_on`.

    `fixed` is of shape (pairs, points).
    """
    windows, fewest = Windows(bins), _fewest(fixed.shape[1])
    if name in ("lncc", "local-cr"):
        local = LocalCorrelation() if name == "lncc" else LocalCorrelationRatio(windows)
        return InPatches(fixed, whole, fewest, local)
    classes = (fixed * bins).to(torch.int64).clamp(0, bins - 1)
    if name == "cr":
        return CorrelationRatio(fixed, classes, bins, windows, fewest)
    return Information(classes, bins, windows, fewest, normalised=name == "nmi")


def _fewest(points: int) -> int:
    return max(FEWEST_COUNTED, int(LEAST_OVERLAP * points))


def _array(tensor: Tensor) -> FloatArray:
    array: FloatArray = tensor[0].cpu().numpy()
    return array
