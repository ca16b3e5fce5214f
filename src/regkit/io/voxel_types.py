"""The type of the voxels that a volume is written with."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regkit.errors import ParameterError
from regkit.geometry.volume import LabelMap, Volume
from regkit.io.formats import Format

logger = logging.getLogger(__name__)

FLOAT = "float32"
# Integer types to fall back on, the smallest first.
_LABEL_TYPES = ("uint8", "int16", "int32")
_IMAGE_TYPES = ("int16", "uint16", "int32")


def typed(volume: Volume, dtype: str, into: Format, path: Path) -> Volume:
    """Return a volume with voxels of the type that they get in a file.

    Parameters
    ----------
    volume
        The image or segmentation.
    dtype
        Name of the type; empty for that which fits, see `regkit.io.write_volume`.
    into
        Format of the file.
    path
        File that the warning names.

    Raises
    ------
    ParameterError
        The type cannot hold the labels.
    """
    if isinstance(volume, LabelMap):
        return _typed_labels(volume, dtype)
    kind = dtype or _kept_type(volume, into)
    if kind == FLOAT:
        return volume
    (whole,) = rounded_slabs([volume.array], kind, path)
    # A label map holds whole numbers of any type.
    return LabelMap(whole, volume.grid)


def _typed_labels(labels: LabelMap, dtype: str) -> LabelMap:
    if dtype and not holds(dtype, labels.array):
        raise ParameterError(
            f"{dtype} cannot hold the labels, {labels.array.min()} to {labels.array.max()}; "
            "leave the type out to get one that can"
        )
    fitting = (kind for kind in _LABEL_TYPES if holds(kind, labels.array))
    kind = dtype or next(fitting, labels.array.dtype.name)
    return labels.with_array(labels.array.astype(kind))


def _kept_type(volume: Volume, into: Format) -> str:
    """Return the integer type of the volume's file, or the next larger one that is needed."""
    if not volume.file_dtype:
        return FLOAT
    kinds = (kind for kind in (volume.file_dtype, *_IMAGE_TYPES) if kind in into.dtypes)
    return next((kind for kind in kinds if holds(kind, volume.array)), FLOAT)


def holds(kind: str, array: NDArray[Any]) -> bool:
    """Return whether a type's range includes all values of an array."""
    if kind == FLOAT:
        return bool(np.array_equal(array.astype(FLOAT), array))
    limits = np.iinfo(kind)
    return bool(limits.min <= array.min().item() and array.max().item() <= limits.max)


def rounded_slabs(slabs: Iterable[NDArray[Any]], kind: str, path: Path) -> Iterator[NDArray[Any]]:
    """Yield parts of an image as whole numbers of a type.

    Those that the type cannot hold are clipped, and NaN becomes 0, with a warning in the log that
    names the file.
    """
    clipped = count = 0
    for slab in slabs:
        whole, beyond = _rounded(slab, np.iinfo(kind))
        clipped, count = clipped + beyond, count + slab.size
        yield whole
    if clipped:
        low, high = np.iinfo(kind).min, np.iinfo(kind).max
        logger.warning(
            "%s: %d of %d values are outside %s (%d to %d) and were clipped",
            *(path.name, clipped, count, kind, low, high),
        )


def _rounded(array: NDArray[Any], limits: np.iinfo[Any]) -> tuple[NDArray[Any], int]:
    """Return whole numbers, and how many of them had to be clipped."""
    values = np.rint(array)
    if limits.min <= float(values.min()) and float(values.max()) <= limits.max:  # no NaN either
        return np.asarray(values, limits.dtype), 0
    # In float64, which holds the limits of 32-bit integers exactly.
    exact = values.astype(np.float64)
    beyond = int(np.count_nonzero(~((exact >= limits.min) & (exact <= limits.max))))
    clipped = np.clip(np.nan_to_num(exact), limits.min, limits.max)
    return np.asarray(clipped, limits.dtype), beyond
