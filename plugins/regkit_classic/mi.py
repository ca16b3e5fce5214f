"""Mattes mutual information, coarse to fine, with SimpleITK.

Mattes et al. 2003, doi:10.1109/TMI.2003.809072.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import SimpleITK as sitk

from regkit.centring import centred
from regkit.errors import RegistrationError
from regkit.intensity import prepare
from regkit.parameters import check_ranges
from regkit.registrar import Estimate, Pair
from regkit.sample import draw
from regkit.sitk_bridge import transform_from_sitk, transform_to_sitk, volume_to_sitk
from regkit.volume import LabelMap
from regkit_classic.interruption import stopping_on_interrupt
from regkit_classic.pyramid import at_level, levels_mm

# Steps shrink slowly: a random sample makes the measure rough, and a quicker descent stalls on it.
RELAXATION = 0.75
LAST_STEP = 1e-3
AFFINE_LEVELS = 2
LARGEST_SEED = 2**31 - 2
PROBE = 20_000


@dataclass(frozen=True)
class MutualInformation:
    """Maximises mutual information over rigid or affine maps.

    What lies outside the moving image (or a mask) is unknown and does not count. The map turns
    about the centre of the fixed body and begins at the initial map.

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
        Number of threads; 0 leaves it to the library.
    """

    model: Literal["rigid", "affine"] = "rigid"
    levels: int = 3
    bins: int = 32
    samples: int = 20_000
    iterations: int = 200
    seed: int = 0
    threads: int = 0

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
        near = centred(pair)
        search = _Search(self, near.pair)
        spacings = levels_mm(pair.fixed.grid, pair.moving.grid, self.levels)
        motion: sitk.Transform = sitk.Euler3DTransform()
        for spacing in spacings:
            search.improve(motion, spacing)
        if self.model == "affine":
            motion = _as_affine(motion)
            for spacing in spacings[-AFFINE_LEVELS:]:
                search.improve(motion, spacing)
        total = near.pair.start @ transform_from_sitk(motion)
        return Estimate(near.undo(total), diagnostics={"levels": search.log})


class _Search:
    """One registration: the prepared images, and what happened on each level."""

    def __init__(self, settings: MutualInformation, pair: Pair) -> None:
        self._settings = settings
        self._pair = pair
        self._fixed = prepare(pair.fixed, pair.fixed_mask)
        self._moving = prepare(pair.moving, pair.moving_mask)
        self._share_in_mask = len(draw(pair.fixed, pair.fixed_mask, PROBE).points) / PROBE
        self.log: list[dict[str, Any]] = []

    def improve(self, motion: sitk.Transform, spacing_mm: float) -> None:
        """Optimise a motion in place, at one resolution."""
        fixed = at_level(self._fixed, spacing_mm)
        moving = at_level(self._moving, spacing_mm)
        method = self._method(fixed.GetNumberOfPixels(), spacing_mm)
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

    def _method(self, voxels: int, spacing_mm: float) -> sitk.ImageRegistrationMethod:
        settings = self._settings
        method = sitk.ImageRegistrationMethod()
        if settings.threads:
            method.SetNumberOfThreads(settings.threads)
        method.SetMetricAsMattesMutualInformation(settings.bins)
        method.SetMetricSamplingStrategy(method.RANDOM)
        share = settings.samples / max(voxels * self._share_in_mask, 1)
        # SimpleITK takes a seed of zero for "use the clock".
        method.SetMetricSamplingPercentage(min(share, 1.0), settings.seed + 1)
        method.SetInterpolator(sitk.sitkLinear)
        method.SetMovingInitialTransform(transform_to_sitk(self._pair.start))
        self._set_masks(method)
        method.SetOptimizerAsRegularStepGradientDescent(
            learningRate=spacing_mm,
            minStep=spacing_mm * LAST_STEP,
            numberOfIterations=settings.iterations,
            relaxationFactor=RELAXATION,
            gradientMagnitudeTolerance=1e-8,
        )
        method.SetOptimizerScalesFromPhysicalShift()
        return method

    def _set_masks(self, method: sitk.ImageRegistrationMethod) -> None:
        if self._pair.fixed_mask is not None:
            method.SetMetricFixedMask(_mask(self._pair.fixed_mask))
        if self._pair.moving_mask is not None:
            method.SetMetricMovingMask(_mask(self._pair.moving_mask))


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
