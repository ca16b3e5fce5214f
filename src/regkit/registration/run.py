"""Running a method on a pair: timing, verdict and result."""

from __future__ import annotations

import dataclasses
import os
import platform
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from regkit.arguments import checked
from regkit.errors import RegistrationError, RegkitError, error_in_one_line
from regkit.geometry.derived import derivations_kept
from regkit.geometry.motion_text import transform_in_words
from regkit.geometry.resampling import resample
from regkit.geometry.transform import Transform, model_of
from regkit.geometry.volume import Volume
from regkit.late_import import late_import
from regkit.notebook import html_of
from regkit.registrar import Estimate, Judge, Pair, Registrar, require_estimate
from regkit.registration.calibration_card import Calibration, calibrated_model
from regkit.registration.choice_text import choice_in_words, used_methods
from regkit.registration.error_text import error_in_words
from regkit.registration.input_checks import check_pair, outside_mask_remarks
from regkit.registration.judgement import judge as judged
from regkit.registration.judgement import own_judgement
from regkit.registration.known_regions import known_pair
from regkit.registration.modalities import unknown_modality_reasons, with_modalities
from regkit.registration.pipeline import build_method
from regkit.registration.point_error import NamedPoints, point_errors
from regkit.registration.verdict import Verdict
from regkit.registration.witness import Witness, declared_witnesses, search_witness
from regkit.registry import default_registry
from regkit.version import DISTRIBUTION, package_version
from regkit.working import part_of_work

if TYPE_CHECKING:
    from regkit.registration.request import Origin
    from regkit.registration.saved import Saved

