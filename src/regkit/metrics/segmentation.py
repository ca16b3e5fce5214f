"""Overlap and surface distance of the segmentations of both images after registration.

A label that neither image has does not count; one that only one image has scores a Dice of 0 and
the largest possible distance, the diagonal of the fixed field of view.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import scipy  # its parts are imported on first use
from numpy.typing import NDArray

from regkit.geometry.grid import FloatArray, Grid
from regkit.geometry.resampling import resample
from regkit.geometry.volume import LabelMap
from regkit.metrics.evaluation import Evaluation, NotKnownError

Mask = NDArray[np.bool_]
Box: TypeAlias = tuple[slice, ...]


def dice(evaluation: Evaluation) -> float:
    """Mean Dice coefficient over the labels, 0 to 1."""
    fixed, warped = evaluation.labels
    return float(np.mean([dice_of(a, b) for a, b in _masks(fixed, warped)]))


def hd95_mm(evaluation: Evaluation) -> float:
    """Mean over the labels of the 95 % Hausdorff distance in mm."""
    fixed, warped = evaluation.labels
    return float(np.mean([hd95_of(a, b, fixed.grid) for a, b in _masks(fixed, warped)]))


def found_labels_dice(evaluation: Evaluation) -> float:
    """Mean Dice coefficient of the labels that a method found in the moving image, 0 to 1."""
    true, found = evaluation.case.moving_labels, evaluation.result.estimate.labels
    if true is None or found is None:
        raise NotKnownError(f"case {evaluation.case.id} or the method has no labels of the image")
    pairs = _masks(true, resample(found, true.grid))
    return float(np.mean([dice_of(a, b) for a, b in pairs]))


def dice_of(a: Mask, b: Mask) -> float:
    """Dice coefficient of two masks, not both empty."""
    return float(2 * (a & b).sum() / (a.sum() + b.sum()))


def hd95_of(a: Mask, b: Mask, grid: Grid) -> float:
    """Larger of the two 95th percentiles of the distances between two surfaces, in mm."""
    if not (a.any() and b.any()):
        return float(np.linalg.norm(grid.extent))
    # Within the box around both: a distance map of the whole image takes seconds.
    (box,) = scipy.ndimage.find_objects((a | b).astype(np.uint8))
    a, b = a[box], b[box]
    return max(
        float(np.percentile(_surface_distances(a, b, grid), 95)),
        float(np.percentile(_surface_distances(b, a, grid), 95)),
    )


def _surface_distances(a: Mask, b: Mask, grid: Grid) -> FloatArray:
    """Distances in mm of the surface voxels of `a` from the surface of `b`."""
    spacing_zyx = grid.spacing[::-1]
    to_surface = scipy.ndimage.distance_transform_edt(~_surface(b), sampling=spacing_zyx)
    return np.asarray(to_surface[_surface(a)])


def _surface(mask: Mask) -> Mask:
    return np.asarray(mask & ~scipy.ndimage.binary_erosion(mask))


def _masks(fixed: LabelMap, warped: LabelMap) -> list[tuple[Mask, Mask]]:
    """Return both masks of every label, cut to the box around them; whole images take seconds."""
    labels = sorted({*fixed.labels, *warped.labels})
    if not labels:
        raise NotKnownError("both label maps are empty")
    both = _boxes(fixed), _boxes(warped)
    boxes = {label: _around(*(boxes.get(label) for boxes in both)) for label in labels}
    return [
        (fixed.array[box] == label, warped.array[box] == label) for label, box in boxes.items()
    ]


def _boxes(labels: LabelMap) -> dict[int, Box]:
    """Return the box around each label."""
    numbers = np.unique(labels.array)
    # One pass for all labels; it needs them numbered from 1 without gaps.
    found = scipy.ndimage.find_objects(np.searchsorted(numbers, labels.array) + 1)
    return dict(zip(numbers.tolist(), found, strict=True))


def _around(*boxes: Box | None) -> Box:
    """Return the smallest box around those that are not None."""
    known = [box for box in boxes if box is not None]
    return tuple(
        slice(min(side.start for side in sides), max(side.stop for side in sides))
        for sides in zip(*known, strict=True)
    )
