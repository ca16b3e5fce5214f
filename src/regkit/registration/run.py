"""Running a method on a pair: input checks, timing and verdict."""

from __future__ import annotations

import dataclasses
import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from regkit.errors import RegistrationError, RegkitError
from regkit.geometry.grid import FloatArray
from regkit.geometry.motion_text import transform_in_words
from regkit.geometry.resampling import resample
from regkit.geometry.transform import Transform, model_of
from regkit.geometry.volume import LabelMap, Volume
from regkit.notebook import html_of
from regkit.registrar import Estimate, Pair, Registrar
from regkit.registration.pipeline import build_method
from regkit.registration.verdict import Verdict, assess
from regkit.registry import DEFAULT_METHOD
from regkit.version import DISTRIBUTION, package_version

# Whose versions a record names.
REPORTED_PACKAGES = (DISTRIBUTION, "numpy", "SimpleITK", "torch")


# Enough to find a mask or a field of view that lies elsewhere; chosen by hand. Voxels of a mask,
# and points along each side of the fixed field of view.
MASK_POINTS = 10_000
OVERLAP_POINTS = 24


@dataclass(frozen=True, eq=False)
class RegistrationResult:
    """A method's estimate and what regkit measured about it.

    Parameters
    ----------
    method
        The expression that was run.
    parameters
        Every parameter of the method, defaults included.
    pair
        The input of the method.
    estimate
        The output of the method.
    verdict
        Judgement of the estimate, with reasons.
    compute_s
        Wall seconds spent in the method.
    """

    method: str
    parameters: Mapping[str, Any]
    pair: Pair
    estimate: Estimate
    verdict: Verdict
    compute_s: float

    @property
    def transform(self) -> Transform:
        """The map from fixed to moving points, LPS mm."""
        return self.estimate.transform

    @property
    def device(self) -> str:
        """Device of the computation, as torch names it."""
        return str(self.estimate.diagnostics.get("device", "cpu"))

    @cached_property
    def warped(self) -> Volume:
        """The moving image on the fixed grid; outside it is 0, or the darkest value of a CT."""
        moving = self.pair.moving
        outside = float(moving.array.min()) if moving.modality == "ct" else 0.0
        return resample(moving, self.pair.fixed.grid, self.transform, outside)

    def __repr__(self) -> str:
        motion = transform_in_words(self.transform, self.pair.fixed.grid)
        reasons = "".join(f"\n  - {reason}" for reason in self.verdict.reasons)
        return (
            f"<RegistrationResult of {self.method}: {self.verdict.status}\n"
            f"  {model_of(self.transform)}: {motion}, at the centre of the fixed image{reasons}>"
        )

    def _repr_html_(self) -> str:
        return html_of(self)


def run(
    registrar: Registrar,
    pair: Pair,
    name: str | None = None,
    check_inverse: bool = False,
) -> RegistrationResult:
    """Register a pair with a method and judge the result.

    Parameters
    ----------
    registrar
        The method, with its parameters.
    pair
        The images, masks and initial map.
    name
        Name of the method in the result and in errors; its class name by default.
    check_inverse
        True to register moving to fixed as well; the verdict then compares the two maps.

    Raises
    ------
    RegistrationError
        The input cannot be registered, or the method failed.
    """
    name = name or type(registrar).__name__
    check_pair(pair)
    started = time.perf_counter()
    estimate = _estimate(registrar, pair, name)
    compute_s = time.perf_counter() - started
    backward = _estimate(registrar, _swapped(pair), name).transform if check_inverse else None
    warnings = [str(w) for w in estimate.diagnostics.get("warnings", ())]
    verdict = assess(pair, estimate.transform, warnings, backward)
    return RegistrationResult(name, _plain(registrar), pair, estimate, verdict, compute_s)


