"""Regions of interest of a label file: choose some, merge them into a label map."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count

import numpy as np
from numpy.typing import NDArray

from regkit.errors import FileFormatError
from regkit.geometry.grid import Grid
from regkit.geometry.volume import LabelMap

logger = logging.getLogger(__name__)

# The choice that stands for all regions of a file.
ALL_REGIONS = "all"
# Regions that a message lists; chosen by hand.
_LISTED = 20


@dataclass(frozen=True)
class Region:
    """A region of interest: a contoured structure, a segment, or a label.

    Parameters
    ----------
    number
        Number in its file, which becomes the label.
    name
        Name in its file; empty where it has none.
    mask
        Function that returns the region's voxels, shape (z, y, x).
    """

    number: int
    name: str
    mask: Callable[[], NDArray[np.bool_]]

    def __str__(self) -> str:
        return f"{self.number} '{self.name}'" if self.name else str(self.number)


def choose_regions(regions: Sequence[Region], choice: str) -> list[Region]:
    """Return the regions that a choice names.

    Parameters
    ----------
    regions
        All regions of a file.
    choice
        Numbers, names or words of names, with commas between several; ``all``; empty for the only
        region of the file.

    Raises
    ------
    FileFormatError
        A part of the choice fits no region or several; the message lists them.
    """
    if choice == ALL_REGIONS:
        return list(regions)
    if not choice:
        return [_single(regions, f"holds {len(regions)} regions")]
    words = [part.strip() for part in choice.split(",")]
    unknown = [part for part in words if not _fitting(regions, part)]
    if unknown:
        raise FileFormatError(f"holds no region '{unknown[0]}' but {_listed(regions)}")
    chosen = [_single(_fitting(regions, part), f"has several for '{part}'") for part in words]
    return list(dict.fromkeys(chosen))


def merge_regions(regions: Sequence[Region], grid: Grid) -> LabelMap:
    """Return a label map of regions; where two overlap, the smaller one keeps the voxels.

    Numbers that cannot be labels (0, negative) are replaced by free ones. The log tells of these,
    of overlaps, and of regions without a voxel.
    """
    regions = _renumbered(regions)
    owner = np.zeros(grid.shape_zyx, np.min_scalar_type(len(regions)))  # 1 is the first region
    sizes = np.zeros(len(regions) + 1, np.int64)
    overlapping: set[int] = set()
    for place, region in enumerate(regions, start=1):
        mask = region.mask()
        sizes[place] = np.count_nonzero(mask)
        earlier = owner[mask]
        if earlier.any():
            overlapping |= {place, *np.unique(earlier).tolist()} - {0}
        owner[mask] = np.where((earlier > 0) & (sizes[earlier] < sizes[place]), earlier, place)
    _tell([regions[i - 1] for i in sorted(overlapping)], "overlap: the smaller keeps the voxels")
    _tell([r for r, size in zip(regions, sizes[1:], strict=True) if size == 0], "cover no voxel")
    labels = np.array([0, *(region.number for region in regions)])
    compact = labels.astype(np.uint8 if labels.max() < 256 else np.int32)
    return LabelMap(compact[owner], grid, names={r.number: r.name for r in regions if r.name})


def regions_of(labels: LabelMap) -> list[Region]:
    """Return the regions of a label map, one for each label."""

    def mask_of(number: int) -> Callable[[], NDArray[np.bool_]]:
        return lambda: labels.array == number

    return [Region(n, labels.names.get(n, ""), mask_of(n)) for n in labels.labels]


def number_like(labels: LabelMap, other: LabelMap) -> LabelMap:
    """Return labels with the numbers that another label map gives to the same names.

    Labels whose names the other map lacks keep their numbers where it does not use them, else get
    free ones. Label maps without a name in common stay as they are.
    """
    theirs = {name.casefold(): number for number, name in other.names.items()}
    names = {number: labels.names.get(number, "") for number in labels.labels}
    taken = {*other.labels, *other.names}
    if not any(name.casefold() in theirs for name in names.values()):
        return labels
    free = (number for number in count(1) if number not in taken | names.keys())
    own = {number: next(free) if number in taken else number for number in names}
    new = {number: theirs.get(name.casefold(), own[number]) for number, name in names.items()}
    if all(before == after for before, after in new.items()):
        return labels
    changed = ", ".join(f"{names[a] or a}: {a} is {b}" for a, b in new.items() if a != b)
    logger.warning("labels are paired by name: %s", changed)
    table = np.array([0, *new.values()])
    array = table[np.searchsorted([0, *new], labels.array)]
    return LabelMap(array, labels.grid, names={new[n]: name for n, name in names.items() if name})


def _fitting(regions: Sequence[Region], words: str) -> list[Region]:
    """Return the region of a number or name, or those whose names hold all the words."""
    wanted = words.casefold()
    exact = [r for r in regions if str(r.number) == wanted or r.name.casefold() == wanted]
    if exact or not wanted:
        return exact
    return [r for r in regions if all(word in r.name.casefold() for word in wanted.split())]


def _single(regions: Sequence[Region], several: str) -> Region:
    if len(regions) != 1:
        raise FileFormatError(
            f"{several}: {_listed(regions)}; choose by number or words of the name, 'all' for all"
        )
    return regions[0]


def _renumbered(regions: Sequence[Region]) -> list[Region]:
    """Return regions whose numbers can be labels."""
    used = {region.number for region in regions}
    free = (number for number in count(1) if number not in used)
    fit = [r if r.number > 0 else replace(r, number=next(free)) for r in regions]
    for old, new in zip(regions, fit, strict=True):
        if old.number != new.number:
            logger.warning("region %s becomes label %d: labels start at 1", old, new.number)
    return fit


def _tell(regions: Sequence[Region], what: str) -> None:
    if regions:
        logger.warning(
            "%s %s %s", "regions" if len(regions) > 1 else "region", _listed(regions), what
        )


def _listed(regions: Sequence[Region]) -> str:
    more = [f"and {len(regions) - _LISTED} more"] if len(regions) > _LISTED else []
    return ", ".join([*map(str, regions[:_LISTED]), *more])
