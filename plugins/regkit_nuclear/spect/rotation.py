"""Rotation of the slices of a volume so that one axis points to the detector."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from regkit.geometry.grid import FloatArray


@dataclass(frozen=True, eq=False)
class Rotation:
    """Bilinear rotation of a slice, as a sparse matrix and its transpose.

    Each row of `forward` takes one sample (depth, bin) of the rotated slice from the four pixels
    (y, x) around it; samples outside the slice are zero. `transposed` is its exact adjoint. All
    slices of all volumes are rotated by one matrix product.
    """

    forward: torch.Tensor
    transposed: torch.Tensor


def detector_rotation(
    size: int, angle_deg: float, device: torch.device, dtype: torch.dtype
) -> Rotation:
    """Build the rotation for one view.

    Parameters
    ----------
    size
        Pixels along each side of the slice.
    angle_deg
        Angle of the detector; see `Orbit`.

    Returns
    -------
    Rotation
        Matrices of size^2 x size^2 between rows (depth, bin) and columns (y, x); the depth rises
        towards the detector.
    """
    matrix = _sampling(size, math.radians(angle_deg))
    return Rotation(_on(matrix, device, dtype), _on(matrix.T, device, dtype))


def _sampling(size: int, angle: float) -> sparse.coo_array:
    centre = (size - 1) / 2
    depth, bin_ = np.meshgrid(*2 * (np.arange(size) - centre,), indexing="ij")
    # Rounded, so that right angles map pixels to pixels exactly.
    x = np.round(depth * math.sin(angle) + bin_ * math.cos(angle) + centre, 9).ravel()
    y = np.round(-depth * math.cos(angle) + bin_ * math.sin(angle) + centre, 9).ravel()
    row, row_weight = _neighbours(y)
    column, column_weight = (a[:, None] for a in _neighbours(x))
    weight = row_weight * column_weight
    inside = (row >= 0) & (row < size) & (column >= 0) & (column < size) & (weight > 0)
    samples = np.broadcast_to(np.arange(size**2, dtype=np.int32), weight.shape)[inside]
    pixels = (row * size + column)[inside]
    return sparse.coo_array((weight[inside], (samples, pixels)), shape=(size**2, size**2))


def _neighbours(position: FloatArray) -> tuple[NDArray[np.int32], FloatArray]:
    """Return the pixels below and above each position, and their weights, each (2, N)."""
    low = np.floor(position)
    fraction = position - low
    return np.stack([low, low + 1]).astype(np.int32), np.stack([1 - fraction, fraction])


def _on(matrix: sparse.coo_array, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    rows = matrix.tocsr()
    rows.sort_indices()
    with warnings.catch_warnings():
        # Torch warns that its compressed sparse rows are in beta; users need not see that.
        warnings.simplefilter("ignore", UserWarning)
        return torch.sparse_csr_tensor(
            torch.from_numpy(rows.indptr.astype(np.int32)),
            torch.from_numpy(rows.indices.astype(np.int32)),
            torch.from_numpy(rows.data).to(dtype),
            rows.shape,
            device=device,
            check_invariants=False,
        )
