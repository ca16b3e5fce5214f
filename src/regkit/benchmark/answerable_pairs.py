"""Pairs that a verdict is calibrated on: with a truth, and some that no answer is right for.

A mirrored image, or that of another patient, must be told from a pair whose truth was missed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise, product

import numpy as np

from regkit.datasets.case import Case
from regkit.geometry.grid import FloatArray, Grid
from regkit.geometry.rotation import rotation_matrix
from regkit.geometry.transform import AffineTransform, Transform
from regkit.geometry.volume import AnyVolume
from regkit.metrics.evaluation import true_positions
from regkit.registrar import Pair
from regkit.registration.known_regions import known_pair
from regkit.registration.modalities import with_modalities

AS_GIVEN, MIRRORED, OTHER_PATIENT = "as given", "mirrored", "other patient"
# Errors of the answers that are made, mm: the truth, and so many between each two neighbors.
# Chosen by hand.
ERRORS_MM, MADE_OF_EACH = (0.0, 3.0, 8.0, 20.0, 100.0), 2
LEAST_MADE_MM = 0.5  # of errors that are drawn, by their logarithm


@dataclass(frozen=True, eq=False)
class AnswerablePair:
    """A pair, and where points of the fixed image belong in the moving one.

    Parameters
    ----------
    case, person, variant
        Id of the case, its patient, and how the pair was changed.
    pair
        The images without their padding.
    points
        Points of the fixed image, LPS mm, shape (N, 3).
    targets
        Their places in the moving image; None where no answer is right.
    truth
        The true map, if there is one.
    """

    case: str
    person: str
    variant: str
    pair: Pair
    points: FloatArray
    targets: FloatArray | None = None
    truth: Transform | None = None

    def error_mm(self, found: Transform) -> float | None:
        """Return the mean distance of the points from where they belong; None without a truth."""
        if self.targets is None:
            return None
        return float(np.linalg.norm(found.map_points(self.points) - self.targets, axis=1).mean())


def answerable_pairs(case: Case, other: Case | None) -> Iterator[AnswerablePair]:
    """Yield the pair of a case, and pairs made of it that no answer is right for.

    Parameters
    ----------
    case
        Case with a known solution.
    other
        Case of another patient, whose moving image stands in; None where there is none.
    """
    points, targets = true_positions(case)
    person = case.group or case.id

    def made(variant: str, pair: Pair) -> AnswerablePair:
        return AnswerablePair(case.id, person, variant, _prepared(pair), points)

    yield replace(made(AS_GIVEN, case.pair), targets=targets, truth=case.truth)
    yield made(MIRRORED, _mirrored(case.pair))
    if other is not None:
        yield made(OTHER_PATIENT, _with_moving_of(case.pair, other.pair))


def made_answers(pair: AnswerablePair, seed: int) -> Iterator[tuple[str, Transform]]:
    """Yield answers that are wrong by known errors, from none to 100 mm, by name.

    Parameters
    ----------
    pair
        Pair with a truth; others have no such answers.
    seed
        Seed of the errors.
    """
    if pair.truth is None:
        return
    rng = np.random.default_rng([seed, *f"{pair.person} {pair.case}".encode()])
    yield "made 0 mm", pair.truth
    for (least, most), number in product(pairwise(ERRORS_MM), range(1, MADE_OF_EACH + 1)):
        ends = np.log(max(least, LEAST_MADE_MM)), np.log(most)
        motion = motion_of_size(pair.points, rng, float(np.exp(rng.uniform(*ends))))
        yield f"made {least:g} to {most:g} mm, {number}", pair.truth @ motion


def motion_of_size(
    points: FloatArray, rng: np.random.Generator, size_mm: float
) -> AffineTransform:
    """Return a random rigid motion that moves points by so many mm on average.

    Parameters
    ----------
    points
        Points (N, 3), LPS mm.
    rng
        Random generator.
    size_mm
        Mean distance that the points move, mm.
    """
    centre, turn, shift = points.mean(axis=0), rng.standard_normal(3), rng.standard_normal(3)
    radius = max(float(np.sqrt(np.square(points - centre).sum(axis=1).mean())), 1.0)
    turn *= np.rad2deg(1 / radius) * rng.uniform(0, 1.5)

    def scaled(amount: float) -> AffineTransform:
        return AffineTransform.about(rotation_matrix(turn * amount), shift * amount, centre)

    low, high = 0.0, 2.0 * size_mm + 1.0
    for _ in range(30):
        middle = (low + high) / 2
        moved = np.linalg.norm(scaled(middle).map_points(points) - points, axis=1).mean()
        low, high = (middle, high) if moved < size_mm else (low, middle)
    return scaled(low)


def _prepared(pair: Pair) -> Pair:
    return known_pair(with_modalities(pair)).pair


def _mirrored(pair: Pair) -> Pair:
    """Reverse the voxels of the moving image along the axis nearest to left and right."""
    axis = 2 - int(np.abs(np.array(pair.moving.grid.direction).reshape(3, 3)[0]).argmax())

    def flipped(volume: AnyVolume) -> AnyVolume:
        return volume.with_array(np.ascontiguousarray(np.flip(volume.array, axis)))

    mask = None if pair.moving_mask is None else flipped(pair.moving_mask)
    return replace(pair, moving=flipped(pair.moving), moving_mask=mask)


def _with_moving_of(pair: Pair, other: Pair) -> Pair:
    """Put the moving image of another pair where that of a pair is, without its mask."""
    moving = other.moving
    shift = np.array(pair.moving.grid.centre) - np.array(moving.grid.centre)
    affine = moving.grid.affine.copy()
    affine[:3, 3] += shift
    placed = replace(moving, grid=Grid.from_affine(moving.grid.shape_zyx, affine))
    return replace(pair, moving=placed, moving_mask=None)
