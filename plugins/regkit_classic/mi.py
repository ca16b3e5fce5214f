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
from regkit_classic.interruption import stopping_on_interrupt
from regkit_classic.pyramid import at_level, levels_mm

# Steps shrink slowly: a random sample makes the measure rough, and a quicker descent stalls on it.
RELAXATION = 0.75
FIRST_STEP, LAST_STEP = 0.5, 1e-3
AFFINE_LEVELS = 2
LARGEST_SEED = 2**31 - 2
PROBE = 20_000
# Of the information explained at the start; less is lost to a slightly different sharpness.
KEPT = 0.9


@dataclass(frozen=True)
class MutualInformation:
    """Maximises mutual information over rigid or affine maps.

    What lies outside the moving image (or a mask) is unknown and does not count. The map turns
    about the centre of the fixed body and begins at the initial map. If the images tell less about
    each other at the end than there, the search has lost its way: the initial map is returned,
    with a warning.

    Parameters
    ----------
    model
        ``rigid``, or ``affine``, which follows a rigid registration.
    levels
        Number of resolutions, each twice as coarse as the next.
    bins
        Bins of the joint histogram along each axis.
    samples
        Random points of the fixed image at which it is compared.
    iterations
        Most steps on a level.
    seed
        Of the random points, 0 or more.
    threads
        Number of threads; 0 leaves it to the library. Only with one the answer is the same to the
        last digit every time: more add up gradients in the order in which they finish.
    """

    model: Literal["rigid", "affine"] = "rigid"
    levels: int = 3
    bins: int = 32
    samples: int = 20_000
    iterations: int = 200
    seed: int = 0
    threads: int = 1

    def __post_init__(self) -> None:
        """Refuse values that ITK would stumble over, or take for something else."""
        check_ranges(
            self,
            levels=(1, 8),
            bins=(5, 1024),
            samples=(100, 1e9),
            iterations=(1, 1e6),
            seed=(0, LARGEST_SEED),
            threads=(0, 1024),
        )

    def register(self, pair: Pair) -> Estimate:
        """Return the initial map after the motion found, and how the search went."""
        near = normalize_scale(pair)
        search = _Search(self, near)
        spacings = levels_mm(pair.fixed.grid, pair.moving.grid, self.levels)
        motion: sitk.Transform = sitk.Euler3DTransform()
        for spacing in spacings:
            search.improve(motion, spacing)
        if self.model == "affine":
            motion = _as_affine(motion)
            for spacing in spacings[-AFFINE_LEVELS:]:
                search.improve(motion, spacing)
        total = near.pair.start @ transform_from_sitk(motion)
        return _unless_lost(pair, near.to_original(total), {"levels": search.log})


class _Search:
    """One registration: the prepared images, and what happened on each level."""

    def __init__(self, settings: MutualInformation, near: CenteredPair) -> None:
        self._settings = settings
        self._unit_mm = near.unit_mm
        self._pair = pair = near.pair
        self._fixed = normalize_for_similarity(pair.fixed, pair.fixed_mask)
        self._moving = normalize_for_similarity(pair.moving, pair.moving_mask)
        self._share_in_mask = len(sample_points(pair.fixed, pair.fixed_mask, PROBE).points) / PROBE
        self.log: list[dict[str, Any]] = []

    def improve(self, motion: sitk.Transform, spacing_mm: float) -> None:
        """Optimise a motion in place, at one resolution."""
        spacing = spacing_mm / self._unit_mm
        fixed, moving = at_level(self._fixed, spacing), at_level(self._moving, spacing)
        method = self._method(motion, fixed.GetNumberOfPixels(), spacing)
        method.SetInitialTransform(motion, inPlace=True)
        try:
            with stopping_on_interrupt(method):
                method.Execute(fixed, moving)
        except RuntimeError as error:
            raise RegistrationError(_in_words(error)) from error
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
            # This is what makes the metric's gradient that of one thread.
            method.SetNumberOfWorkUnits(settings.threads)
        method.SetMetricAsMattesMutualInformation(settings.bins)
        method.SetMetricSamplingStrategy(method.RANDOM)
        share = settings.samples / max(voxels * self._share_in_mask, 1)
        # SimpleITK takes a seed of zero for "use the clock".
        method.SetMetricSamplingPercentage(min(share, 1.0), settings.seed + 1)
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
        # ITK gives a step its length before it weighs turns against shifts. In millimetres, where
        # the centres already agree, the first step would turn the body by half a circle.
        method.SetOptimizerScales([1.0] * motion.GetNumberOfParameters())
        return method

    def _set_masks(self, method: sitk.ImageRegistrationMethod) -> None:
        if self._pair.fixed_mask is not None:
            method.SetMetricFixedMask(_mask(self._pair.fixed_mask))
        if self._pair.moving_mask is not None:
            method.SetMetricMovingMask(_mask(self._pair.moving_mask))


def _unless_lost(pair: Pair, found: Transform, diagnostics: dict[str, Any]) -> Estimate:
    """Return what was found, or where the search began if the images tell more there."""
    sample = sample_points_in_mask(pair.fixed, pair.fixed_mask, PROBE)
    start, end = (
        overlap_weighted_nmi(sample, pair.moving, transform, pair.moving_mask)
        for transform in (pair.start, found)
    )
    if end >= KEPT * start:
        return Estimate(found, diagnostics=diagnostics)
    warning = (
        "the search for mutual information lost its way and the initial map is returned; start "
        "closer, mask what only one image shows, or try another method"
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
    if "outside moving image buffer" in str(error):
        return (
            "too little of the fixed image maps inside the moving one; "
            "start closer to the solution, or look at the masks"
        )
    if "spacing" in str(error):  # of the joint histogram, whose bins have no width
        return "one of the images is constant where they overlap (in the masks)"
    return "the optimiser failed: " + str(error).strip().splitlines()[-1].split("): ")[-1]
