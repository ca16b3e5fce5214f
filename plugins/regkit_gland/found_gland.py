"""The gland that a network finds in an image: its mask and its center."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy  # its parts are imported on first use
import torch
from numpy.typing import NDArray

from regkit.geometry.grid import FloatArray, Grid, Vector3
from regkit.geometry.resampling import resample
from regkit.geometry.volume import LabelMap, Volume
from regkit.learning import TrainedModel, fill_unknown, preprocess
from regkit_gland.card import GlandCard
from regkit_gland.network import gland_probability

GLAND_LABEL, GLAND_NAME = 1, "prostate"
# Probability of voxels that belong to the gland.
INSIDE = 0.5


@dataclass(frozen=True, eq=False)
class FoundGland:
    """The gland in an image.

    Parameters
    ----------
    labels
        Label map on the grid of the image: 1 is the gland; empty where none was found.
    seen
        The image as the network saw it last, NaN where unknown.
    center
        Center of the largest piece, LPS mm; None where no gland was found.
    """

    labels: LabelMap
    seen: Volume
    center: FloatArray | None


def find_gland(
    image: Volume, modality: str, mask: LabelMap | None, trained: TrainedModel[Any], passes: int
) -> FoundGland:
    """Find the gland in an image.

    Parameters
    ----------
    image
        The image, on any grid.
    modality
        Modality whose network is used.
    mask
        Region outside which the image is unknown; None for none.
    trained
        The networks and their card, a `GlandCard`.
    passes
        Number of passes: the first looks around the middle of the field of view, each further one
        around the gland that the one before has found.
    """
    card: GlandCard = trained.card
    ready = preprocess(image, modality, (card.spacing_mm,) * 3, mask)
    around: Vector3 = image.grid.centre
    center: FloatArray | None = None
    for _ in range(passes):
        grid = card.grid(around)
        seen = resample(ready, grid, outside=np.nan)
        found = Volume(_probability(seen, modality, trained), grid)
        center = _center(found)
        if center is None:
            break
        x, y, z = center.tolist()
        around = x, y, z
    return FoundGland(_labels(found, image.grid), seen, center)


def _probability(seen: Volume, modality: str, trained: TrainedModel[Any]) -> NDArray[np.float32]:
    """Return the probability of the gland, (z, y, x)."""
    image = torch.from_numpy(fill_unknown(seen, 0.0))[None, None].to(trained.device)
    found = gland_probability(trained.network, image, modality)
    return np.asarray(found[0, 0].float().cpu().numpy())


def _center(found: Volume) -> FloatArray | None:
    """Return the center of the largest piece, each voxel with its probability."""
    piece = largest_piece(found.array >= INSIDE)
    if not piece.any():
        return None
    weights = found.array[piece].astype(np.float64)
    points = found.grid.to_physical(np.argwhere(piece))
    return np.asarray(weights @ points / weights.sum())


def largest_piece(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the largest connected piece of a mask; an empty mask for an empty one."""
    pieces, count = scipy.ndimage.label(mask)
    if count < 2:
        return mask
    return np.asarray(pieces == 1 + int(np.argmax(np.bincount(pieces.ravel())[1:])))


def _labels(found: Volume, grid: Grid) -> LabelMap:
    inside = resample(found, grid).array >= INSIDE
    return LabelMap(inside.astype(np.uint8), grid, names={GLAND_LABEL: GLAND_NAME})
