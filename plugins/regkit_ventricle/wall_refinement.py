"""Refinement of the wall of a segmented ventricle by the image; our own method."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from regkit.errors import RegistrationError
from regkit.geometry.volume import LabelMap
from regkit.registrar import Estimate, Judgement, Pair

if TYPE_CHECKING:
    from regkit_ventricle.surfaces import Surfaces
    from regkit_ventricle.wall_fit import Walls

# Labels are kept if the fit determines the thickness no better than this (networks err by
# 0.6 mm), mm, or if the R^2 of the model of the image is lower than this; chosen by hand.
MAX_THICKNESS_SD_MM, MIN_R_SQUARED = 0.4, 0.8
# Relative change of the myocardial volume above which the result is doubted; chosen by hand: the
# volumes of ms-st-unet err by 0.08 (benchmarks/ventricles.py).
MAX_VOLUME_CHANGE = 0.2
NO_LABELS = (
    "lv-walls needs labels and got none: run it after a method that segments, such as "
    "ms-st-unet+lv-walls"
)


@dataclass(frozen=True)
class WallRefinement:
    """Fits the wall of the ventricle in the labels of the method before it to the image.

    Networks tend to segment walls of a usual thickness. This method estimates the thickness
    together with the blur of the image; see `regkit_ventricle.wall_fit`. Epicardium and
    endocardium are each moved by one distance; the pose stays. The labels are kept as they were
    if the image does not determine the thickness within 0.4 mm, if a surface would move by almost
    2 mm, or if the wall would get a hole; in SPECT this is the rule. The result is only as good
    as the model: uptake that differs between the inner and the outer part of the wall, or high
    uptake all around it, makes the wall seem thinner or thicker than it is. Without labels the
    initial transform is returned.
    """

    def register(self, pair: Pair) -> Estimate:
        """Return the initial transform: without labels there is no wall."""
        return Estimate(pair.start, diagnostics={"warnings": [NO_LABELS]})

    def judge(self, pair: Pair, estimate: Estimate) -> Judgement | None:
        """Judge an estimate by the ventricle in its labels; see `regkit_ventricle.judge`."""
        from regkit_ventricle.judge import judge_short_axis  # noqa: PLC0415 - loads scipy

        return judge_short_axis(pair, estimate)

    def refine(self, pair: Pair, found: Estimate) -> Estimate:
        """Return the transform unchanged and the labels refined, or unchanged too."""
        if found.labels is None:
            return self.register(pair)
        try:
            surfaces, walls = _fitted(pair, found)
        except RegistrationError as error:
            return _with(found, {"accepted": False, "reason": str(error)})
        fit = asdict(walls)
        determined = (
            walls.thickness_sd_mm <= MAX_THICKNESS_SD_MM and walls.r_squared >= MIN_R_SQUARED
        )
        if walls.at_bound or not determined:
            return _with(found, {"accepted": False, **fit})
        before = surfaces.moved(0.0, 0.0)
        labels = surfaces.moved(walls.epicardium_mm, walls.endocardium_mm)
        if surfaces.leak_voxels(labels) > surfaces.leak_voxels(before):
            return _with(found, {"accepted": False, "reason": "the wall would get a hole", **fit})
        found = _with(
            Estimate(found.transform, labels, found.diagnostics), {"accepted": True, **fit}
        )
        return _with_volume_warning(found, _volume(labels) / _volume(before) - 1)


def _fitted(pair: Pair, found: Estimate) -> tuple[Surfaces, Walls]:
    from regkit_ventricle.axis import long_axis  # noqa: PLC0415 - loads scipy
    from regkit_ventricle.frame import frame_along_axis  # noqa: PLC0415
    from regkit_ventricle.judge import STRAY_CHECK  # noqa: PLC0415
    from regkit_ventricle.labels import ventricle_of  # noqa: PLC0415
    from regkit_ventricle.surfaces import surfaces_of  # noqa: PLC0415
    from regkit_ventricle.wall_fit import SURROUNDINGS_MM, fit_walls  # noqa: PLC0415

    assert found.labels is not None  # noqa: S101 - checked by the caller
    ventricle = ventricle_of(found.labels)
    if ventricle.stray_fraction > STRAY_CHECK:  # left as it is, so that the verdict sees it
        raise RegistrationError(
            f"{ventricle.stray_fraction:.0%} of the labelled voxels are not connected to the "
            "ventricle"
        )
    axis = long_axis(ventricle)
    surfaces = surfaces_of(ventricle, axis, SURROUNDINGS_MM)
    frame = frame_along_axis(axis, found.transform)
    return surfaces, fit_walls(pair.moving, surfaces, frame, pair.moving_mask)


def _volume(labels: LabelMap) -> float:
    from regkit_ventricle.labels import MYOCARDIUM  # noqa: PLC0415

    return float((labels.array == MYOCARDIUM).sum())


def _with_volume_warning(found: Estimate, change: float) -> Estimate:
    """Add a warning if the volume of the myocardium changed more than networks usually err."""
    if abs(change) <= MAX_VOLUME_CHANGE:
        return found
    warning = f"lv-walls changed the volume of the myocardium by {change:+.0%}: check its contours"
    warnings = [*found.diagnostics.get("warnings", ()), warning]
    diagnostics = {**found.diagnostics, "warnings": warnings}
    return Estimate(found.transform, found.labels, diagnostics)


def _with(found: Estimate, diagnostics: dict[str, object]) -> Estimate:
    return Estimate(found.transform, found.labels, {**found.diagnostics, "lv-walls": diagnostics})
