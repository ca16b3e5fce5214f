"""The picture of a reorientation: slices in the three standard views, and the polar map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from regkit.geometry.grid import FloatArray
from regkit.geometry.volume import Volume
from regkit.registration.verdict import Verdict
from regkit.report.annotation import (
    LINE,
    PAPER,
    Heading,
    draw_column_titles,
    draw_heading,
    mark_scale,
    mark_sides,
)
from regkit.report.fusion import CONTOUR_ON_WARM, DisplayRange, Values, pixels
from regkit.report.slice_planes import Plane
from regkit_ventricle.polar_picture import draw_polar_map
from regkit_ventricle.record import summary_sentences
from regkit_ventricle.reorientation import Reorientation
from regkit_ventricle.views import HORIZONTAL, SHORT_AXIS, VERTICAL, SliceView

TILE, GAP, EDGE, ACROSS, POLAR = 172, 5, 24, 6, 640
# Margin around the ventricle in the slices, mm, and opacity of the outline of the labels.
MARGIN_MM, OUTLINE = 14.0, 0.75
KEY: Final = "polar map, percent of its maximum (17 segments, AHA)"
ROWS: Final = ((SHORT_AXIS, 2), (HORIZONTAL, 1), (VERTICAL, 1))


def ventricle_picture(reoriented: Reorientation, verdict: Verdict, title: str) -> Image.Image:
    """Draw a reorientation.

    Short axes from apex to base, horizontal and vertical long axes, all at one scale and with the
    outline of the labels, beside the polar map with the mean uptake of every segment.

    Parameters
    ----------
    reoriented
        Reorientation to draw.
    verdict
        Verdict on it.
    title
        Heading, for instance the name of the method.
    """
    renderer = _SliceRenderer.of(reoriented)
    slices = _stacked([renderer.band(view, rows) for view, rows in ROWS])
    width = slices.width + POLAR + 3 * EDGE
    heading = draw_heading(_heading(reoriented, verdict, title), width, EDGE)
    polar = _stacked(
        [draw_column_titles((KEY,), POLAR, 0, 0), draw_polar_map(reoriented.polar, POLAR)]
    )
    height = heading.height + max(slices.height, polar.height) + EDGE
    canvas = Image.new("RGB", (width, height), PAPER)
    canvas.paste(heading, (0, 0))
    canvas.paste(slices, (EDGE, heading.height))
    canvas.paste(polar, (slices.width + 2 * EDGE, heading.height))
    return canvas


def _heading(reoriented: Reorientation, verdict: Verdict, title: str) -> Heading:
    return Heading(
        title=title,
        badge=verdict.status,
        sentences=(*summary_sentences(reoriented), *verdict.reasons),
    )


@dataclass(frozen=True, eq=False)
class _SliceRenderer:
    """Renders slices of a ventricle at one scale.

    Parameters
    ----------
    reoriented
        Reorientation to draw.
    outline
        Mask of the myocardium as a volume.
    window
        Intensities reoriented as black and white.
    low, high
        Opposite corners of a box around the ventricle in the short-axis frame, mm.
    """

    reoriented: Reorientation
    outline: Volume
    window: DisplayRange
    low: FloatArray
    high: FloatArray

    @classmethod
    def of(cls, reoriented: Reorientation) -> _SliceRenderer:
        """Create a renderer; white is the highest uptake of the myocardium, not of the liver."""
        ventricle = reoriented.ventricle
        grid = ventricle.labels.grid
        outline = Volume(ventricle.myocardium.astype(np.float32), grid)
        points = reoriented.transform.inverse().map_points(ventricle.points)
        window = DisplayRange(0.0, reoriented.polar.maximum, warm=True)
        return cls(reoriented, outline, window, points.min(axis=0), points.max(axis=0))

    def band(self, view: SliceView, rows: int) -> Image.Image:
        """Draw the slices of one view in rows under their title."""
        width = ACROSS * TILE + (ACROSS - 1) * GAP
        band = Image.new("RGB", (width, LINE + rows * (TILE + GAP)), PAPER)
        band.paste(draw_column_titles((view.title,), width, 0, 0), (0, 0))
        planes = self._planes(view, rows * ACROSS)
        for number, plane in enumerate(planes):
            tile = self._tile(plane)
            if number == 0:
                mark_sides(tile, plane)
            if view is VERTICAL and plane is planes[-1]:
                mark_scale(tile, plane)
            row, column = divmod(number, ACROSS)
            band.paste(tile, (column * (TILE + GAP), LINE + row * (TILE + GAP)))
        return band

    def _planes(self, view: SliceView, count: int) -> list[Plane]:
        """Return equally spaced planes through the ventricle in the order of the view."""
        size = self.high - self.low
        pixel_mm = (float(size.max()) + 2 * MARGIN_MM) / TILE
        axis = view.orientation.through
        centres = np.tile((self.low + self.high) / 2, (count, 1))
        along = self.low[axis] + size[axis] * (np.arange(count) + 0.5) / count
        centres[:, axis] = along[:: view.slice_direction]
        return [
            Plane(view.orientation, (x, y, z), (TILE, TILE), pixel_mm)
            for x, y, z in centres.tolist()
        ]

    def _tile(self, plane: Plane) -> Image.Image:
        image = self.window.paint(plane.sample(self.reoriented.image, self.reoriented.transform))
        wall = np.nan_to_num(plane.sample(self.outline, self.reoriented.transform))
        opacity = OUTLINE * _border(wall)[..., None]
        return Image.fromarray(pixels(image * (1 - opacity) + CONTOUR_ON_WARM * opacity))


def _border(wall: Values) -> Values:
    """Return the opacity of a thin line along the contour at which a mask is one half."""
    smooth = gaussian_filter(wall, 1.6)
    slope = np.hypot(*np.gradient(smooth))
    distance = np.abs(smooth - 0.5) / np.maximum(slope, 1e-6)
    return np.asarray(np.clip(1.1 - distance, 0, 1) * (slope > 1e-3), np.float32)


def _stacked(parts: list[Image.Image]) -> Image.Image:
    canvas = Image.new("RGB", (parts[0].width, sum(p.height for p in parts)), PAPER)
    top = 0
    for part in parts:
        canvas.paste(part, (0, top))
        top += part.height
    return canvas
