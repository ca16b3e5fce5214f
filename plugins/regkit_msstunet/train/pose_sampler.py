"""Batches of a reorienter: one exact resampling of each cached image, then intensities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from regkit.geometry.transform import IDENTITY, AffineTransform
from regkit.learning import grid_sample, sampling_grid
from regkit_msstunet.geometry import cube, meets, pose_transform, zoomed
from regkit_msstunet.train.cases import LEVELS, VentricleCase
from regkit_msstunet.train.config import ReorientationConfig
from regkit_msstunet.train.pose_augmentation import PoseAugmentation
from regkit_ventricle.label_probabilities import BLOOD_POOL, MYOCARDIUM, argmax_labels


@dataclass(frozen=True, eq=False)
class ReorientationBatch:
    """Inputs and targets of a batch.

    Parameters
    ----------
    volume
        Inputs (batch, 1, n, n, n).
    numbers
        True poses (batch, 6).
    labels
        True labels for each of the network's outputs, (segmented, m, m, m), of the first images of
        the batch.
    teacher_forced
        Mask of the images that the segmenter sees in the true pose, (batch,).
    """

    volume: Tensor
    numbers: Tensor
    labels: tuple[Tensor, ...]
    teacher_forced: Tensor


class PoseSampler:
    """Resamples cached cases as a network sees them.

    Parameters
    ----------
    config
        Cube of the network.
    cases
        The cached cases.
    outputs
        Voxels a side and zoom of each of the network's outputs.
    device
        Device that keeps and resamples the cases; the CPU if None.
    """

    def __init__(
        self,
        config: ReorientationConfig,
        cases: Sequence[VentricleCase],
        outputs: Sequence[tuple[int, float]],
        device: torch.device | None = None,
    ) -> None:
        self.device = device or torch.device("cpu")
        self.config, self.outputs = config, outputs
        self.cases = [case.on(self.device) for case in cases]
        self.grid = cube(config.grid_size, config.spacing_mm)
        self._labels: dict[int, tuple[Tensor, ...]] = {}

    def batch(
        self, augmentations: Sequence[PoseAugmentation], segmented: int | None = None
    ) -> ReorientationBatch:
        """Return inputs and targets of a batch.

        Parameters
        ----------
        augmentations
            Poses and intensities of the images.
        segmented
            Number of images, the first ones, with labels; None for all.
        """
        labels = zip(*(self.labels(one.case) for one in augmentations[:segmented]), strict=True)
        numbers = np.stack([one.numbers for one in augmentations])
        return ReorientationBatch(
            torch.stack([self.image(one) for one in augmentations])[:, None],
            torch.tensor(numbers, dtype=torch.float32, device=self.device),
            tuple(torch.stack(level) for level in labels),
            torch.tensor([one.teacher_forced for one in augmentations], device=self.device),
        )

    def image(self, augmentation: PoseAugmentation) -> Tensor:
        """Return an image (n, n, n), zero outside its field of view."""
        case = self.cases[augmentation.case]
        posed = pose_transform(augmentation.numbers, self.grid)
        through = AffineTransform(case.truth.matrix @ posed.inverse().matrix)
        coordinates = sampling_grid([through], self.grid, [case.grid], self.device)
        image = grid_sample([case.image], coordinates, padding_mode="zeros")[0] / LEVELS
        image = image**augmentation.gamma
        if augmentation.noise > 0:
            source = torch.Generator(self.device).manual_seed(augmentation.seed)
            noise = torch.randn(image.shape, generator=source, device=self.device)
            image = image + augmentation.noise * noise
        return image

    def labels(self, number: int) -> tuple[Tensor, ...]:
        """Return the true labels of a case for each output; the pose does not change them."""
        if number not in self._labels:
            case = self.cases[number]
            self._labels[number] = tuple(
                self._reoriented(case, size, zoom) for size, zoom in self.outputs
            )
        return self._labels[number]

    def _reoriented(self, case: VentricleCase, size: int, zoom: float) -> Tensor:
        onto = zoomed(self.grid, zoom, size)
        coordinates = sampling_grid([IDENTITY], onto, [case.frame], self.device)
        if meets(onto, case.frame):
            return grid_sample([case.labels], coordinates, "nearest", "zeros")[0].to(torch.uint8)
        wall, pool = (
            grid_sample([_softened(case.labels == label)], coordinates, padding_mode="zeros")
            for label in (MYOCARDIUM, BLOOD_POOL)
        )
        labels = argmax_labels(wall[0].cpu().numpy(), pool[0].cpu().numpy())
        return torch.from_numpy(labels).to(self.device)


def _softened(inside: Tensor) -> Tensor:
    """Return a mask smoothed to probabilities (1, 1, z, y, x), for resampling.

    Without smoothing, a cube whose voxels are a little larger than twice those of the labels gets
    all borders too far out, by up to half a voxel.
    """
    probabilities = functional.avg_pool3d(inside.float(), 2, 1, 1)
    return functional.avg_pool3d(probabilities, 2, 1)
