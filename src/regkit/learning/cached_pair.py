"""Pairs of images as a training keeps them: preprocessed, in half precision, with their facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regkit.datasets.case import Case
from regkit.geometry.grid import Grid, Vector3
from regkit.geometry.transform import AffineTransform, Transform
from regkit.geometry.volume import Volume
from regkit.learning.grid_sampling import grid_sample, outside_mask, sampling_grid
from regkit.learning.network_grid import center_of_mass
from regkit.learning.preprocessing import preprocess


@dataclass(frozen=True, eq=False)
class CachedImage:
    """A preprocessed image.

    Parameters
    ----------
    tensor
        Intensities (1, 1, z, y, x), NaN where unknown.
    grid
        Grid of its voxels.
    """

    tensor: Tensor
    grid: Grid

    def on(self, device: torch.device) -> CachedImage:
        """Return the image with its voxels on a device."""
        return replace(self, tensor=self.tensor.to(device))

    def resampled(self, onto: Grid, through: AffineTransform) -> Tensor:
        """Return the image on a grid, (1, z, y, x), NaN outside its field of view.

        Parameters
        ----------
        onto
            Grid to resample onto.
        through
            Map of the grid's points to the image's, LPS mm.
        """
        coordinates = sampling_grid([through], onto, [self.grid], self.tensor.device)
        outside = outside_mask(coordinates, [self.grid]).any(dim=0)
        return grid_sample([self.tensor], coordinates).masked_fill(outside, float("nan"))


@dataclass(frozen=True, eq=False)
class CachedPair:
    """A preprocessed pair and its true alignment.

    Parameters
    ----------
    fixed, moving
        The images.
    truth
        Map of fixed to moving points, LPS mm; the identity if it is unknown.
    facts
        Facts of the case as plain data; under ``fixed`` and ``moving`` those of `image_facts`.
    """

    fixed: CachedImage
    moving: CachedImage
    truth: AffineTransform
    facts: Mapping[str, Any]

    def on(self, device: torch.device) -> CachedPair:
        """Return the pair with its images on a device."""
        return replace(self, fixed=self.fixed.on(device), moving=self.moving.on(device))


def prepare_pair(
    case: Case, fixed: str, moving: str, spacing: Vector3
) -> tuple[dict[str, NDArray[np.float16]], dict[str, Any]]:
    """Preprocess both images of a case: return the arrays and facts that `read_pair` takes.

    Parameters
    ----------
    case
        The original case.
    fixed, moving
        Modalities of images that do not say.
    spacing
        Voxel size of the network along x, y, z in mm.
    """
    pair = case.pair
    one = preprocess(pair.fixed, fixed, spacing, pair.fixed_mask)
    other = preprocess(pair.moving, moving, spacing, pair.moving_mask)
    facts = {
        "truth": truth_fact(case.truth),
        "fixed": image_facts(pair.fixed, one, fixed),
        "moving": image_facts(pair.moving, other, moving),
    }
    return pair_arrays(one, other), facts


def image_facts(original: Volume, preprocessed: Volume, modality: str) -> dict[str, Any]:
    """Return facts of an image as plain data, which `read_pair` and the domain guard need.

    Parameters
    ----------
    original
        Image of the case.
    preprocessed
        The same for the network, without negative intensities.
    modality
        Modality of an image that does not say.
    """
    offset = center_of_mass(preprocessed) - original.grid.centre
    return {
        "grid": asdict(preprocessed.grid),
        "modality": original.modality or modality,
        "extent_mm": np.ptp(original.grid.corners(), axis=0).tolist(),
        "center_of_mass_offset_mm": offset.tolist(),
        "voxel_mm": max(original.grid.spacing),
    }


def pair_arrays(fixed: Volume, moving: Volume) -> dict[str, NDArray[np.float16]]:
    """Return the arrays of a preprocessed pair for the case cache, in half precision."""
    return {
        "fixed": fixed.array.astype(np.float16),
        "moving": moving.array.astype(np.float16),
    }


def truth_fact(truth: Transform | None) -> list[list[float]] | None:
    """Return a true alignment as plain data; None if it is unknown or not affine."""
    return truth.matrix.tolist() if isinstance(truth, AffineTransform) else None


def read_pair(tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> CachedPair:
    """Return a pair of the case cache.

    Parameters
    ----------
    tensors
        Tensors of `pair_arrays`.
    facts
        Facts with ``fixed`` and ``moving`` of `image_facts`, and ``truth`` of `truth_fact`.
    """
    fixed, moving = (
        CachedImage(tensors[role][None, None], Grid(**facts[role]["grid"]))
        for role in ("fixed", "moving")
    )
    matrix = facts["truth"]
    truth = AffineTransform(np.eye(4) if matrix is None else np.asarray(matrix))
    return CachedPair(fixed, moving, truth, facts)
