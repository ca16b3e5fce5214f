"""Refining short-axis planes by the long axis of a segmentation: our own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from regkit.errors import RegistrationError
from regkit.geometry.transform import AffineTransform
from regkit.registrar import Estimate, Pair
from regkit.similarity.mutual_information import normalized_mutual_information
from regkit.similarity.point_sample import PointSample, sample_points

# From the centre of an average ventricle to beyond its wall on all sides but the apex.
REACH_MM = 55.0
# Labels tell no less than this: poses that were nearer to the truth became worse.
LEAST_DEG, LEAST_MM = 2.0, 2.0
NOTHING = (
    "lv-axis found no labels to refine by: run it after a method that segments, such as "
    "ms-st-unet+lv-axis"
)


@dataclass(frozen=True)
class LongAxisRefinement:
    """Lays short-axis planes across the long axis of labels that the method before it found.

    Origin and base direction become those of the ventricle's own axis, from apex to base; how the
    planes are turned about it stays, because a round ventricle does not tell. The result is kept
    only where the fixed image, an average ventricle, is more like the moving one than before: by
    the verdict's similarity, within 55 mm of the frame's origin, since what surrounds an average
    ventricle is empty; and only where the axis is more than 2 degrees or 2 mm off, which is how
    well labels tell it. Alone it leaves images where they are.

    Parameters
    ----------
    always
        Whether the result is kept in any case, for a fixed image that shows no ventricle.
    """

    always: bool = False

    def register(self, pair: Pair) -> Estimate:
        """Return the initial map: without labels there is no axis."""
        return Estimate(pair.start, diagnostics={"warnings": [NOTHING]})

    def refine(self, pair: Pair, found: Estimate) -> Estimate:
        """Return the map refined by the labels found, or the map as it was."""
        from regkit_ventricle.axis import long_axis  # noqa: PLC0415 - loads scipy
        from regkit_ventricle.frame import along_axis, offset_mm, tilt_deg  # noqa: PLC0415

        if found.labels is None:
            return self.register(pair)
        to_fixed = AffineTransform.shift(pair.fixed.grid.centre)
        frame = found.transform @ to_fixed
        try:
            axis = long_axis(found.labels)
        except RegistrationError as error:
            return _unchanged(found, f"lv-axis refined nothing: {error}")
        refined = along_axis(axis, frame) @ to_fixed.inverse()
        sample = _around_the_ventricle(pair)
        before, after = (
            normalized_mutual_information(sample, pair.moving, transform, pair.moving_mask)
            for transform in (found.transform, refined)
        )
        tilt, offset = tilt_deg(axis, frame), offset_mm(axis, frame)
        kept = self.always or (after > before and (tilt > LEAST_DEG or offset > LEAST_MM))
        own = {
            "kept": kept,
            "tilt_deg": tilt,
            "offset_mm": offset,
            "similarity": [before, after],
        }
        return Estimate(
            refined if kept else found.transform, found.labels, _with(found, {"lv-axis": own})
        )


def _around_the_ventricle(pair: Pair) -> PointSample:
    sample = sample_points(pair.fixed)
    near = np.linalg.norm(sample.points - pair.fixed.grid.centre, axis=1) < REACH_MM
    return PointSample(sample.points[near], sample.values[near], sample.foreground[near])


def _unchanged(found: Estimate, words: str) -> Estimate:
    warnings = [*found.diagnostics.get("warnings", ()), words]
    return Estimate(found.transform, found.labels, _with(found, {"warnings": warnings}))


def _with(found: Estimate, more: dict[str, object]) -> dict[str, object]:
    return {**found.diagnostics, **more}