UNJUDGED = Verdict("CHECK", ("not judged, as was asked for; compare the images by eye",), {})
# Whose versions a record names.
REPORTED_PACKAGES = (DISTRIBUTION, "numpy", "SimpleITK", "torch")


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
    notes
        Assumptions about the images and masks, as sentences; they are reasons of the verdict, too.
    origin
        Request that the result answers; None for one of `run`.
    """

    method: str
    parameters: Mapping[str, Any]
    pair: Pair
    estimate: Estimate
    verdict: Verdict
    compute_s: float
    notes: tuple[str, ...] = ()
    origin: Origin | None = None

    @property
    def transform(self) -> Transform:
        """The map from fixed to moving points, LPS mm."""
        return self.estimate.transform

    @property
    def device(self) -> str:
        """Device of the computation, as torch names it."""
        return str(self.estimate.diagnostics.get("device", "cpu"))

    @property
    def used(self) -> str:
        """The method that was used: of a chain ``a,b`` or ``auto`` the one that was chosen."""
        return used_methods(self.estimate.diagnostics) or self.method

    @property
    def fill_value(self) -> float:
        """Value outside the field of view of the moving image: 0, or the darkest of a CT."""
        moving = self.pair.moving
        return moving.extremes[0] if moving.modality == "ct" else 0.0

    @property
    def shown(self) -> Pair:
        """The images as pictures show them: padding is as dark as the darkest other value."""
        return known_pair(self.pair).pair

    @cached_property
    def warped(self) -> Volume:
        """The moving image on the fixed grid, and its fill value outside."""
        pair = self.pair
        return resample(pair.moving, pair.fixed.grid, self.transform, self.fill_value)

    @checked
    def save(
        self,
        prefix: str | os.PathLike[str],
        *,
        report: bool = False,
        dtype: str = "",
        warped: bool = True,
        moved: bool = False,
        dicom: bool = False,
        force: bool = False,
    ) -> Saved:
        """Write what ``regkit register`` writes: all files, or none.

        Parameters
        ----------
        prefix
            Prefix of the names of the files, or a folder (existing, or ending in a slash).
        report
            Choice of the page PREFIX.html as a further file.
        dtype
            Type of the resampled image's voxels; see `regkit.write_volume`.
        warped
            Choice of the moving image resampled onto the fixed grid.
        moved
            Choice of the moving image in its own voxels with a changed place.
        dicom
            Choice of DICOM output; both images must come from paths of DICOM.
        force
            Permission to replace files of another run.

        Returns
        -------
        Saved
            The record (PREFIX.json), and the files written.

        Raises
        ------
        OutputError
            Files of another run exist, or the folder cannot be written.
        """
        save = late_import("regkit.report.save_result:save_result")
        options = {"report": report, "dtype": dtype, "warped": warped, "moved": moved}
        saved: Saved = save(self, prefix, **options, dicom=dicom, force=force)
        return saved

    def show(self) -> None:
        """Show the picture: in a notebook below the cell, else in a window."""
        late_import("regkit.report.show:show_result")(self)

    def __repr__(self) -> str:
        motion = transform_in_words(self.transform, self.pair.fixed.grid)
        choice = choice_in_words(self.estimate.diagnostics)
        chosen = f"\n  {choice}" if choice else ""
        reasons = "".join(f"\n  - {reason}" for reason in self.verdict.reasons)
        error, wrong = self.verdict.error, ""
        if error is not None:
            words = error_in_words(error.expected_mm, error.interval_mm)
            wrong = f"\n  expected error {words}"
        return (
            f"<RegistrationResult of {self.method}: {self.verdict.status}\n  "
            f"{model_of(self.transform)}: {motion}, at the centre of the fixed image{chosen}"
            f"{wrong}{reasons}>"
        )

    def _repr_html_(self) -> str:
        return html_of(self)


@checked
def run(
    registrar: Registrar,
    pair: Pair,
    name: str | None = None,
    check_inverse: bool = False,
    *,
    witnesses: Sequence[str] = (),
    judge: bool = True,
    points: NamedPoints | None = None,
    calibration: Calibration = None,
    judged_by: Judge | None = None,
) -> RegistrationResult:
    """Register a pair with a method and judge the result.

    Parameters
    ----------
    registrar
        The method, with its parameters.
    pair
        The images, masks and initial transform.
    name
        Name of the method in the result and in errors; its class name by default.
    check_inverse
        True to register moving to fixed as well; the verdict then compares the two maps.
    witnesses
        Expressions of further methods whose results the verdict compares with; see
        `regkit.registration.evidence`.
    judge
        False to leave out the verdict, which is then CHECK.
    points
        Points of the fixed image whose expected error the verdict tells as well: landmarks,
        positions by name or labels; see `regkit.registration.point_error.point_errors`.
    calibration
        Card of ``regkit calibrate``: file, folder or model; None for the one of regkit.
    judged_by
        Judge that is asked in place of the method, which may be one.

    Raises
    ------
    RegistrationError
        Bad input, a failure of the method, or options of a verdict that is left out.
    """
    _check_judged(judge, witnesses, points, calibration)
    name, model = name or _class_name(registrar), calibrated_model(calibration)
    check_pair(pair)
    pair, started = with_modalities(pair), time.perf_counter()
    known, masks = known_pair(pair), outside_mask_remarks(pair)
    with derivations_kept(known.pair.fixed, known.pair.moving):
        estimate = _estimate(registrar, known.pair, name)
        compute_s = time.perf_counter() - started
        backward = _backward(registrar, known.pair, name) if check_inverse else None
        said: dict[str, Any] = {"notes": (*known.reasons, *masks.notes), "doubts": masks.doubts}
        verdict = UNJUDGED
        if judge:
            judging, told = judged_by or registrar, {"backward": backward, "model": model, **said}
            verdict = _judged(judging, known.pair, estimate, witnesses, points, **told)
    return RegistrationResult(
        *(name, plain_parameters(registrar), pair, estimate, verdict, compute_s),
        notes=(*said["notes"], *masks.doubts, *unknown_modality_reasons(pair)),
    )


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that matter for a result."""
    packages = {package: package_version(package) for package in REPORTED_PACKAGES}
    return {"python": platform.python_version(), **packages}


