"""Alignment of short-axis planes to the long axis of a segmentation; our own method."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regkit.errors import RegistrationError
from regkit.geometry.transform import AffineTransform
from regkit.registrar import Estimate, Judgement, Pair
from regkit.similarity.mutual_information import normalized_mutual_information
from regkit.similarity.point_sample import PointSample, sample_points

# Radius around the centre of the average ventricle within which images are compared, mm: beyond
# its wall on all sides but the apex. Chosen by hand.
RADIUS_MM = 55.0
# Accuracy of the long axis of labels: when smaller corrections were applied, poses became worse.
MIN_TILT_DEG, MIN_OFFSET_MM = 2.0, 2.0
NO_LABELS = (
    "lv-axis needs labels and got none: run it after a method that segments, such as "
    "ms-st-unet+lv-axis"
)


@dataclass(frozen=True)
class LongAxisRefinement:
    """Aligns short-axis planes to the long axis of the labels of the method before it.

    The origin becomes the centre of the ventricle and z its direction from apex to base; the
    rotation about this axis is kept, because a round ventricle does not show it. The correction is
    applied only if it is larger than 2 degrees or 2 mm, the accuracy of labels, and if it raises
    the normalized mutual information of the fixed image, an average ventricle, and the moving one
    within 55 mm of the origin; the surroundings of the average ventricle are empty. Without labels
    the initial transform is returned.

    Parameters
    ----------
    always
        Whether to apply the correction in any case, for a fixed image that shows no ventricle.
    """

    always: bool = False

    def register(self, pair: Pair) -> Estimate:
        """Return the initial transform: without labels there is no long axis."""
        return Estimate(pair.start, diagnostics={"warnings": [NO_LABELS]})

    def judge(self, pair: Pair, estimate: Estimate) -> Judgement | None:
        """Judge an estimate by the ventricle in its labels; see `regkit_ventricle.judge`."""
        from regkit_ventricle.judge import judge_short_axis  # noqa: PLC0415 - loads scipy

        return judge_short_axis(pair, estimate)

    def refine(self, pair: Pair, found: Estimate) -> Estimate:
        """Return the transform aligned to the labels of `found`, or that of `found` unchanged."""
        from regkit_ventricle.axis import long_axis  # noqa: PLC0415 - loads scipy
        from regkit_ventricle.frame import frame_along_axis, offset_mm, tilt_deg  # noqa: PLC0415

        if found.labels is None:
            return self.register(pair)
        to_fixed = AffineTransform.shift(pair.fixed.grid.centre)
        frame = found.transform @ to_fixed
        try:
            axis = long_axis(found.labels)
        except RegistrationError as error:
            return _unchanged(found, f"lv-axis changed nothing: {error}")
        refined = frame_along_axis(axis, frame) @ to_fixed.inverse()
        sample = _around_the_ventricle(pair)
        before, after = (
            normalized_mutual_information(sample, pair.moving, transform, pair.moving_mask)
            for transform in (found.transform, refined)
        )
        tilt, offset = tilt_deg(axis, frame), offset_mm(axis, frame)
        accepted = self.always or (
            after > before and (tilt > MIN_TILT_DEG or offset > MIN_OFFSET_MM)
        )
        diagnostics = {
            "accepted": accepted,
            "tilt_deg": tilt,
            "offset_mm": offset,
            "similarity": [before, after],
        }
        return Estimate(
            refined if accepted else found.transform,
            found.labels,
            _with(found, {"lv-axis": diagnostics}),
        )


def _around_the_ventricle(pair: Pair) -> PointSample:
    sample = sample_points(pair.fixed)
    near = np.linalg.norm(sample.points - pair.fixed.grid.centre, axis=1) < RADIUS_MM
    return PointSample(sample.points[near], sample.values[near], sample.foreground[near])


def _unchanged(found: Estimate, warning: str) -> Estimate:
    warnings = [*found.diagnostics.get("warnings", ()), warning]
    return Estimate(found.transform, found.labels, _with(found, {"warnings": warnings}))


def _with(found: Estimate, more: dict[str, object]) -> dict[str, object]:
    return {**found.diagnostics, **more}
