"""Cached cases: both images of a pair, each with the mask of its gland."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from regkit.datasets.case import Case
from regkit.errors import ParameterError
from regkit.geometry.grid import Grid
from regkit.geometry.resampling import resample
from regkit.geometry.volume import LabelMap, Volume
from regkit.learning import CachedImage, image_facts, preprocess

ROLES = ("fixed", "moving")
MASK = "_mask"  # ending of the name of the array of a mask


@dataclass(frozen=True, eq=False)
class GlandImage:
    """A preprocessed image and its gland.

    Parameters
    ----------
    image
        Intensities, NaN where unknown.
    mask
        Mask of the gland on the same grid, 0 to 1.
    facts
        Facts of the original image; see `regkit.learning.image_facts`.
    """

    image: CachedImage
    mask: torch.Tensor
    facts: Mapping[str, Any]

    def on(self, device: torch.device) -> GlandImage:
        """Return the image and its mask on a device."""
        return replace(self, image=self.image.on(device), mask=self.mask.to(device))


def cache_glands(
    case: Case, modalities: Sequence[str], label: int, spacing_mm: float
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Return the arrays of a case for the case cache, and its facts.

    Parameters
    ----------
    case
        Case with label maps of both images.
    modalities
        Modalities of the networks; those of images that do not say, in the order of the roles.
    label
        Number of the gland in the label maps.
    spacing_mm
        Voxel size of the networks.

    Raises
    ------
    ParameterError
        The case has no labels of the gland, or an image of another modality.
    """
    arrays: dict[str, NDArray[Any]] = {}
    facts: dict[str, Any] = {}
    for (image, labels), assumed in zip(_labeled(case), modalities, strict=False):
        modality = image.modality or assumed
        if modality not in modalities or modality in facts:
            raise ParameterError(
                f"case {case.id} must have an image each of {' and '.join(modalities)}, got "
                f"{case.pair.fixed.modality or '?'} and {case.pair.moving.modality or '?'}"
            )
        ready = preprocess(image, modality, (spacing_mm,) * 3)
        mask = _mask(case, labels, label, ready.grid)
        arrays |= {modality: ready.array.astype(np.float16), modality + MASK: mask}
        facts[modality] = image_facts(image, ready, modality)
    return arrays, facts


def read_glands(
    tensors: Mapping[str, torch.Tensor], facts: Mapping[str, Any]
) -> dict[str, GlandImage]:
    """Return the images of a case of the cache by modality."""
    return {
        modality: GlandImage(
            CachedImage(tensors[modality][None, None], Grid(**about["grid"])),
            tensors[modality + MASK][None, None],
            about,
        )
        for modality, about in facts.items()
    }


def _labeled(case: Case) -> Iterator[tuple[Volume, LabelMap | None]]:
    yield case.pair.fixed, case.fixed_labels
    yield case.pair.moving, case.moving_labels


def _mask(case: Case, labels: LabelMap | None, label: int, grid: Grid) -> NDArray[np.float16]:
    """Return the mask of the gland on a grid, 0 to 1."""
    if labels is None or not (labels.array == label).any():
        raise ParameterError(
            f"case {case.id} needs label maps of both images in which {label} is the gland"
        )
    marked = Volume((labels.array == label).astype(np.float32), labels.grid)
    return np.asarray(resample(marked, grid).array, dtype=np.float16)
