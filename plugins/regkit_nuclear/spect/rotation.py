"""Rotation of the slices of a volume so that one axis points to the detector."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from regkit.geometry.grid import FloatArray
from regkit_nuclear.spect.loops import attenuated_sums, gather_rows, scatter_rows


class Rotation(Protocol):
    """Bilinear rotation of slices, and its exact adjoint.

    Each sample (depth, bin) of the rotated slice is a weighted sum of the four pixels (y, x)
    around it; samples outside the slice are zero. All slices of all volumes are rotated together.
    """

    def forward(self, columns: torch.Tensor) -> torch.Tensor:
        """Rotate columns (pixels, voxels) to rows (samples, voxels)."""

    def add_adjoint(self, rows: torch.Tensor, columns: torch.Tensor) -> None:
        """Add rows that are rotated back to columns."""


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
        Rotation between rows (depth, bin) and columns (y, x); the depth rises towards the
        detector.
    """
    pixels, weights = _corners(size, math.radians(angle_deg))
    if device.type == "cpu":
        return CompiledRotation(pixels, weights.astype(torch.empty(0, dtype=dtype).numpy().dtype))
    return SparseRotation.of(pixels, weights, device, dtype)


@dataclass(frozen=True, eq=False)
class CompiledRotation:
    """Rotation by compiled loops on the CPU; both arrays have the shape (samples, 4)."""

    pixels: NDArray[np.int32]
    weights: FloatArray

    def forward(self, columns: torch.Tensor) -> torch.Tensor:
        """Rotate columns (pixels, voxels) to rows (samples, voxels)."""
        rows = torch.empty_like(columns)
        gather_rows(columns.numpy(), self.pixels, self.weights, rows.numpy())
        return rows

    def add_adjoint(self, rows: torch.Tensor, columns: torch.Tensor) -> None:
        """Add rows that are rotated back to columns."""
        scatter_rows(rows.numpy(), self.pixels, self.weights, columns.numpy())

    def attenuated_sums(
        self, source: torch.Tensor, mu: torch.Tensor, mixing: torch.Tensor, step_cm: float
    ) -> torch.Tensor:
        """Rotate and attenuate columns and mix their planes to (filters, bins, voxels)."""
        arrays = (source.numpy(), mu.numpy(), self.pixels, self.weights, mixing.numpy())
        return torch.from_numpy(attenuated_sums(*arrays, step_cm))


@dataclass(frozen=True, eq=False)
class SparseRotation:
    """Rotation by a sparse matrix and its transpose on other devices."""

    matrix: torch.Tensor
    transposed: torch.Tensor

    @classmethod
    def of(
        cls,
        pixels: NDArray[np.int32],
        weights: FloatArray,
        device: torch.device,
        dtype: torch.dtype,
    ) -> SparseRotation:
        """Make the matrices from the pixels of each sample and their weights, (samples, 4)."""
        count = len(pixels)
        samples = np.repeat(np.arange(count), 4)
        entries = (weights.ravel(), (samples, pixels.ravel()))
        matrix = sparse.coo_array(entries, shape=(count, count))
        return cls(_on(matrix, device, dtype), _on(matrix.T, device, dtype))

    def forward(self, columns: torch.Tensor) -> torch.Tensor:
        """Rotate columns (pixels, voxels) to rows (samples, voxels)."""
        return self.matrix @ columns

    def add_adjoint(self, rows: torch.Tensor, columns: torch.Tensor) -> None:
        """Add rows that are rotated back to columns."""
        columns.add_(self.transposed @ rows)


def _corners(size: int, angle: float) -> tuple[NDArray[np.int32], FloatArray]:
    """Return the four pixels around each sample and their weights, which are 0 outside."""
    centre = (size - 1) / 2
    depth, bin_ = np.meshgrid(*2 * (np.arange(size) - centre,), indexing="ij")
    # Rounded, so that right angles map pixels to pixels exactly.
    x = np.round(depth * math.sin(angle) + bin_ * math.cos(angle) + centre, 9).ravel()
    y = np.round(-depth * math.cos(angle) + bin_ * math.sin(angle) + centre, 9).ravel()
    row, row_weight = (a[:, None] for a in _neighbours(y))
    column, column_weight = _neighbours(x)
    inside = (row >= 0) & (row < size) & (column >= 0) & (column < size)
    pixels, weights = np.where(inside, (row * size + column, row_weight * column_weight), 0)
    return (
        np.ascontiguousarray(pixels.reshape(4, -1).T, dtype=np.int32),
        np.ascontiguousarray(weights.reshape(4, -1).T),
    )


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
