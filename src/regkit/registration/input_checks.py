"""Checks of a pair before registration, with errors that say what to do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regkit.errors import RegistrationError
from regkit.geometry.grid import FloatArray
from regkit.geometry.volume import LabelMap, Volume
from regkit.registrar import Pair
from regkit.similarity.point_sample import chosen_voxels

# Enough to find a mask or a field of view that lies elsewhere; chosen by hand. Voxels of a mask,
# and points along each side of the fixed field of view.
MASK_POINTS = 10_000
OVERLAP_POINTS = 24
# Fraction of a mask outside its image that is said; chosen by hand: a voxel at the border is none.
MASK_OUTSIDE = 0.05
# Fraction above which the mask was hardly drawn on that image, which is doubtful; by hand.
MOST_OUTSIDE = 0.5


def check_pair(pair: Pair) -> None:
    """Refuse a pair that cannot be registered.

    Raises
    ------
    RegistrationError
        Images or masks that `check_images` refuses, or fields of view that do not overlap.
    """
    check_images(pair)
    _check_overlap(pair)


def check_images(pair: Pair) -> None:
    """Refuse images and masks that cannot be registered wherever they lie.

    Raises
    ------
    RegistrationError
        Images that are constant or not finite, or masks that are empty or outside their image.
    """
    for role, volume in (("fixed", pair.fixed), ("moving", pair.moving)):
        _check_intensities(role, volume)
    _check_mask("fixed", pair.fixed, pair.fixed_mask)
    _check_mask("moving", pair.moving, pair.moving_mask)


def _check_intensities(role: str, volume: Volume) -> None:
    low, high = volume.extremes
    if not (np.isfinite(low) and np.isfinite(high)):
        bad = int((~np.isfinite(volume.array)).sum())
        raise RegistrationError(
            f"the {role} image has {bad} voxels that are NaN or infinite; replace them by numbers"
        )
    if low == high:
        raise RegistrationError(
            f"the {role} image is constant (every voxel is {low:g}); give an image with contrast"
        )


def _check_mask(role: str, volume: Volume, mask: LabelMap | None) -> None:
    if mask is None:
        return
    if not mask.array.any():
        raise RegistrationError(f"the {role} mask is empty: it must mark some voxels")
    apart = _gap(_mask_points(mask), volume)
    if apart > 0:
        raise RegistrationError(
            f"the {role} mask lies outside the {role} image, {apart:.0f} mm away from it; "
            "give a mask drawn on that image"
        )


@dataclass(frozen=True)
class MaskRemarks:
    """Sentences about masks that lie outside their images.

    Parameters
    ----------
    notes
        One for each mask of which some lies outside.
    doubts
        One for each mask of which most lies outside: it may belong to another image.
    """

    notes: tuple[str, ...]
    doubts: tuple[str, ...]


def outside_mask_remarks(pair: Pair) -> MaskRemarks:
    """Return a sentence for each mask of which much lies outside its image.

    Parameters
    ----------
    pair
        The images and masks, after `check_pair`.
    """
    notes, doubts = [], []
    masks = (("fixed", pair.fixed, pair.fixed_mask), ("moving", pair.moving, pair.moving_mask))
    for role, volume, mask in masks:
        if mask is None:
            continue
        outside = 1 - float(volume.grid.contains(_mask_points(mask)).mean())
        said = f"{outside:.0%} of the {role} mask lies outside the {role} image and does not count"
        if outside > MOST_OUTSIDE:
            doubts.append(f"{said}: it may be the mask of another image; give one drawn on this")
        elif outside > MASK_OUTSIDE:
            notes.append(f"{said}; check that it was drawn on that image")
    return MaskRemarks(tuple(notes), tuple(doubts))


def _mask_points(mask: LabelMap) -> FloatArray:
    """Return some of the marked voxels, LPS mm, shape (N, 3)."""
    index = chosen_voxels(mask.array, _spread)
    return mask.grid.to_physical(index)


def _spread(number: int) -> NDArray[np.int64]:
    """Return numbers below a number, all or random ones spread over them.

    Regular steps might meet the same columns of a mask in every row.
    """
    if number <= MASK_POINTS:
        return np.arange(number)
    places = np.arange(MASK_POINTS) + np.random.default_rng(0).random(MASK_POINTS)
    return (places * (number / MASK_POINTS)).astype(np.int64)


def _check_overlap(pair: Pair) -> None:
    nz, ny, nx = pair.fixed.grid.shape_zyx
    axes = (np.linspace(-0.5, n - 0.5, OVERLAP_POINTS) for n in (nz, ny, nx))
    index = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    points = pair.start.map_points(pair.fixed.grid.to_physical(index))
    apart = _gap(points, pair.moving)
    if apart > 0:
        raise RegistrationError(
            f"the fields of view do not overlap in world coordinates: they are {apart:.0f} mm "
            "apart; start from the image centres (--init centre) or give an initial transform"
        )


def _gap(points: FloatArray, volume: Volume) -> float:
    """Return the distance in mm between a volume and the box around points (N, 3), 0 if they meet.

    The box lies along the volume's axes, so that even a small volume between the points is met.
    """
    index = volume.grid.to_index(points)
    above = index.min(axis=0) - np.subtract(volume.grid.shape_zyx, 0.5)
    below = -0.5 - index.max(axis=0)
    apart = np.maximum(np.maximum(above, below), 0) * volume.grid.spacing[::-1]
    return float(np.linalg.norm(apart))
