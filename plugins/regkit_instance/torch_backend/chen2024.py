"""The published refinement of a pair: both images on the fixed grid, 0 to 1, zero outside."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regkit.geometry.grid import FloatArray, Grid
from regkit.geometry.resampling import resample
from regkit.geometry.transform import IDENTITY, AffineTransform, Transform
from regkit.geometry.volume import LabelMap, Volume
from regkit.learning.device import device_named
from regkit.registrar import Estimate, Pair
from regkit.similarity.intensity import normalize_for_similarity
from regkit_instance.torch_backend.chen2024_schedule import (
    FACTORS,
    ITERATIONS,
    CommonGrid,
    Model,
    descend,
)
from regkit_instance.torch_backend.losses import loss_by_name


def refine_chen2024(
    pair: Pair, measure: str, model: Model, rate: float, device_name: str
) -> Estimate:
    """Refine the initial transform by the schedule of `chen2024_schedule`.

    Parameters
    ----------
    pair
        The images.
    measure
        Name of the loss, see `regkit_instance.torch_backend.losses.loss_by_name`.
    model
        Transform model of the correction.
    rate
        Learning rate of Adam.
    device_name
        Device of torch, as for `regkit.learning.device.device_named`.

    Raises
    ------
    RegistrationError
        An image is constant (in its mask).
    """
    device = device_named(device_name)
    found = descend(
        on_common_grid(pair, device),
        loss_by_name(measure),
        model,
        rate,
        factors=FACTORS,
        iterations=ITERATIONS,
    )
    improved = found.after < found.before
    correction = affine_in_lps(found.map_mm.numpy(), pair.fixed.grid) if improved else IDENTITY
    return Estimate(
        pair.start @ correction,
        diagnostics={
            "device": str(device),
            "measure": measure,
            "loss_before": _finite(found.before),
            "loss_after": _finite(found.after if improved else found.before),
            "improved": improved,
            "scales": [
                {"factor": factor, "steps": steps, "loss": _finite(loss)}
                for factor, steps, loss in zip(FACTORS, ITERATIONS, found.losses, strict=True)
            ],
        },
    )


def _finite(loss: float) -> float | None:
    """Return a loss, or None for NaN, which JSON lacks: coarse scales may have no overlap left."""
    return loss if np.isfinite(loss) else None


def on_common_grid(pair: Pair, device: torch.device) -> CommonGrid:
    """Return both images, and the masks if there are any, on the fixed grid, filled up."""
    grid = pair.fixed.grid
    fixed = _from_zero_to_one(pair.fixed, pair.fixed_mask)
    moving = _from_zero_to_one(pair.moving, pair.moving_mask)
    masked = pair.fixed_mask is not None or pair.moving_mask is not None
    in_fixed = _mask(pair.fixed_mask, grid, IDENTITY) if masked else None
    in_moving = _mask(pair.moving_mask, grid, pair.start) if masked else None
    moving = resample(moving, grid, pair.start)
    extent = np.multiply(_padded_shape(grid.shape_zyx)[::-1], grid.spacing)
    half = torch.tensor(extent / 2, dtype=torch.float32, device=device)
    return CommonGrid(
        _padded(fixed.array, device),
        _padded(moving.array, device),
        None if in_fixed is None else _padded(in_fixed, device),
        None if in_moving is None else _padded(in_moving, device),
        half,
    )


def _from_zero_to_one(volume: Volume, mask: LabelMap | None) -> Volume:
    prepared = normalize_for_similarity(volume, mask)
    low, high = prepared.array.min(), prepared.array.max()
    return prepared.with_array((prepared.array - low) / (high - low))


def _mask(mask: LabelMap | None, grid: Grid, through: Transform) -> NDArray[Any]:
    if mask is None:
        return np.ones(grid.shape_zyx, np.float32)
    marked = mask.with_array((mask.array != 0).astype(np.uint8))
    return resample(marked, grid, through).array.astype(np.float32)


def _padded(array: NDArray[Any], device: torch.device) -> Tensor:
    """Pad an image with zeros, at the ends of its axes, to multiples of the largest factor."""
    missing = np.subtract(_padded_shape(array.shape), array.shape)
    padded = np.pad(array, [(0, int(m)) for m in missing])
    return torch.from_numpy(padded)[None, None].to(device)


def _padded_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(-(-n // FACTORS[0]) * FACTORS[0] for n in shape)


def affine_in_lps(map_mm: FloatArray, grid: Grid) -> AffineTransform:
    """Return the LPS map of a map about the centre of the padded grid, along its axes."""
    centre = grid.to_physical((np.array(_padded_shape(grid.shape_zyx)) - 1) / 2)
    axes = np.reshape(grid.direction, (3, 3))
    linear = axes @ map_mm[:, :3].astype(np.float64) @ axes.T
    return AffineTransform.about(linear, axes @ map_mm[:, 3], centre)
