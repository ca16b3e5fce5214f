"""What a network sees of pooled cases: one exact resampling of each image, then intensities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from regkit.grid import FloatArray
from regkit.transform import AffineTransform
from regkit_msstunet.geometry import cube, to_transform
from regkit_msstunet.train.choices import Choices
from regkit_msstunet.train.draws import Draw
from regkit_msstunet.train.pool import LEVELS, PooledCase


@dataclass(frozen=True, eq=False)
class Batch:
    """What one step learns from.

    Parameters
    ----------
    volume
        Inputs (batch, 1, n, n, n).
    numbers
        True poses (batch, 6).
    labels
        True labels for each of the network's outputs, (some, m, m, m): of the first images of the
        batch, of as many as are to be segmented.
    told
        Which images the segmenter looks at through the true pose, (batch,).
    """

    volume: Tensor
    numbers: Tensor
    labels: tuple[Tensor, ...]
    told: Tensor


class Views:
    """Resamples pooled cases as a network sees them.

    Parameters
    ----------
    choices
        The network's cube.
    cases
        The pool.
    outputs
        Voxels a side and zoom of each of the network's outputs.
    """

    def __init__(
        self,
        choices: Choices,
        cases: Sequence[PooledCase],
        outputs: Sequence[tuple[int, float]],
    ) -> None:
        self.choices, self.cases, self.outputs = choices, cases, outputs
        self.grid = cube(choices.grid_size, choices.spacing_mm)
        self._labels: dict[int, tuple[Tensor, ...]] = {}

    def batch(self, draws: Sequence[Draw], segmented: int | None = None) -> Batch:
        """Return inputs and targets of drawn cases; labels of as many as are to be segmented."""
        labels = zip(*(self.labels(draw.case) for draw in draws[:segmented]), strict=True)
        return Batch(
            torch.stack([self.seen(draw) for draw in draws])[:, None],
            torch.tensor(np.stack([draw.numbers for draw in draws]), dtype=torch.float32),
            tuple(torch.stack(level) for level in labels),
            torch.tensor([draw.told for draw in draws]),
        )

    def seen(self, draw: Draw) -> Tensor:
        """Return a drawn image (n, n, n), zero where the scan shows nothing."""
        case = self.cases[draw.case]
        posed = to_transform(draw.numbers, self.grid)
        through = AffineTransform(case.truth.matrix @ posed.inverse().matrix)
        indices = _xyz(case.grid.inverse_affine @ through.matrix @ self.grid.affine)
        matrix = _between_corners(indices, self.grid.shape_zyx, case.grid.shape_zyx)
        image = _sampled(case.image.float() / LEVELS, matrix, self.grid.shape_zyx, "bilinear")
        image = image**draw.gamma
        if draw.noise > 0:
            source = torch.Generator().manual_seed(draw.seed)
            image = image + draw.noise * torch.randn(image.shape, generator=source)
        return image

    def labels(self, number: int) -> tuple[Tensor, ...]:
        """Return the true labels of a case for each output; the pose does not change them."""
        if number not in self._labels:
            case = self.cases[number]
            self._labels[number] = tuple(
                self._reoriented(case, size, zoom) for size, zoom in self.outputs
            )
        return self._labels[number]

    def _reoriented(self, case: PooledCase, size: int, zoom: float) -> Tensor:
        # Of align_corners: the outermost voxels of an output are at the zoom times the cube's.
        wide = (self.grid.shape_zyx[0] - 1) * self.grid.spacing[0] * zoom
        onto = cube(size, wide / (size - 1))
        indices = _xyz(case.frame.inverse_affine @ onto.affine)
        matrix = _between_corners(indices, onto.shape_zyx, case.frame.shape_zyx)
        labels = _sampled(case.labels.float(), matrix, onto.shape_zyx, "nearest")
        return labels.to(torch.uint8)


def _xyz(matrix: FloatArray) -> FloatArray:
    """Return a map of indices z, y, x as one of indices x, y, z, (3, 4)."""
    order = [2, 1, 0]
    return np.concatenate([matrix[:3, :3][order][:, order], matrix[order, 3:]], axis=1)


def _between_corners(
    matrix: FloatArray, onto_zyx: tuple[int, ...], from_zyx: tuple[int, ...]
) -> Tensor:
    """Return a map of indices x, y, z as one of coordinates from -1 to 1 (align_corners)."""
    onto, source = (np.subtract(shape[::-1], 1) / 2 for shape in (onto_zyx, from_zyx))
    linear = matrix[:, :3] * onto / source[:, None]
    shift = (matrix[:, :3] @ onto + matrix[:, 3] - source) / source
    return torch.tensor(np.concatenate([linear, shift[:, None]], axis=1), dtype=torch.float32)


def _sampled(volume: Tensor, matrix: Tensor, shape: tuple[int, ...], mode: str) -> Tensor:
    grid = functional.affine_grid(matrix[None], [1, 1, *shape], align_corners=True)
    return functional.grid_sample(
        volume, grid, mode=mode, padding_mode="zeros", align_corners=True
    )[0, 0]
