"""Pair the landmarks of two files: by label where both have them, else by order."""

from __future__ import annotations

import logging
from collections import Counter
from pathlib import Path

import numpy as np

from regkit.errors import FileFormatError
from regkit.geometry.grid import FloatArray
from regkit.io.landmarks import Landmarks, read_labeled_landmarks

logger = logging.getLogger(__name__)

# Labels that a message lists; chosen by hand.
_LISTED = 5


def read_landmark_pairs(fixed: Path, moving: Path) -> tuple[FloatArray, FloatArray]:
    """Read corresponding points from two landmark files.

    Points are paired by their labels where both files have some and no label stands twice in a
    file, and by their order otherwise. Points that either file marks as undefined or missing are
    left out, and so are labels that only one file has, with a warning in the log.

    Parameters
    ----------
    fixed, moving
        Files as for `regkit.io.landmarks.read_landmarks`.

    Returns
    -------
    tuple
        Fixed and moving points, each of shape (N, 3), LPS mm; N is the number of pairs.

    Raises
    ------
    FileFormatError
        A file cannot be read, the files have different numbers of points without labels, or no
        pair is left.
    """
    first, second = read_labeled_landmarks(fixed), read_labeled_landmarks(moving)
    names = f"{fixed} and {moving}"
    rows = _rows_by_label(first, second, names)
    if rows is None:
        rows = _rows_by_order(first, second, names)
    pairs = first.points[rows[0]], second.points[rows[1]]
    both = np.asarray(np.isfinite(pairs).all(axis=(0, 2)))
    if not both.any():
        raise FileFormatError(f"{names}: no landmark has a position in both files")
    if not both.all():
        logger.warning(
            "%s: %d of %d pairs of landmarks are left out, undefined in one file",
            names,
            np.count_nonzero(~both),
            len(both),
        )
    return pairs[0][both], pairs[1][both]


def _rows_by_label(
    first: Landmarks, second: Landmarks, names: str
) -> tuple[list[int], list[int]] | None:
    """Return the rows of points with the same label, or None where labels cannot pair them."""
    if not (any(first.labels) and any(second.labels)):
        return None
    repeated = [_repeated(landmarks.labels) for landmarks in (first, second)]
    common = [label for label in first.labels if label and label in set(second.labels)]
    if any(repeated) or not common:
        cause = (
            f"the label '{max(repeated)}' is not unique" if any(repeated) else "no label agrees"
        )
        logger.warning("%s: %s, so landmarks are paired by their order", names, cause)
        return None
    alone = [label for label in [*first.labels, *second.labels] if label not in set(common)]
    if alone:
        more = ", ..." if len(alone) > _LISTED else ""
        logger.warning(
            "%s: landmarks of one file only are left out: %s%s",
            names,
            ", ".join(label or "(no label)" for label in alone[:_LISTED]),
            more,
        )
    return [first.labels.index(n) for n in common], [second.labels.index(n) for n in common]


def _repeated(labels: tuple[str, ...]) -> str:
    """Return a label that several points have; empty if there is none."""
    return next((label for label, n in Counter(labels).items() if label and n > 1), "")


def _rows_by_order(first: Landmarks, second: Landmarks, names: str) -> tuple[list[int], list[int]]:
    count = len(first.points)
    if count != len(second.points):
        raise FileFormatError(
            f"{names}: {count} and {len(second.points)} landmarks cannot be paired by their "
            "order; give each point the same label in both files"
        )
    return list(range(count)), list(range(count))
