"""Mattes mutual information, coarse to fine, with SimpleITK.

Mattes et al. 2003, doi:10.1109/TMI.2003.809072.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import SimpleITK as sitk

from regkit.errors import RegistrationError
from regkit.geometry.sitk_bridge import transform_from_sitk, transform_to_sitk, volume_to_sitk
from regkit.geometry.transform import Transform
from regkit.geometry.volume import LabelMap
from regkit.registrar import Estimate, Pair
from regkit.registration.parameters import check_ranges
from regkit.similarity.centering import CenteredPair, normalize_scale
from regkit.similarity.intensity import normalize_for_similarity
from regkit.similarity.mutual_information import overlap_weighted_nmi
from regkit.similarity.point_sample import sample_points, sample_points_in_mask
from regkit.working import tell_progress
from regkit_classic.interruption import stopping_on_interrupt
from regkit_classic.pyramid import at_level, levels_mm

# Constants without another origin were chosen by hand.
# Factor by which steps shrink: random sampling makes the metric rough, and faster descents stall.
RELAXATION = 0.75
# Lengths of the first and last step of a level, as fractions of its spacing.
FIRST_STEP, LAST_STEP = 0.5, 1e-3
# Number of levels, the finest ones, at which the affine model is optimized.
AFFINE_LEVELS = 2
MAX_SEED = 2**31 - 2
# Number of points with which initial and final map are compared.
PROBE = 20_000
# Least similarity of the result relative to that of the initial transform; interpolation changes
# it by less.
MIN_SIMILARITY_RATIO = 0.9
OUTSIDE = "outside moving image buffer"  # in the message of ITK for points that all lie there


@dataclass(frozen=True)
class MutualInformation:
    """Registration by Mattes mutual information over rigid or affine maps.

    Points outside the moving image (or a mask) are unknown and do not count. Rotations are about
    the centre of the fixed body, and the search starts from the initial transform. If the images
    are less similar at its end, the initial transform is returned, with a warning.

    Parameters
    ----------
    model
        Transform model: ``rigid``, or ``affine`` after a rigid registration.
    levels
        Number of resolution levels, each twice as coarse as the next.
    bins
        Number of bins of the joint histogram along each axis.
    samples
        Number of random sample points of the fixed image.
    iterations
        Largest number of steps at a level.
    seed
        Seed of the random points, 0 or more.
    threads
        Number of threads; 0 for the default of ITK. Results of the same seed are exactly equal, on
        one CPU, with one thread only: several add up gradients in the order in which they finish.
    """

    model: Literal["rigid", "affine"] = "rigid"
    levels: int = 3
    bins: int = 32
    samples: int = 20_000
    iterations: int = 200
    seed: int = 0
    threads: int = 1

    def __post_init__(self) -> None:
        """Refuse values that ITK cannot use or takes to mean something else."""
        check_ranges(
            self,
            levels=(1, 8),
            bins=(5, 1024),
            samples=(100, 1e9),
            iterations=(1, 1e6),
            seed=(0, MAX_SEED),
            threads=(0, 1024),
        )

    def register(self, pair: Pair) -> Estimate:
        """Return the initial transform after the correction found, with the log of the search."""
        centered = normalize_scale(pair)
        search = _Search(self, centered)
        spacings = levels_mm(pair.fixed.grid, pair.moving.grid, self.levels)
        try:
            motion = self._search(search, spacings)
        except LostSearchError:
            return _initial(pair, {"levels": search.log})
        total = centered.pair.start @ transform_from_sitk(motion)
        return _or_initial(pair, centered.to_original(total), {"levels": search.log})

    def _search(self, search: _Search, spacings: tuple[float, ...]) -> sitk.Transform:
        motion: sitk.Transform = sitk.Euler3DTransform()
        affine_spacings = spacings[-AFFINE_LEVELS:] if self.model == "affine" else ()
        search.rounds = len(spacings) + len(affine_spacings)
        for spacing in spacings:
            search.improve(motion, spacing)
        if affine_spacings:
            motion = _as_affine(motion)
        for spacing in affine_spacings:
            search.improve(motion, spacing)
        return motion


class LostSearchError(RegistrationError):
    """A search that has left the moving image."""


class _Search:
    """One registration: the normalized images, and the log of the levels."""

    def __init__(self, settings: MutualInformation, centered: CenteredPair) -> None:
        self._settings = settings
        self._unit_mm = centered.unit_mm
        self._pair = pair = centered.pair
        self._fixed = normalize_for_similarity(pair.fixed, pair.fixed_mask)
        self._moving = normalize_for_similarity(pair.moving, pair.moving_mask)
        self._fraction_in_mask = (
            len(sample_points(pair.fixed, pair.fixed_mask, PROBE).points) / PROBE
        )
        self.log: list[dict[str, Any]] = []
        self.rounds = settings.levels

    def _tell(self, iteration: int) -> None:
        """Announce how far the search is; steps of all levels, of as many points, take as long."""
        number = len(self.log)
        done = (number + iteration / self._settings.iterations) / self.rounds
        tell_progress(f"level {number + 1} of {self.rounds}", done)

    def improve(self, motion: sitk.Transform, spacing_mm: float) -> None:
        """Optimize a motion in place, at one resolution."""
        spacing = spacing_mm / self._unit_mm
        fixed, moving = at_level(self._fixed, spacing), at_level(self._moving, spacing)
        method = self._method(motion, fixed.GetNumberOfPixels(), spacing)
        method.SetInitialTransform(motion, inPlace=True)
        try:
            method.AddCommand(
                sitk.sitkIterationEvent, lambda: self._tell(method.GetOptimizerIteration())
            )
            with stopping_on_interrupt(method):
                method.Execute(fixed, moving)
        except RuntimeError as error:
            began = bool(self.log) or method.GetOptimizerIteration() > 0
            is_lost = began and OUTSIDE in str(error)
            raise (LostSearchError if is_lost else RegistrationError)(_in_words(error)) from error
        finally:
            method.RemoveAllCommands()  # they refer to the method, and it to them
        self.log.append(
            {
                "spacing_mm": spacing_mm,
                "transform": motion.GetName(),
                "mutual_information": -method.GetMetricValue(),
                "iterations": method.GetOptimizerIteration(),
                "stop": _reason_to_stop(method),
            }
        )

    def _method(
        self, motion: sitk.Transform, voxels: int, spacing: float
    ) -> sitk.ImageRegistrationMethod:
        settings = self._settings
        method = sitk.ImageRegistrationMethod()
        if settings.threads:
            method.SetNumberOfThreads(settings.threads)
            # The order of the sums of the gradient depends on the work units, not on the threads.
            method.SetNumberOfWorkUnits(settings.threads)
        method.SetMetricAsMattesMutualInformation(settings.bins)
        method.SetMetricSamplingStrategy(method.RANDOM)
        fraction = settings.samples / max(voxels * self._fraction_in_mask, 1)
        # SimpleITK takes a seed of zero for "use the clock".
        method.SetMetricSamplingPercentage(min(fraction, 1.0), settings.seed + 1)
        method.SetInterpolator(sitk.sitkLinear)
        method.SetMovingInitialTransform(transform_to_sitk(self._pair.start))
        self._set_masks(method)
        method.SetOptimizerAsRegularStepGradientDescent(
            learningRate=spacing * FIRST_STEP,
            minStep=spacing * LAST_STEP,
            numberOfIterations=settings.iterations,
            relaxationFactor=RELAXATION,
            gradientMagnitudeTolerance=1e-8,
        )
        # ITK fixes the length of a step before it scales rotations against translations: in mm,
        # the first step would rotate by half a turn where the centres agree already.
        method.SetOptimizerScales([1.0] * motion.GetNumberOfParameters())
        return method

    def _set_masks(self, method: sitk.ImageRegistrationMethod) -> None:
        if self._pair.fixed_mask is not None:
            method.SetMetricFixedMask(_mask(self._pair.fixed_mask))
        if self._pair.moving_mask is not None:
            method.SetMetricMovingMask(_mask(self._pair.moving_mask))


def _or_initial(pair: Pair, found: Transform, diagnostics: dict[str, Any]) -> Estimate:
    """Return the transform found, or the initial one where the images are more similar."""
    sample = sample_points_in_mask(pair.fixed, pair.fixed_mask, PROBE)
    start, end = (
        overlap_weighted_nmi(sample, pair.moving, transform, pair.moving_mask)
        for transform in (pair.start, found)
    )
    if end >= MIN_SIMILARITY_RATIO * start:
        return Estimate(found, diagnostics=diagnostics)
    return _initial(pair, diagnostics)


def _initial(pair: Pair, diagnostics: dict[str, Any]) -> Estimate:
    """Return the initial transform, with the warning that the search did not find a better one."""
    warning = (
        "the result was less similar than the initial transform, which is returned; if that is "
        "not good enough, mask what only one image shows, or try another method"
    )
    return Estimate(pair.start, diagnostics={**diagnostics, "warnings": [warning]})


def _mask(mask: LabelMap) -> sitk.Image:
    return volume_to_sitk(mask.with_array((mask.array != 0).astype(np.uint8)))


def _as_affine(rigid: sitk.Euler3DTransform) -> sitk.AffineTransform:
    affine = sitk.AffineTransform(3)
    affine.SetCenter(rigid.GetCenter())
    affine.SetMatrix(rigid.GetMatrix())
    affine.SetTranslation(rigid.GetTranslation())
    return affine


def _reason_to_stop(method: sitk.ImageRegistrationMethod) -> str:
    return str(method.GetOptimizerStopConditionDescription()).partition(": ")[2]


def _in_words(error: RuntimeError) -> str:
    if OUTSIDE in str(error):
        return (
            "too little of the fixed image maps inside the moving one; "
            "start closer to the solution, or check the masks"
        )
    if "spacing" in str(error):  # of the joint histogram, whose bins have no width
        return "one of the images is constant where they overlap (in the masks)"
    return "the optimizer failed: " + str(error).strip().splitlines()[-1].split("): ")[-1]