def register(
    fixed: Volume,
    moving: Volume,
    method: str = DEFAULT_METHOD,
    *,
    fixed_mask: LabelMap | None = None,
    moving_mask: LabelMap | None = None,
    initial: Transform | None = None,
    check_inverse: bool = False,
    **parameters: Any,
) -> RegistrationResult:
    """Register a moving image to a fixed one.

    Parameters
    ----------
    fixed, moving
        The images.
    method
        A name, ``a+b`` or ``a,b``, as on the command line.
    fixed_mask, moving_mask, initial
        See `Pair`.
    check_inverse
        See `run`.
    **parameters
        Parameters of the method.
    """
    registrar = build_method(method, parameters)
    pair = Pair(fixed, moving, fixed_mask, moving_mask, initial)
    return run(registrar, pair, method, check_inverse)


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that matter for a result."""
    packages = {package: package_version(package) for package in REPORTED_PACKAGES}
    return {"python": platform.python_version(), **packages}


def check_pair(pair: Pair) -> None:
    """Refuse a pair that cannot be registered.

    Raises
    ------
    RegistrationError
        Images that are constant or not finite, masks that are empty or outside their image, or
        fields of view that do not overlap.
    """
    for role, volume in (("fixed", pair.fixed), ("moving", pair.moving)):
        _check_intensities(role, volume)
    _check_mask("fixed", pair.fixed, pair.fixed_mask)
    _check_mask("moving", pair.moving, pair.moving_mask)
    _check_overlap(pair)


def _check_intensities(role: str, volume: Volume) -> None:
    low, high = float(volume.array.min()), float(volume.array.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        bad = int((~np.isfinite(volume.array)).sum())
        raise RegistrationError(
            f"the {role} image has {bad} voxels that are NaN or infinite; replace them by numbers"
        )
    if low == high:
        raise RegistrationError(
            f"the {role} image is constant (every voxel is {low:g}); give an image with contrast"
        )


def _check_mask(role: str, volume: Volume, mask: LabelMap | None) -> None:
    if mask is None:
        return
    marked = np.flatnonzero(mask.array)
    if len(marked) == 0:
        raise RegistrationError(f"the {role} mask is empty: it must mark some voxels")
    step = max(1, len(marked) // MASK_POINTS)
    some = np.unravel_index(marked[::step], mask.array.shape)
    points = mask.grid.to_physical(np.stack(some, axis=-1))
    apart = _gap(points, volume)
    if apart > 0:
        raise RegistrationError(
            f"the {role} mask lies outside the {role} image, {apart:.0f} mm away from it; "
            "give a mask drawn on that image"
        )


def _check_overlap(pair: Pair) -> None:
    nz, ny, nx = pair.fixed.grid.shape_zyx
    axes = (np.linspace(-0.5, n - 0.5, OVERLAP_POINTS) for n in (nz, ny, nx))
    index = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    points = pair.start.map_points(pair.fixed.grid.to_physical(index))
    apart = _gap(points, pair.moving)
    if apart > 0:
        raise RegistrationError(
            f"the fields of view do not overlap in world coordinates: they are {apart:.0f} mm "
            "apart; start from the image centres (--init centre) or give an initial transform"
        )


def _gap(points: FloatArray, volume: Volume) -> float:
    """Return the distance in mm between a volume and the box around points (N, 3), 0 if they meet.

    The box lies along the volume's axes, so that even a small volume between the points is met.
    """
    index = volume.grid.to_index(points)
    above = index.min(axis=0) - np.subtract(volume.grid.shape_zyx, 0.5)
    below = -0.5 - index.max(axis=0)
    apart = np.maximum(np.maximum(above, below), 0) * volume.grid.spacing[::-1]
    return float(np.linalg.norm(apart))


def _estimate(registrar: Registrar, pair: Pair, name: str) -> Estimate:
    try:
        estimate = registrar.register(pair)
    except RegkitError as error:
        raise RegistrationError(f"{name}: {error}") from error
    except MemoryError as error:
        raise RegistrationError(f"{name} ran out of memory; use smaller images") from error
    except Exception as error:
        first = (str(error).strip().splitlines() or [""])[0]
        raise RegistrationError(f"{name} failed: {type(error).__name__}: {first}") from error
    if not isinstance(estimate, Estimate):
        raise RegistrationError(f"{name} must return an Estimate, got {type(estimate).__name__}")
    if not np.isfinite(estimate.transform.map_points(pair.fixed.grid.corners())).all():
        raise RegistrationError(f"{name} returned a transform that is not finite")
    return estimate


def _swapped(pair: Pair) -> Pair:
    initial = None if pair.initial is None else pair.initial.inverse()
    return Pair(pair.moving, pair.fixed, pair.moving_mask, pair.fixed_mask, initial)


def _plain(registrar: Registrar) -> dict[str, Any]:
    """Return the parameters of a registrar, those of its stages included, as plain data."""
    if dataclasses.is_dataclass(registrar) and not isinstance(registrar, type):
        return dataclasses.asdict(registrar)
    return {}
