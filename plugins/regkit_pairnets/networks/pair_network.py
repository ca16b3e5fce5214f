"""The base of this package's networks: two volumes in, six numbers out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TypeAlias

from torch import Tensor, nn

from regkit.errors import ParameterError
from regkit.learning import layers

GridShape: TypeAlias = tuple[int, int, int]
ANY_GRID: GridShape = (1, 1, 1)
OUTPUTS = 6


class PairNetwork(nn.Module, ABC):
    """A network that reads a rigid motion off two volumes on the same grid.

    Parameters
    ----------
    grid_shape
        Number of voxels along the axes of the tensors.
    width
        Factor on the numbers of channels.
    least
        Least number of voxels along each axis that the network can pool.
    space_to_depth
        Blocks of this many voxels along each axis become the channels of one: 1 as published, 2
        for small models, whose first layers are otherwise dearest.

    Attributes
    ----------
    seen_shape
        Number of voxels along the axes after space-to-depth.
    inputs
        Number of channels of each volume after space-to-depth.

    Raises
    ------
    ParameterError
        The grid is too small or cannot be split into blocks, or the width is not positive.
    """

    def __init__(
        self,
        grid_shape: GridShape,
        width: float,
        least: GridShape = ANY_GRID,
        space_to_depth: int = 1,
    ) -> None:
        super().__init__()
        if len(grid_shape) != 3 or any(n < m for n, m in zip(grid_shape, least, strict=True)):
            raise ParameterError(
                f"this network needs a grid of at least {_times(least)} voxels, "
                f"got {_times(grid_shape)}"
            )
        if not width > 0:
            raise ParameterError(f"width takes a positive factor, got {width}")
        if space_to_depth < 1 or any(n % space_to_depth for n in grid_shape):
            raise ParameterError(
                f"a grid of {_times(grid_shape)} voxels cannot be split into blocks of "
                f"{space_to_depth}"
            )
        self.grid_shape = grid_shape
        self.seen_shape = strided_shape(grid_shape, (space_to_depth,) * 3)
        self.inputs = space_to_depth**3
        self.block_size = space_to_depth

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the raw numbers (batch, 6) of two volumes (batch, 1, *grid_shape).

        Raises
        ------
        ParameterError
            The volumes are not of this shape.
        """
        for volume in (first, second):
            if volume.ndim != 5 or volume.shape[1:] != (1, *self.grid_shape):
                raise ParameterError(
                    "the network takes tensors of batch x 1 x "
                    f"{_times(self.grid_shape)}, got {_times(volume.shape)}"
                )
        first, second = (layers.space_to_depth(v, self.block_size) for v in (first, second))
        return self.numbers(first, second)

    @abstractmethod
    def numbers(self, first: Tensor, second: Tensor) -> Tensor:
        """Return the raw numbers of two volumes (batch, inputs, *seen_shape)."""


def pooled_shape(shape: GridShape, times: int) -> GridShape:
    """Return what poolings by two leave of a grid: they drop what is odd."""
    a, b, c = (n >> times for n in shape)
    return a, b, c


def strided_shape(shape: GridShape, by: GridShape) -> GridShape:
    """Return what a stride leaves of a grid when borders are padded: it rounds up."""
    a, b, c = (-(-n // step) for n, step in zip(shape, by, strict=True))
    return a, b, c


def voxel_count(shape: GridShape) -> int:
    """Return the number of voxels of a grid."""
    return shape[0] * shape[1] * shape[2]


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
