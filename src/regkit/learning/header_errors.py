"""Errors of a header that the domain guard looks for: axes turned or mirrored, a wrong size."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations, product
from typing import Literal

import numpy as np

from regkit.geometry.grid import FloatArray
from regkit.geometry.transform import AffineTransform

ErrorKind = Literal["orientation", "size"]

# What an image looks like whose axes x, y, z (LPS) are reversed, 1, or not, 0.
REVERSED_AXES = {
    (1, 0, 0): "mirrored left to right",
    (0, 1, 0): "mirrored front to back",
    (0, 0, 1): "mirrored head to feet",
    (1, 1, 0): "turned by 180 degrees about the head-foot axis, like a prone patient",
    (1, 0, 1): "turned by 180 degrees about the front-back axis, feet first",
    (0, 1, 1): "turned by 180 degrees about the left-right axis, feet first",
    (1, 1, 1): "mirrored through its center",
}
# Factors of a wrong voxel size that are tried; chosen by hand: more than patients of a cohort
# differ.
SIZES = {0.8: "about 20 % too small", 1.25: "about 25 % too large"}


@dataclass(frozen=True, eq=False)
class HeaderError:
    """One way in which a header can be wrong.

    Parameters
    ----------
    kind
        ``orientation`` or ``size``.
    words
        Predicate of the image in a sentence, after "looks".
    undo
        Map of points of the right image to those of the image as its header has it, LPS mm from
        the center of the field of view.
    """

    kind: ErrorKind
    words: str
    undo: AffineTransform


def _orientations() -> Iterator[HeaderError]:
    """Yield the 47 ways to exchange and reverse the axes."""
    for order, (x, y, z) in product(permutations(range(3)), product((0, 1), repeat=3)):
        reverse = x, y, z
        matrix = np.eye(3)[list(order)] * (1 - 2 * np.asarray(reverse))
        if order != (0, 1, 2):
            mirrored = "" if np.linalg.det(matrix) > 0 else " and mirrored"
            yield _error("orientation", f"turned by 90 degrees or more{mirrored}", matrix)
        elif any(reverse):
            yield _error("orientation", REVERSED_AXES[reverse], matrix)


def _error(kind: ErrorKind, words: str, matrix: FloatArray) -> HeaderError:
    return HeaderError(kind, words, AffineTransform.about(matrix, (0, 0, 0), (0, 0, 0)))


HEADER_ERRORS = (
    *_orientations(),
    *(_error("size", words, np.eye(3) * factor) for factor, words in SIZES.items()),
)
