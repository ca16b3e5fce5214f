"""The automatic choice among initial transforms: the headers, unless they make no sense."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from regkit.geometry.grid import FloatArray
from regkit.geometry.rigid import rigid
from regkit.geometry.transform import IDENTITY, Transform
from regkit.registrar import Pair
from regkit.similarity.compared_points import SmallerField
from regkit.similarity.mutual_information import overlap_weighted_nmi
from regkit.similarity.point_sample import PointSample

# Chosen by hand, as are the others without another origin. Parts of the points at which candidates
# are compared, whose agreement tells a difference from noise.
PARTS = 4
# Steps of the climb from each candidate, mm: shifts along the axes.
STEPS_MM = (24.0, 12.0, 6.0)
# Standard errors by which a candidate must be better than the headers.
NOISE = 3.0
# Headers that place so much of the body of the smaller image inside the larger one make sense; a
# candidate must then be so many times as similar. Of 1.2 and 1.5, chosen on brains, thighs and
# parts of a whole body moved by 10 to 110 mm: neither leaves headers for something worse, and 1.2
# leaves them for something better in more of the pairs.
SENSIBLE_OVERLAP, MUCH_BETTER = 0.5, 1.2


@dataclass(frozen=True, eq=False)
class AutomaticStart:
    """An initial transform that was chosen.

    Parameters
    ----------
    transform
        Initial map of fixed to moving points, LPS mm.
    reason
        Name of the choice, and why it was made.
    is_guess
        Whether the headers were left.
    """

    transform: Transform
    reason: str
    is_guess: bool = False

    def of(self, pair: Pair) -> Pair:
        """Return a pair that starts there."""
        return replace(pair, initial=self.transform, initial_is_guess=self.is_guess)


def sensible_headers(pair: Pair) -> AutomaticStart | None:
    """Return the headers as a start if they show enough of the smaller body in both images.

    Enough for a method that searches all rotations and shifts from there.

    Parameters
    ----------
    pair
        The images and masks.
    """
    overlap = _Comparison.of(pair).overlap(IDENTITY)
    if overlap < SENSIBLE_OVERLAP:
        return None
    return AutomaticStart(
        IDENTITY,
        "headers: the method searches everywhere, and they show "
        f"{overlap:.0%} of the smaller body in both images",
    )


def automatic_start(pair: Pair, candidates: Mapping[str, Transform]) -> AutomaticStart:
    """Choose an initial transform; the headers are kept unless another is better for sure.

    Each candidate is compared after a short climb, and by points of the smaller field of view,
    which the larger one may show wholly.

    Parameters
    ----------
    pair
        The images and masks.
    candidates
        Transforms to compare with the headers, and what to call them.
    """
    comparison = _Comparison.of(pair)
    overlap = comparison.overlap(IDENTITY)
    headers = comparison.scores(IDENTITY)
    found = {name: comparison.scores(other).mean() for name, other in candidates.items()}
    name = max(found, key=found.__getitem__)
    if found[name] > headers.mean():
        transform = comparison.climbed(candidates[name])
        needed = comparison.scores(comparison.climbed(IDENTITY))
        needed *= MUCH_BETTER if overlap >= SENSIBLE_OVERLAP else 1.0
        better = comparison.scores(transform) - needed
        if better.mean() > NOISE * better.std(ddof=1) / np.sqrt(PARTS):
            return AutomaticStart(
                transform,
                f"{name}: more similar than the headers, which show {overlap:.0%} of the smaller "
                "body in both images",
                is_guess=True,
            )
    return AutomaticStart(
        IDENTITY,
        f"headers: no other start is more similar beyond noise; they show {overlap:.0%} of the "
        "smaller body in both images",
    )


@dataclass(frozen=True, eq=False)
class _Comparison:
    """The smaller field of view, and parts of its points, by which maps are judged."""

    field: SmallerField
    parts: tuple[PointSample, ...]

    @classmethod
    def of(cls, pair: Pair) -> Self:
        """Divide the points of the smaller field of view."""
        field = SmallerField.of(pair)
        points, values, body = field.sample.points, field.sample.values, field.sample.foreground
        parts = (
            PointSample(points[i::PARTS], values[i::PARTS], body[i::PARTS]) for i in range(PARTS)
        )
        return cls(field, tuple(parts))

    def scores(self, transform: Transform, parts: int = PARTS) -> FloatArray:
        """Return the similarity under a map at each part of the points, or at some of them."""
        field = self.field
        through = transform.inverse() if field.is_moving else transform
        found = [
            overlap_weighted_nmi(part, field.other, through, field.other_mask)
            for part in self.parts[:parts]
        ]
        return np.array(found)

    def overlap(self, transform: Transform) -> float:
        """Return the fraction of the body of the smaller field that the other image shows."""
        return self.field.compared_by(transform).overlap()

    def climbed(self, transform: Transform) -> Transform:
        """Return the best transform reached by shifts along the axes."""
        best, score = transform, self.scores(transform, 1)[0]
        for step in STEPS_MM:
            for shift in np.concatenate([np.eye(3), -np.eye(3)]) * step:
                moved = rigid(translation_mm=shift) @ best
                found = self.scores(moved, 1)[0]
                if found > score:
                    best, score = moved, found
        return best
