"""What a network sees of pooled cases: one exact resampling of each image, then intensities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from regkit.geometry.transform import IDENTITY, AffineTransform
from regkit.learning.grid_sampling import look_up, places
from regkit_msstunet.geometry import cube, meets, to_transform, zoomed
from regkit_msstunet.train.choices import Choices
from regkit_msstunet.train.draws import Draw
from regkit_msstunet.train.pool import LEVELS, PooledCase
from regkit_ventricle.label_probabilities import BLOOD_POOL, MYOCARDIUM, argmax_labels


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
    device
        Where to keep the cases and resample them; the CPU if None.
    """

    def __init__(
        self,
        choices: Choices,
        cases: Sequence[PooledCase],
        outputs: Sequence[tuple[int, float]],
        device: torch.device | None = None,
    ) -> None:
        self.device = device or torch.device("cpu")
        self.choices, self.outputs = choices, outputs
        self.cases = [case.on(self.device) for case in cases]
        self.grid = cube(choices.grid_size, choices.spacing_mm)
        self._labels: dict[int, tuple[Tensor, ...]] = {}

    def batch(self, draws: Sequence[Draw], segmented: int | None = None) -> Batch:
        """Return inputs and targets of drawn cases; labels of as many as are to be segmented."""
        labels = zip(*(self.labels(draw.case) for draw in draws[:segmented]), strict=True)
        numbers = np.stack([draw.numbers for draw in draws])
        return Batch(
            torch.stack([self.seen(draw) for draw in draws])[:, None],
            torch.tensor(numbers, dtype=torch.float32, device=self.device),
            tuple(torch.stack(level) for level in labels),
            torch.tensor([draw.told for draw in draws], device=self.device),
        )

    def seen(self, draw: Draw) -> Tensor:
        """Return a drawn image (n, n, n), zero where the scan shows nothing."""
        case = self.cases[draw.case]
        posed = to_transform(draw.numbers, self.grid)
        through = AffineTransform(case.truth.matrix @ posed.inverse().matrix)
        where = places([through], self.grid, [case.grid], self.device)
        image = look_up([case.image], where, beside="zeros")[0] / LEVELS
        image = image**draw.gamma
        if draw.noise > 0:
            source = torch.Generator(self.device).manual_seed(draw.seed)
            noise = torch.randn(image.shape, generator=source, device=self.device)
            image = image + draw.noise * noise
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
        onto = zoomed(self.grid, zoom, size)
        where = places([IDENTITY], onto, [case.frame], self.device)
        if meets(onto, case.frame):
            return look_up([case.labels], where, "nearest", "zeros")[0].to(torch.uint8)
        wall, pool = (
            look_up([_softened(case.labels == label)], where, beside="zeros")[0].cpu().numpy()
            for label in (MYOCARDIUM, BLOOD_POOL)
        )
        return torch.from_numpy(argmax_labels(wall, pool)).to(self.device)


def _softened(inside: Tensor) -> Tensor:
    """Return shares (1, 1, z, y, x) that say where between voxels a border is.

    Without, a border is half way between two voxels. A cube of voxels a little larger than twice
    those of the labels then sees all borders too far out, by up to half a voxel.
    """
    shares = functional.avg_pool3d(inside.float(), 2, 1, 1)
    return functional.avg_pool3d(shares, 2, 1)
