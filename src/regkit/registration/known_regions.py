"""Pairs whose padding is left out by masks, because it is unknown, not dark or bright."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from regkit.geometry.volume import LabelMap, Volume
from regkit.registrar import Pair
from regkit.similarity.padding import padding

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class KnownPair:
    """A pair without its padding.

    Parameters
    ----------
    pair
        Images whose padding has their darkest other value, and masks without it.
    reasons
        Sentence for each image that has padding.
    """

    pair: Pair
    reasons: tuple[str, ...]


def known_pair(pair: Pair) -> KnownPair:
    """Leave out the padding of both images.

    Parameters
    ----------
    pair
        The images; one without padding stays as it is.
    """
    fixed, fixed_mask, of_fixed = _leave_out("fixed", pair.fixed, pair.fixed_mask)
    moving, moving_mask, of_moving = _leave_out("moving", pair.moving, pair.moving_mask)
    if not of_fixed and not of_moving:
        return KnownPair(pair, ())
    known = Pair(fixed, moving, fixed_mask, moving_mask, pair.initial)
    return KnownPair(known, tuple(reason for reason in (of_fixed, of_moving) if reason))


def _leave_out(
    role: str, volume: Volume, mask: LabelMap | None
) -> tuple[Volume, LabelMap | None, str]:
    """Return an image and its mask without padding, and what is said about it."""
    unknown = padding(volume)
    if unknown is None:
        return volume, mask, ""
    value = float(volume.array[unknown][0])
    reason = (
        f"padding: {unknown.mean():.1%} of the {role} image lies at its border and has values far "
        f"from all others, such as {value:g}; it is taken for unknown, not for air"
    )
    logger.warning(reason)
    array = np.where(unknown, volume.array[~unknown].min(), volume.array)
    return volume.with_array(array), _known(volume, unknown, mask), reason


def _known(volume: Volume, unknown: NDArray[np.bool_], mask: LabelMap | None) -> LabelMap:
    """Return a mask without the voxels of an image that are unknown."""
    if mask is None:
        return LabelMap(~unknown, volume.grid)
    kept, marked = mask.array.copy(), np.argwhere(mask.array)
    index = np.rint(volume.grid.to_index(mask.grid.to_physical(marked))).astype(np.intp)
    inside = ((index >= 0) & (index < unknown.shape)).all(axis=1)
    hidden = marked[inside][unknown[tuple(index[inside].T)]]
    kept[tuple(hidden.T)] = 0
    return mask.with_array(kept)
