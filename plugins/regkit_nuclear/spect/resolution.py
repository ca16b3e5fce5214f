"""Depth-dependent collimator blur, summed over the depth.

Blurring every plane of constant depth by its own Gaussian and adding up costs one dense product
per plane and direction. The Gaussians of all depths are mixtures of a few functions of the
frequency, though (singular value decomposition; about six for an error of 1e-4). So the planes are
first mixed to a few weighted sums, and only these are filtered, in the cosine basis of a field
that is padded enough that nothing is mirrored back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from regkit.geometry.grid import FloatArray

# Largest error of the transfer function at any depth and frequency; chosen by hand.
TOLERANCE = 1e-4
# Radius of the kernels in standard deviations; chosen by hand.
KERNEL_SIGMAS = 5.0


@dataclass(frozen=True, eq=False)
class DepthBlur:
    """The blur of a stack of planes as a mixture of a few filters.

    Parameters
    ----------
    mixing
        Weight of each filter in the blur of each depth, shape (filters, depths).
    filters
        Transfer functions, shape (filters, frequencies of u, 1, frequencies of z).
    basis_u, basis_z
        Cosines of the padded field, shape (frequencies, bins) and (frequencies, slices).
    """

    mixing: torch.Tensor
    filters: torch.Tensor
    basis_u: torch.Tensor
    basis_z: torch.Tensor

    def mix(self, planes: torch.Tensor) -> torch.Tensor:
        """Mix planes (depths, bins, batch, slices) to sums (filters, bins, batch, slices)."""
        return (self.mixing @ planes.flatten(1)).view(-1, *planes.shape[1:])

    def filter(self, sums: torch.Tensor) -> torch.Tensor:
        """Blur sums (filters, bins, batch, slices) and add them up to (bins, batch, slices)."""
        spectrum = (self._along_bins(self.basis_u, sums @ self.basis_z.T) * self.filters).sum(0)
        return self._along_bins(self.basis_u.T, spectrum[None])[0] @ self.basis_z

    def filter_adjoint(self, projection: torch.Tensor) -> torch.Tensor:
        """Apply the exact adjoint of `filter`."""
        spectrum = self._along_bins(self.basis_u, (projection @ self.basis_z.T)[None])
        return self._along_bins(self.basis_u.T, spectrum * self.filters) @ self.basis_z

    def mix_adjoint(self, sums: torch.Tensor) -> torch.Tensor:
        """Apply the exact adjoint of `mix`."""
        return (self.mixing.T @ sums.flatten(1)).view(-1, *sums.shape[1:])

    @staticmethod
    def _along_bins(basis: torch.Tensor, stack: torch.Tensor) -> torch.Tensor:
        """Multiply axis 1 of (filters, bins, batch, slices) by the basis."""
        count, bins, batch, slices = stack.shape
        return (basis @ stack.reshape(count, bins, -1)).view(count, -1, batch, slices)


def no_blur(plane: tuple[int, int], device: torch.device, dtype: torch.dtype) -> DepthBlur:
    """Return the sum of the planes without blur; `plane` is bins, slices, with as many depths."""
    bins, slices = plane
    return DepthBlur(
        torch.ones(1, bins, device=device, dtype=dtype),
        torch.ones(1, bins, 1, slices, device=device, dtype=dtype),
        torch.eye(bins, device=device, dtype=dtype),
        torch.eye(slices, device=device, dtype=dtype),
    )


def depth_blur(
    sigma_u: FloatArray,
    sigma_z: FloatArray,
    plane: tuple[int, int],
    device: torch.device,
    dtype: torch.dtype,
) -> DepthBlur:
    """Return the filters of a blur with given widths.

    Parameters
    ----------
    sigma_u, sigma_z
        Standard deviation at each depth, along the bins in bins and along z in slices.
    plane
        Size of the planes: bins, slices.
    """
    basis_u, transfer_u = _axis(sigma_u, plane[0])
    basis_z, transfer_z = _axis(sigma_z, plane[1])
    mixing, filters = _mixture(transfer_u, transfer_z)
    tensors = (
        torch.from_numpy(np.ascontiguousarray(a)) for a in (mixing, filters, basis_u, basis_z)
    )
    return DepthBlur(*(t.to(device, dtype).contiguous() for t in tensors))


def _axis(sigma: FloatArray, size: int) -> tuple[FloatArray, FloatArray]:
    """Return the padded basis (frequencies, size) and the transfer (depths, frequencies)."""
    radius = int(np.ceil(KERNEL_SIGMAS * sigma.max()))
    # Intensity beyond the field is mirrored at the end of the padding, so it crosses that twice.
    padding = (radius + 1) // 2
    length = size + 2 * padding
    frequency = np.pi * np.arange(length) / length
    basis = np.cos(np.outer(frequency, np.arange(size) + padding + 0.5)) * np.sqrt(2 / length)
    basis[0] /= np.sqrt(2)
    offset = np.arange(-radius, radius + 1)
    kernel = np.exp(-0.5 * (offset / sigma[:, None]) ** 2)
    kernel /= kernel.sum(axis=1, keepdims=True)
    return basis, kernel @ np.cos(np.outer(offset, frequency))


def _mixture(transfer_u: FloatArray, transfer_z: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Factor the transfers (depths, frequencies) into a mixing matrix and few filters.

    The transfer of a depth is the product of those along both directions, so that products of two
    depths need only those of the factors.
    """
    products = (transfer_u @ transfer_u.T) * (transfer_z @ transfer_z.T)
    vectors = np.linalg.eigh(products)[1][:, ::-1]
    filters = np.zeros((0, transfer_u.shape[1], transfer_z.shape[1]))
    left = transfer_u[:, :, None] * transfer_z[:, None, :]
    for count in range(1, len(vectors) + 1):
        added = (transfer_u.T * vectors[:, count - 1]) @ transfer_z
        filters = np.concatenate([filters, added[None]])
        left -= vectors[:, count - 1, None, None] * added
        if max(left.max(), -left.min()) < TOLERANCE:
            break
    return vectors[:, :count].T, filters[:, :, None, :]
