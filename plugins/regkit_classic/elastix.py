"""Rigid registration with elastix and its own default parameters, in memory through itk-elastix.

Klein et al. 2010, doi:10.1109/TMI.2009.2035616.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from regkit.errors import MissingDependencyError, RegistrationError
from regkit.geometry.resampling import resample
from regkit.geometry.transform import AffineTransform, Transform
from regkit.geometry.volume import LabelMap, Volume
from regkit.registrar import Estimate, Pair
from regkit.registration.parameters import check_ranges
from regkit.similarity.centering import center_pair
from regkit.similarity.intensity import normalize_for_similarity
from regkit.similarity.point_sample import in_field_of_view, sample_points

MAX_SEED = 2**31 - 1
# Least number of voxels along an axis for elastix.
MIN_VOXELS = 4
# Least fraction of valid samples: the default of elastix. It is multiplied by the fraction of
# points in both masks, or by the second number if that is larger (chosen by hand).
MIN_VALID_FRACTION, MIN_MASK_FRACTION = 0.25, 0.02


@dataclass(frozen=True)
class ElastixRigid:
    """Registration by Mattes mutual information with the default rigid parameters of elastix.

    Adaptive stochastic gradient descent over four smoothed resolutions, with new random points
    at every step.

    Parameters
    ----------
    resolutions
        Number of resolution levels, each twice as smooth as the next.
    samples
        Number of random points of the fixed image, drawn anew at every step.
    iterations
        Number of steps at each resolution level.
    seed
        Seed of the random points, 0 or more.
    threads
        Number of threads; 0 for the default of ITK.
    """

    resolutions: int = 4
    samples: int = 2048
    iterations: int = 256
    seed: int = 0
    threads: int = 0

    def __post_init__(self) -> None:
        """Refuse values that elastix cannot use."""
        check_ranges(
            self,
            resolutions=(1, 8),
            samples=(100, 1e9),
            iterations=(1, 1e6),
            seed=(0, MAX_SEED),
            threads=(0, 128),
        )

    def register(self, pair: Pair) -> Estimate:
        """Return the initial transform after the correction by elastix."""
        _refuse_thin(pair)
        centered = center_pair(pair)
        with warnings.catch_warnings():
            # Modules of ITK warn when they are imported, and crash where warnings are errors.
            warnings.simplefilter("ignore")
            elastix = _Elastix()
            with elastix.threads(self.threads):
                found = elastix.run(centered.pair, self._settings(centered.pair))
        return Estimate(centered.to_original(found))

    def _settings(self, pair: Pair) -> dict[str, str]:
        """Return the entries that differ from the default parameter map of elastix."""
        return {
            "NumberOfResolutions": str(self.resolutions),
            "NumberOfSpatialSamples": str(self.samples),
            "MaximumNumberOfIterations": str(self.iterations),
            "RandomSeed": str(self.seed),
            "WriteResultImage": "false",
            # By default up to 17 voxels are taken off a mask, and small ones vanish.
            "ErodeMask": "false",
            "RequiredRatioOfValidSamples": str(_min_valid_fraction(pair)),
        }


class _Elastix:
    """The parts of ITK that elastix needs, imported one by one.

    Asking the package `itk` itself for them imports all that elastix could be combined with, which
    takes ten seconds.
    """

    def __init__(self) -> None:
        try:
            import itk  # noqa: PLC0415 - takes seconds
            from itk import (  # noqa: PLC0415
                elxParameterObjectPython,
                itkAffineTransformPython,
                itkElastixRegistrationMethodPython,
            )
        except ImportError as error:
            raise MissingDependencyError(
                "the installed itk comes without elastix: pip install itk-elastix"
            ) from error
        self._itk = itk
        self._affine = itkAffineTransformPython.itkAffineTransformD3
        self._map = elxParameterObjectPython.elastixParameterObject
        self._method = itkElastixRegistrationMethodPython.itkElastixRegistrationMethodIF3IF3

    def run(self, pair: Pair, settings: dict[str, str]) -> AffineTransform:
        """Register a pair with the default rigid parameter map and some settings."""
        method = self._method.New()
        method.SetParameterObject(self._parameters(settings))
        method.SetFixedImage(self._image(normalize_for_similarity(pair.fixed, pair.fixed_mask)))
        method.SetMovingImage(self._image(normalize_for_similarity(pair.moving, pair.moving_mask)))
        if pair.fixed_mask is not None:
            method.SetFixedMask(self._mask(pair.fixed, pair.fixed_mask))
        if pair.moving_mask is not None:
            method.SetMovingMask(self._mask(pair.moving, pair.moving_mask))
        method.SetExternalInitialTransform(self._start(pair.start))
        try:
            method.UpdateLargestPossibleRegion()
        except RuntimeError as error:
            # Its reason is in its log only; nearly always it is this one.
            raise RegistrationError(
                "elastix stopped without a result; does enough of the fixed image (in the masks) "
                "map inside the moving one?"
            ) from error
        return _matrix(method.GetCombinationTransform())

    @contextmanager
    def threads(self, count: int) -> Iterator[None]:
        """Set the number of threads of ITK within a context; 0 leaves the default."""
        threader = self._itk.MultiThreaderBase
        before = threader.GetGlobalDefaultNumberOfThreads()
        threader.SetGlobalDefaultNumberOfThreads(count or before)
        try:
            yield
        finally:
            threader.SetGlobalDefaultNumberOfThreads(before)

    def _parameters(self, settings: dict[str, str]) -> Any:
        parameters = self._map.New()
        defaults = parameters.GetDefaultParameterMap("rigid")
        for key, value in settings.items():
            defaults[key] = (value,)
        parameters.AddParameterMap(defaults)
        return parameters

    def _image(self, volume: Volume, kind: type[np.generic] = np.float32) -> Any:
        image = self._itk.image_from_array(volume.array.astype(kind))
        image.SetSpacing(volume.grid.spacing)
        image.SetOrigin(volume.grid.origin)
        direction = np.reshape(volume.grid.direction, (3, 3))
        image.SetDirection(self._itk.matrix_from_array(direction))
        return image

    def _mask(self, volume: Volume, mask: LabelMap) -> Any:
        """Return a mask on the grid of its image."""
        marked = mask.with_array((mask.array != 0).astype(np.uint8))
        return self._image(resample(marked, volume.grid), np.uint8)

    def _start(self, start: Transform) -> Any:
        if not isinstance(start, AffineTransform):
            raise RegistrationError(
                "elastix starts from rigid and affine maps only, got a "
                f"{type(start).__name__}; give a linear initial transform"
            )
        transform = self._affine.New()
        transform.SetMatrix(self._itk.matrix_from_array(start.matrix[:3, :3].copy()))
        transform.SetTranslation(start.matrix[:3, 3].tolist())
        return transform


def _matrix(transform: Any) -> AffineTransform:
    """Return a linear map of ITK by the images of the origin and the unit vectors."""
    mapped = np.array([list(transform.TransformPoint(p)) for p in np.eye(4, 3, -1).tolist()])
    matrix = np.eye(4)
    matrix[:3, :3] = (mapped[1:] - mapped[0]).T
    matrix[:3, 3] = mapped[0]
    return AffineTransform(matrix)


def _min_valid_fraction(pair: Pair) -> float:
    """Return the least fraction of valid samples for elastix, relative to those in both masks."""
    if pair.moving_mask is None:
        return MIN_VALID_FRACTION
    points = sample_points(pair.fixed, pair.fixed_mask).points
    in_both = in_field_of_view(pair.moving, pair.moving_mask, pair.start.map_points(points))
    return MIN_VALID_FRACTION * max(float(in_both.mean()), MIN_MASK_FRACTION)


def _refuse_thin(pair: Pair) -> None:
    for role, volume in (("fixed", pair.fixed), ("moving", pair.moving)):
        if min(volume.grid.shape_zyx) < MIN_VOXELS:
            raise RegistrationError(
                f"the {role} image has {volume.grid.shape_zyx} voxels (z, y, x); "
                f"elastix needs at least {MIN_VOXELS} along every axis"
            )