def _estimate(registrar: Registrar, pair: Pair, name: str) -> Estimate:
    with failures_named(name):
        estimate = registrar.register(pair)
    estimate = require_estimate(estimate, name)
    if not np.isfinite(estimate.transform.map_points(pair.fixed.grid.corners())).all():
        raise RegistrationError(f"{name} returned a transform that is not finite")
    return estimate


@contextmanager
def failures_named(name: str) -> Iterator[None]:
    """Raise whatever a method raises as one `RegistrationError` with its name."""
    try:
        yield
    except RegkitError as error:
        raise RegistrationError(f"{name}: {error}") from error
    except MemoryError as error:
        raise RegistrationError(f"{name} ran out of memory; use smaller images") from error
    except (Exception, SystemExit) as error:  # a method must not end the program
        raise RegistrationError(f"{name} failed: {error_in_one_line(error)}") from error


def _class_name(registrar: object) -> str:
    """Return the class of a method; refuse the class itself, which has the same functions."""
    if isinstance(registrar, type):
        raise RegistrationError(
            f"run takes an object with a function register(pair), got the class "
            f"{registrar.__name__}; make one by calling its class"
        )
    return type(registrar).__name__


def _check_judged(
    judge: bool,
    witnesses: Sequence[str],
    points: NamedPoints | None,
    calibration: Calibration,
) -> None:
    """Refuse what only a verdict uses, if there is none."""
    if judge:
        return
    if witnesses:
        raise RegistrationError(
            f"{' and '.join(witnesses)}: a witness is for the verdict, which was to be left out; "
            "give witnesses or leave out the verdict"
        )
    if points is not None:
        raise RegistrationError(
            "the expected error at points belongs to the verdict, which was to be left out; give "
            "points or leave out the verdict"
        )
    if calibration is not None:
        raise RegistrationError(
            "a calibration is for the verdict, which was to be left out; give a calibration or "
            "leave out the verdict"
        )


@part_of_work("verdict")
def _judged(
    judging: object,
    pair: Pair,
    estimate: Estimate,
    witnesses: Sequence[str],
    points: NamedPoints | None,
    **told: Any,
) -> Verdict:
    """Judge an estimate; no witness searches the pair if the method brings a judge."""
    own = own_judgement(judging, pair, estimate)
    searched = search_witness(pair) if own is None else None
    named = _named_witnesses(pair, witnesses)
    verdict = judged(pair, estimate, searched, own=own, named=named, **told)
    return _with_points(verdict, pair, estimate.transform, points)


def _with_points(
    verdict: Verdict, pair: Pair, found: Transform, points: NamedPoints | None
) -> Verdict:
    """Add the expected error at points, or why there is none."""
    if points is None:
        return verdict
    if verdict.error is None:
        why = (
            "no method that serves as a witness is usable; `regkit methods` says why"
            if "similarity" in verdict.measures
            else "the method brings its own judge, which does not estimate the error"
        )
        reason = f"the expected error at the points is not known, since {why}"
        return dataclasses.replace(verdict, reasons=(*verdict.reasons, reason))
    errors = point_errors(pair, found, verdict.error, points)
    return dataclasses.replace(verdict, points=errors)


def _named_witnesses(pair: Pair, names: Sequence[str]) -> list[Witness]:
    """Run the methods that the user names as witnesses."""
    registry = default_registry()
    named = []
    for name in names:
        if name in declared_witnesses(registry):
            continue  # it serves anyhow, with parameters of its own
        estimate = _estimate(build_method(name), pair, f"witness {name}")
        named.append(Witness(name, estimate.transform, dict(estimate.diagnostics)))
    return named


def _backward(registrar: Registrar, pair: Pair, name: str) -> Transform:
    """Return the map found when fixed and moving are exchanged."""
    return _estimate(registrar, pair.swapped(), name).transform


def plain_parameters(registrar: Registrar) -> dict[str, Any]:
    """Return the parameters of a registrar, those of its stages included, as plain data."""
    if dataclasses.is_dataclass(registrar) and not isinstance(registrar, type):
        return dataclasses.asdict(registrar)
    return {}
