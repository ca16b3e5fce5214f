"""Sums over voxels in chunks, to bound the memory of their terms."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

# Largest number of terms in memory at once: 16 MiB in single precision. Chosen by hand.
MAX_CHUNK_NUMBERS = 1 << 22

Terms = Callable[..., Tensor]


def chunked_sum(terms: Terms, width: int, *tensors: Tensor) -> Tensor:
    """Return the sum over all columns of `terms`, differentiable in the tensors.

    The backward pass computes every chunk again instead of keeping it, so that memory grows with
    the number of voxels, not with the number of terms. Sums over chunks of other sizes agree to
    rounding, not exactly.

    Parameters
    ----------
    terms
        Function of chunks (rows, voxels) of all tensors that returns sums over them, (rows, ...).
    width
        Number of terms per voxel: the bins of a histogram, for example.
    *tensors
        Inputs, each of shape (rows, voxels).
    """
    total: Tensor = _ChunkedSum.apply(terms, width, *tensors)  # type: ignore[no-untyped-call]
    return total


class _ChunkedSum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, terms: Terms, width: int, *tensors: Tensor) -> Tensor:
        ctx.save_for_backward(*tensors)
        ctx.terms, ctx.width = terms, width
        return torch.cat(
            [
                torch.stack([terms(*part) for part in _columns(width, rows)]).sum(0)
                for rows in _rows(width, tensors)
            ]
        )

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> tuple[Tensor | None, ...]:
        tensors, wanted = ctx.saved_tensors, ctx.needs_input_grad[2:]
        gradients = [
            torch.empty_like(tensor) if needed else None
            for tensor, needed in zip(tensors, wanted, strict=True)
        ]
        found = [gradient for gradient in gradients if gradient is not None]
        groups = _rows(ctx.width, (outputs[0], *tensors, *found))
        for slope, *rows in groups:
            for part in _columns(ctx.width, tuple(rows)):
                inputs = [
                    tensor.detach().requires_grad_(needed)
                    for tensor, needed in zip(part, wanted, strict=False)
                ]
                _fill(part[len(tensors) :], ctx.terms, inputs, slope)
        return None, None, *gradients


def _fill(into: tuple[Tensor, ...], terms: Terms, inputs: list[Tensor], slope: Tensor) -> None:
    with torch.enable_grad():
        total = terms(*inputs)
    sought = [tensor for tensor in inputs if tensor.requires_grad]
    for gradient, values in zip(into, torch.autograd.grad(total, sought, slope), strict=True):
        gradient.copy_(values)


def _rows(width: int, tensors: tuple[Tensor, ...]) -> Iterator[tuple[Tensor, ...]]:
    """Split tensors into groups of rows: patches are small, and many of them fit a chunk."""
    count = max(1, MAX_CHUNK_NUMBERS // (width * tensors[-1].shape[1]))
    return zip(*(torch.split(tensor, count) for tensor in tensors), strict=True)


def _columns(width: int, tensors: tuple[Tensor, ...]) -> Iterator[tuple[Tensor, ...]]:
    """Split tensors into groups of columns."""
    count = max(1, MAX_CHUNK_NUMBERS // (width * tensors[-1].shape[0]))
    return zip(*(torch.split(tensor, count, dim=1) for tensor in tensors), strict=True)
