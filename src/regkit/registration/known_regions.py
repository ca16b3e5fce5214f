"""Pairs whose padding is left out by masks, because it is unknown, not dark or bright."""

from __future__ import annotations

from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

import numpy as np

from regkit.geometry.filled_volume import FilledVolume
from regkit.geometry.resampling import resample
from regkit.geometry.volume import LabelMap, Volume
from regkit.registrar import Pair
from regkit.similarity.padding import padding


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
    known = replace(
        pair, fixed=fixed, moving=moving, fixed_mask=fixed_mask, moving_mask=moving_mask
    )
    return KnownPair(known, tuple(reason for reason in (of_fixed, of_moving) if reason))


def _leave_out(
    role: str, volume: Volume, mask: LabelMap | None
) -> tuple[Volume, LabelMap | None, str]:
    """Return an image and its mask without padding, and what is said about it."""
    if volume not in _WITHOUT_PADDING:
        _WITHOUT_PADDING[volume] = _without_padding(volume)
    found = _WITHOUT_PADDING[volume]
    if found is None:
        return volume, mask, ""
    reason = (
        f"padding: {found.fraction:.1%} of the {role} image lies at its border and has values far "
        f"from all others, such as {found.value:g}; it is taken for unknown, not for air"
    )
    return found.image, found.known if mask is None else _marked(mask, found.known), reason


@dataclass(frozen=True, eq=False)
class _WithoutPadding:
    """An image whose padding has its darkest other value, and a mask of the other voxels."""

    image: Volume
    known: LabelMap
    value: float
    fraction: float


# The start and the registration both leave out the padding of one image.
_WITHOUT_PADDING: WeakKeyDictionary[Volume, _WithoutPadding | None] = WeakKeyDictionary()


def _without_padding(volume: Volume) -> _WithoutPadding | None:
    """Return an image without its padding; None if it has none."""
    unknown = padding(volume)
    if unknown is None:
        return None
    from regkit.similarity.padding_loops import darkest_other  # noqa: PLC0415 - it loads numba

    value = float(volume.array[np.unravel_index(np.argmax(unknown), unknown.shape)])
    darkest = darkest_other(volume.array, unknown)
    fraction = np.count_nonzero(unknown) / unknown.size
    np.logical_not(unknown, out=unknown)
    known = LabelMap(unknown.view(np.uint8), volume.grid)
    return _WithoutPadding(FilledVolume.filled(volume, known, darkest), known, value, fraction)


def _marked(mask: LabelMap, known: LabelMap) -> LabelMap:
    """Return a mask without the voxels of an image that are unknown."""
    if not known.grid.matches(mask.grid):
        known = resample(known, mask.grid, outside=1)
    return mask.with_array(mask.array * (known.array != 0))
