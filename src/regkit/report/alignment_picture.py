"""Draw PREFIX_heart.png: the heart on the transmission image, before and after correction."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PIL import Image

from regkit.alignment.check import AlignmentCheck
from regkit.geometry.grid import FloatArray
from regkit.geometry.transform import IDENTITY, Transform
from regkit.geometry.volume import Volume
from regkit.report.annotation import Heading, draw_column_titles, draw_heading
from regkit.report.fusion import DisplayRange, contours, overlay, pixels
from regkit.report.picture import EDGE, GAP, WIDTH, color_key, panel_row, stacked
from regkit.report.slice_planes import ORIENTATIONS, Plane
from regkit.similarity.point_sample import values_at

# Side of the square around the heart, mm: the chest wall and the dome of the liver are in it, by
# which the eye judges. Chosen by hand.
SIDE_MM = 220.0
# Fraction of the myocardium that is shown below full brightness; chosen by hand.
BRIGHTEST = 0.98
COLUMNS = (
    "before: emission on transmission",
    "after: emission on transmission",
    "before: heart outlined",
    "after: heart outlined",
)


def alignment_picture(check: AlignmentCheck) -> Image.Image:
    """Draw the emission over the transmission image in three planes through the heart.

    Columns: overlays before and after the correction; outlines of the uptake on the transmission
    image before and after.
    """
    pair = check.result.shown
    displays = _emission_display(check, pair.fixed), DisplayRange.of(pair.moving)
    columns = draw_column_titles(COLUMNS, WIDTH, GAP, EDGE)
    heading = Heading(
        title="alignment",
        badge=check.status,
        subtitle=check.words,
        sentences=(*check.reasons, color_key(pair.fixed, pair.moving, displays)),
    )
    rows = [
        panel_row(_panels(plane, pair.fixed, pair.moving, check.transform, displays), plane)
        for plane in _heart_planes(check)
    ]
    return stacked([draw_heading(heading, columns.width, EDGE), columns, *rows])


def _panels(
    plane: Plane,
    emission: Volume,
    transmission: Volume,
    after: Transform,
    displays: tuple[DisplayRange, DisplayRange],
) -> list[Image.Image]:
    """Draw the panels of one plane, one for each column."""
    uptake = plane.sample(emission)
    shown = [plane.sample(transmission, through) for through in (IDENTITY, after)]
    drawn = [overlay(uptake, anatomy, displays) for anatomy in shown]
    drawn += [contours(anatomy, uptake, displays[::-1]) for anatomy in shown]
    return [Image.fromarray(pixels(panel)) for panel in drawn]


def _heart_planes(check: AlignmentCheck) -> list[Plane]:
    """Return three planes through the heart, all of one size."""
    centre = check.result.pair.fixed.grid.centre
    if check.myocardium is not None:
        centre = check.myocardium.centre
    size = (WIDTH, WIDTH), SIDE_MM / WIDTH
    return [Plane(orientation, centre, *size) for orientation in ORIENTATIONS]


def _emission_display(check: AlignmentCheck, emission: Volume) -> DisplayRange:
    """Return the display of the emission: as bright as the heart, which the liver may outshine."""
    display = replace(DisplayRange.of(emission), warm=True)
    if check.myocardium is None:
        return display
    values: FloatArray = values_at(emission, check.myocardium.points)
    high = float(np.nanquantile(values, BRIGHTEST))
    return replace(display, low=0.0, high=high) if high > 0 else display
