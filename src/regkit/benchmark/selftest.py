"""Test a method by known motions of one pair, without any known truth.

The header of the moving image is moved, its voxels are not resampled: the answer of a perfect
method is the reference, moved as well, exactly.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from regkit.arguments import checked
from regkit.benchmark.known_motions import MIN_RUNS, GradedSizes, KnownMotion, plan_motions
from regkit.benchmark.selftest_result import KnownMotionRun, SelfTest
from regkit.errors import ParameterError, RegistrationError, RegkitError
from regkit.geometry.grid import FloatArray, Grid
from regkit.geometry.transform import AffineTransform, Transform
from regkit.geometry.volume import AnyVolume
from regkit.io.library_images import ImageLike
from regkit.registrar import Pair
from regkit.registration.calibration_card import Calibration, calibrated_model
from regkit.registration.expression import MethodName
from regkit.registration.initialization import default_initializer, with_initial_transform
from regkit.registration.pipeline import build_method
from regkit.registration.register import given_pair
from regkit.registration.result_measures import coarsest_voxel_mm
from regkit.registration.run import RegistrationResult, run
from regkit.registry import DEFAULT_METHOD
from regkit.similarity.point_sample import in_field_of_view, sample_points_in_mask

# A function that registers a pair, starting as for the pair itself, with a seed of the method.
SeededRegistration: TypeAlias = Callable[[Pair, int], RegistrationResult]
# A function that is told how many of how many runs are done.
OnRun: TypeAlias = Callable[[int, int], None]

# All chosen by hand. Points at which maps are compared, and those without which a map is refused.
POINTS, MIN_POINTS = 2_000, 20
# The least tolerance; a voxel is more in coarse images.
LEAST_TOLERANCE_MM = 3.0
# The longest shift, as a fraction of the middle side of the smaller field of view, and in
# tolerances at least.
LARGEST_SHIFT, LARGEST_SHIFT_TOLERANCES = 0.5, 4.0


@dataclass(frozen=True)
class SelfTestSettings:
    """Settings of a self-test.

    Parameters
    ----------
    runs
        Number of runs, the reference included.
    tolerance_mm
        Largest error of a success, mm; None for the coarsest voxel, 3 mm at least.
    max_mm
        Longest shift, mm; None for half the middle side of the smaller field of view.
    max_deg
        Largest rotation, degrees, up to 180.
    seed
        Seed of the motions and of the reference; the other runs have those that follow it.

    Raises
    ------
    ParameterError
        Too few runs, or a size that is not positive or not finite.
    """

    runs: int = 100
    tolerance_mm: float | None = None
    max_mm: float | None = None
    max_deg: float = 180.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.runs < MIN_RUNS:
            raise ParameterError(
                f"a self-test needs at least {MIN_RUNS} runs (the reference, two repeats, and a "
                f"motion of each kind), got {self.runs}"
            )
        for name in ("tolerance_mm", "max_mm", "max_deg"):
            value = getattr(self, name)
            if value is not None and not 0 < value < np.inf:
                raise ParameterError(f"{name} must be a positive number, got {value}")
        if self.max_deg > 180:
            raise ParameterError(f"max_deg can be at most 180 degrees, got {self.max_deg:g}")


@checked
def selftest(
    fixed: ImageLike,
    moving: ImageLike,
    method: MethodName = DEFAULT_METHOD,
    *,
    fixed_mask: ImageLike | None = None,
    moving_mask: ImageLike | None = None,
    fixed_modality: str = "",
    moving_modality: str = "",
    initial: Transform | Any = None,
    init: str = "auto",
    runs: int = 100,
    tolerance_mm: float | None = None,
    max_mm: float | None = None,
    max_deg: float = 180.0,
    seed: int = 0,
    witnesses: Sequence[str] = (),
    calibration: Calibration = None,
    on_run: OnRun | None = None,
    **parameters: Any,
) -> SelfTest:
    """Measure capture range, accuracy and repeatability of a method on a pair without a truth.

    The header of the moving image is moved by known rigid motions, from small to large; the
    method is run from each as `register` would be, and its answers are compared with its own
    answer from the given start.

    Parameters
    ----------
    fixed, moving, method, fixed_mask, moving_mask, fixed_modality, moving_modality
        Parameters of `register`, which takes paths, volumes and images of other libraries.
    initial
        Initial fixed-to-moving map in LPS mm, of every run; `init` is then ignored.
    init
        Initializer of every run; ``identity`` tests the method alone.
    runs, tolerance_mm, max_mm, max_deg, seed
        See `SelfTestSettings`.
    witnesses
        Methods whose results the verdict compares with, as for `register`.
    calibration
        Calibration of the verdict, as for `register`.
    on_run
        Function that is called with the number of runs done and the number of all.
    **parameters
        Parameters of the method.
    """
    masks: dict[str, Any] = {"fixed_mask": fixed_mask, "moving_mask": moving_mask}
    modalities: Any = {"fixed_modality": fixed_modality, "moving_modality": moving_modality}
    pair = given_pair(fixed, moving, method, initial=initial, **masks, **modalities)
    word = default_initializer(method) if init == "auto" else init
    model = calibrated_model(calibration)

    def register_moved(pair: Pair, method_seed: int) -> RegistrationResult:
        registrar = build_method(method, parameters, defaults={"seed": method_seed})
        if initial is None:  # else every run starts from it
            pair = with_initial_transform(word, pair, method)
        return run(registrar, pair, method, witnesses=witnesses, calibration=model)

    settings = SelfTestSettings(runs, tolerance_mm, max_mm, max_deg, seed)
    return run_selftest(pair, register_moved, settings, on_run)


def run_selftest(
    pair: Pair,
    register_moved: SeededRegistration,
    settings: SelfTestSettings,
    on_run: OnRun | None = None,
) -> SelfTest:
    """Run a registration from known motions of a pair, and compare its answers.

    Parameters
    ----------
    pair
        The images, masks and initial transform.
    register_moved
        Function that registers a pair with a seed of the method.
    settings
        Number and sizes of the motions.
    on_run
        Function that is called with the number of runs done and the number of all.

    Raises
    ------
    RegistrationError
        The method fails on the pair as it is, or maps nothing of the body into the moving image.
    ParameterError
        The largest motions are too small for the tolerance.
    """
    report = on_run or (lambda _done, _all: None)
    first = register_moved(pair, settings.seed)
    report(1, settings.runs)
    points = _body_in_both(first)
    tolerance = settings.tolerance_mm or max(LEAST_TOLERANCE_MM, coarsest_voxel_mm(pair))
    moved_body = first.transform.map_points(points)
    largest = settings.max_mm or _longest_shift_mm(pair, tolerance), settings.max_deg
    sizes = GradedSizes.of(moved_body, tolerance, coarsest_voxel_mm(pair), largest, settings.runs)
    answers = []
    with _logged_once():
        motions = plan_motions(moved_body, sizes, settings.runs, settings.seed)
        for number, motion in enumerate(motions, start=1):
            answers.append(_answer(pair, motion, register_moved, settings.seed + number))
            report(number + 1, settings.runs)
    return _compared(first, answers, points, tolerance, settings.seed)


def moved_pair(pair: Pair, motion: AffineTransform) -> Pair:
    """Return a pair with the moving image, and its mask, moved by their headers.

    Parameters
    ----------
    pair
        The images, masks and initial transform, which stays as it is.
    motion
        Rigid map of points of the moving image to their new places, LPS mm.
    """
    mask = None if pair.moving_mask is None else _moved(pair.moving_mask, motion)
    return replace(pair, moving=_moved(pair.moving, motion), moving_mask=mask)


def _moved(volume: AnyVolume, motion: AffineTransform) -> AnyVolume:
    grid = volume.grid
    return replace(volume, grid=Grid.from_affine(grid.shape_zyx, motion.matrix @ grid.affine))


@dataclass(frozen=True, eq=False)
class _Answer:
    """Result of the method from a motion, or its error."""

    motion: KnownMotion
    seed: int
    result: RegistrationResult | None
    error: str = ""

    def undone(self) -> Transform:
        """Return the map found, with the motion undone."""
        if self.result is None:
            raise RegistrationError(self.error)
        return self.motion.transform.inverse() @ self.result.transform


def _answer(
    pair: Pair, motion: KnownMotion, register_moved: SeededRegistration, seed: int
) -> _Answer:
    try:
        result = register_moved(moved_pair(pair, motion.transform), seed)
    except RegkitError as error:
        return _Answer(motion, seed, None, str(error))
    return _Answer(motion, seed, result)


def _compared(
    first: RegistrationResult,
    answers: Sequence[_Answer],
    points: FloatArray,
    tolerance_mm: float,
    seed: int,
) -> SelfTest:
    """Choose the reference, and compare every answer with it."""
    completed = [answer for answer in answers if answer.result is not None]
    repeats = [answer for answer in completed if answer.motion.kind == "repeat"]
    mapped = {answer: answer.undone().map_points(points) for answer in completed}
    near = [first.transform.map_points(points), *(mapped[answer] for answer in repeats)]
    chosen, notes = _reference(near, tolerance_mm)
    reference = first if chosen == 0 else _on_the_pair(first, repeats[chosen - 1])
    notes += _other_consensus(near[chosen], list(mapped.values()), tolerance_mm)
    runs = tuple(_scored(answer, mapped.get(answer), near[chosen]) for answer in answers)
    spread = _spread_mm(near)
    return SelfTest(first.method, reference, runs, tolerance_mm, spread, tuple(notes), seed)


def _scored(answer: _Answer, mapped: FloatArray | None, expected: FloatArray) -> KnownMotionRun:
    if answer.result is None or mapped is None:
        return KnownMotionRun(
            answer.motion, answer.seed, np.inf, "failed", (answer.error,), None, np.nan
        )
    verdict = answer.result.verdict
    return KnownMotionRun(
        answer.motion,
        answer.seed,
        _distance_mm(mapped, expected),
        verdict.status,
        verdict.reasons,
        answer.undone(),
        answer.result.compute_s,
        None if verdict.error is None else verdict.error.expected_mm,
    )


def _reference(near: Sequence[FloatArray], tolerance_mm: float) -> tuple[int, list[str]]:
    """Return which answer near the start is the reference: the first, unless most disagree."""
    apart = np.array([[_distance_mm(one, other) for other in near] for one in near])
    middle = int(np.argmin(np.median(apart, axis=1)))
    if len(near) < 3 or apart[0, middle] <= tolerance_mm or np.median(apart[0]) <= tolerance_mm:
        return 0, []
    note = (
        f"the answer from the given start is {apart[0, middle]:.1f} mm away from the middle one "
        "of those with other seeds and motions of less than a voxel, which is the reference"
    )
    return middle, [note]


def _other_consensus(
    reference: FloatArray, answers: Sequence[FloatArray], tolerance_mm: float
) -> list[str]:
    """Return a sentence if more answers agree on another place than on the reference."""
    agreeing = sum(_distance_mm(answer, reference) <= tolerance_mm for answer in answers)
    if 2 * agreeing >= len(answers):  # no other place can have more
        return []
    support = [
        sum(_distance_mm(one, other) <= tolerance_mm for other in answers) for one in answers
    ]
    most = int(np.argmax(support))
    away = _distance_mm(answers[most], reference)
    if support[most] <= max(agreeing, len(answers) // 4) or away <= 2 * tolerance_mm:
        return []
    note = (
        f"{support[most]} of {len(answers)} answers agree on a place {away:.0f} mm away from the "
        f"reference, and {agreeing} on the reference: it is probably wrong; look at its picture, "
        "or give another start (--init)"
    )
    return [note]


def _on_the_pair(first: RegistrationResult, answer: _Answer) -> RegistrationResult:
    """Return the result of a repeat as one on the pair itself."""
    if answer.result is None:
        raise RegistrationError(answer.error)
    estimate = replace(answer.result.estimate, transform=answer.undone())
    return replace(answer.result, pair=first.pair, estimate=estimate)


def _body_in_both(result: RegistrationResult) -> FloatArray:
    """Return points of the body in the fixed image (and mask) that the moving one shows."""
    pair = result.pair
    sample = sample_points_in_mask(pair.fixed, pair.fixed_mask, POINTS)
    body = sample.points[sample.foreground]
    seen = in_field_of_view(pair.moving, pair.moving_mask, result.transform.map_points(body))
    if np.count_nonzero(seen) < MIN_POINTS:
        raise RegistrationError(
            f"{result.method} maps hardly anything of the body in the fixed image into the moving "
            "image, so that there is nothing to compare; give another start (--init) or other "
            "masks"
        )
    return body[seen]


def _longest_shift_mm(pair: Pair, tolerance_mm: float) -> float:
    """Return half the middle side of the smaller field of view, in whole mm."""
    smaller = min((pair.fixed.grid, pair.moving.grid), key=lambda grid: np.prod(grid.extent))
    half = round(LARGEST_SHIFT * sorted(smaller.extent)[1])
    return max(float(half), LARGEST_SHIFT_TOLERANCES * tolerance_mm)


def _distance_mm(some: FloatArray, others: FloatArray) -> float:
    """Return the mean distance of points (N, 3) in mm."""
    return float(np.linalg.norm(some - others, axis=1).mean())


def _spread_mm(answers: Sequence[FloatArray]) -> float:
    """Return the RMS distance of points from their mean place over several answers, mm."""
    if len(answers) < 2:
        return np.nan
    squares = np.square(np.stack(answers) - np.mean(answers, axis=0)).sum(axis=-1)
    return float(np.sqrt(squares.sum(axis=0).mean() / (len(answers) - 1)))


@contextmanager
def _logged_once() -> Iterator[None]:
    """Hold back warnings in the log: the first run has logged what is said of the images."""
    before = logging.root.manager.disable
    logging.disable(max(before, logging.WARNING))
    try:
        yield
    finally:
        logging.disable(before)
