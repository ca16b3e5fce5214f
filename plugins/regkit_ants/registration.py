"""Rigid and affine registration with ANTs, in memory through antspyx.

Avants et al. 2011, doi:10.1016/j.neuroimage.2010.09.025.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Literal

import numpy as np

from regkit.errors import RegistrationError
from regkit.geometry.resampling import resample
from regkit.geometry.transform import AffineTransform, Transform
from regkit.geometry.volume import LabelMap, Volume
from regkit.registrar import Estimate, Pair
from regkit.registration.parameters import check_ranges
from regkit.similarity.centering import center_pair
from regkit.similarity.intensity import normalize_for_similarity
from regkit_ants.conversion import read_affine, volume_to_ants, write_affine

# Step of the gradient descent and levels, as in the scripts of ANTs for linear registration.
STEP = 0.1
MAX_SEED = 2**31 - 2
# Shrink factor, largest number of steps, smoothing in voxels.
LEVELS = ((8, 1000, 3), (4, 500, 2), (2, 250, 1), (1, 100, 0))
# Least voxels along an axis: of an image for ANTs, and of a level (chosen by hand).
MIN_VOXELS, COARSEST_VOXELS = 4, 16
# Steps at full resolution cost as much as all others together and help only with large voxels:
# images with more voxels than this have none. Chosen by hand.
MAX_FULL_RESOLUTION_VOXELS = 500_000


@dataclass(frozen=True)
class AntsLinear:
    """Registration by Mattes mutual information with ``antsRegistration``.

    The schedule of resolutions is the one of ANTs' own scripts for linear registration.

    Parameters
    ----------
    model
        Transform model: ``rigid``, or ``affine`` after a rigid stage.
    bins
        Number of bins of the joint histogram along each axis.
    sampling_fraction
        Fraction of the fixed voxels that are compared, in a regular pattern.
    seed
        Seed of the random numbers of ANTs, 0 or more.
    """

    RENAMED_PARAMETERS: ClassVar[dict[str, str]] = {"share": "sampling_fraction"}

    model: Literal["rigid", "affine"] = "rigid"
    bins: int = 32
    sampling_fraction: float = 0.25
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse values that ANTs cannot use."""
        check_ranges(self, bins=(5, 1024), sampling_fraction=(0.001, 1), seed=(0, MAX_SEED))

    def register(self, pair: Pair) -> Estimate:
        """Return the initial transform after the correction by ANTs."""
        _refuse_thin(pair)
        centered = center_pair(pair)
        with TemporaryDirectory(prefix="regkit-ants-") as folder:
            start, prefix = Path(folder, "start.mat"), Path(folder, "found")
            write_affine(_linear(centered.pair.start), start)
            self._run(centered.pair, start, prefix)
            found = read_affine(prefix.with_name("found0GenericAffine.mat"))
        return Estimate(centered.to_original(found))

    def _run(self, pair: Pair, start: Path, prefix: Path) -> None:
        import ants  # noqa: PLC0415 - takes seconds
        from ants.internal import get_pointer_string  # noqa: PLC0415

        # Double precision: single precision is not repeatable with several threads.
        fixed, moving = (
            volume_to_ants(image).clone("double")
            for image in (
                normalize_for_similarity(pair.fixed, pair.fixed_mask),
                normalize_for_similarity(pair.moving, pair.moving_mask),
            )
        )
        masks = [_mask(pair.fixed, pair.fixed_mask), _mask(pair.moving, pair.moving_mask)]
        pointers = [get_pointer_string(image) for image in (fixed, moving)]
        names = ["NA" if mask is None else get_pointer_string(mask) for mask in masks]
        metric = f"MI[{pointers[0]},{pointers[1]},1,{self.bins},Regular,{self.sampling_fraction}]"
        schedule = _schedule(pair.fixed.grid.shape_zyx)
        arguments = ["--dimensionality", "3", "--float", "0", "--random-seed", str(self.seed + 1)]
        arguments += ["--initial-moving-transform", str(start), "--output", str(prefix)]
        for stage in ("Rigid", "Affine") if self.model == "affine" else ("Rigid",):
            arguments += ["--transform", f"{stage}[{STEP}]", "--metric", metric]
            arguments += [*schedule, "--masks", f"[{names[0]},{names[1]}]"]
        try:
            ants.registration(arguments, None)
        except RuntimeError as error:
            raise RegistrationError(
                "ANTs stopped without a result; does enough of the fixed image (in the masks) "
                "map inside the moving one?"
            ) from error


def _schedule(shape_zyx: tuple[int, int, int]) -> list[str]:
    """Return the options for the resolution levels of an image of this size."""
    levels = [v for v in LEVELS if max(shape_zyx) >= COARSEST_VOXELS * v[0]] or [LEVELS[-1]]
    if np.prod(shape_zyx) > MAX_FULL_RESOLUTION_VOXELS:
        levels[-1] = (1, 0, 0)
    factors, steps, sigmas = ("x".join(map(str, column)) for column in zip(*levels, strict=True))
    return [
        *("--convergence", f"[{steps},1e-6,10]"),
        *("--shrink-factors", factors),
        *("--smoothing-sigmas", f"{sigmas}vox"),
    ]


def _linear(start: Transform) -> AffineTransform:
    if isinstance(start, AffineTransform):
        return start
    raise RegistrationError(
        "linear registration with ANTs starts from rigid and affine maps only, got a "
        f"{type(start).__name__}; give a linear initial transform"
    )


def _refuse_thin(pair: Pair) -> None:
    for role, volume in (("fixed", pair.fixed), ("moving", pair.moving)):
        if min(volume.grid.shape_zyx) < MIN_VOXELS:
            raise RegistrationError(
                f"the {role} image has {volume.grid.shape_zyx} voxels (z, y, x); "
                f"ANTs needs at least {MIN_VOXELS} along every axis"
            )


def _mask(volume: Volume, mask: LabelMap | None) -> Any:
    """Return a mask on the grid of its image."""
    if mask is None:
        return None
    marked = mask.with_array((mask.array != 0).astype(np.uint8))
    return volume_to_ants(resample(marked, volume.grid)).clone("unsigned char")
