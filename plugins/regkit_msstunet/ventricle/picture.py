"""PREFIX.png of a reorientation: slices in three ways, and the polar map."""

from __future__ import annotations

from typing import Final

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from regkit.grid import FloatArray
from regkit.report.lettering import (
    LINE,
    PAPER,
    Heading,
    mark_scale,
    mark_sides,
    write_columns,
    write_heading,
)
from regkit.report.panels import CONTOUR_ON_WARM, RGB, Look, Values, pixels
from regkit.report.planes import Plane
from regkit.volume import Volume
from regkit_msstunet.ventricle.polar_picture import draw_polar_map
from regkit_msstunet.ventricle.reorientation import Reorientation
from regkit_msstunet.ventricle.views import HORIZONTAL, SHORT_AXIS, VERTICAL, View

TILE, GAP, EDGE, ACROSS, POLAR = 172, 5, 24, 6, 640
# Around the ventricle, mm; and how strong the labels' outline is drawn.
MARGIN_MM, OUTLINE = 14.0, 0.75
ROWS: Final = ((SHORT_AXIS, 2), (HORIZONTAL, 1), (VERTICAL, 1))


def picture(shown: Reorientation, title: str) -> Image.Image:
    """Draw a reorientation.

    Short axes from apex to base, horizontal and vertical long axes, all to one scale with the
    outline of the labels, beside the polar map with the mean of every segment.

    Parameters
    ----------
    shown
        What to draw.
    title
        What to write in large letters; the method, say.
    """
    look = _look(shown)
    outline = Volume(shown.ventricle.myocardium.astype(np.float32), shown.ventricle.labels.grid)
    box = _box(shown)
    field = float((box[1] - box[0]).max()) + 2 * MARGIN_MM
    bands = [_band(shown, outline, look, view, count * ACROSS, box, field) for view, count in ROWS]
    slices = _stacked(bands)
    width = slices.width + POLAR + 3 * EDGE
    heading = write_heading(_heading(shown, title), width, EDGE)
    polar = _stacked([write_columns((_key(),), POLAR, 0, 0), draw_polar_map(shown.polar, POLAR)])
    height = heading.height + max(slices.height, polar.height) + EDGE
    canvas = Image.new("RGB", (width, height), PAPER)
    canvas.paste(heading, (0, 0))
    canvas.paste(slices, (EDGE, heading.height))
    canvas.paste(polar, (slices.width + 2 * EDGE, heading.height))
    return canvas


def _heading(shown: Reorientation, title: str) -> Heading:
    ventricle, polar = shown.ventricle, shown.polar
    volumes = (
        f"myocardium {ventricle.myocardium_ml:.0f} ml, cavity {ventricle.cavity_ml:.0f} ml, "
        f"long axis {shown.axis.length_mm:.0f} mm"
    )
    arteries = ", ".join(
        f"{name} {polar.territory_percent(name):.0f} %" for name in ("LAD", "LCX", "RCA")
    )
    return Heading(
        title=title,
        subtitle=f"{volumes}; mean uptake {arteries}",
        badge=shown.verdict.status,
        sentences=shown.verdict.reasons,
    )


def _key() -> str:
    return "polar map, percent of its maximum (17 segments, AHA)"


def _look(shown: Reorientation) -> Look:
    """Choose what is black and white: bright is the brightest myocardium, whatever the liver is."""
    return Look(0.0, shown.polar.maximum, warm=True)


def _box(shown: Reorientation) -> tuple[FloatArray, FloatArray]:
    """Return opposite corners of a box around the ventricle in the short-axis frame, mm."""
    grid = shown.ventricle.labels.grid
    points = grid.to_physical(np.argwhere(shown.ventricle.whole))
    mapped = shown.transform.inverse().map_points(points)
    return mapped.min(axis=0), mapped.max(axis=0)


def _band(
    shown: Reorientation,
    outline: Volume,
    look: Look,
    view: View,
    count: int,
    box: tuple[FloatArray, FloatArray],
    field_mm: float,
) -> Image.Image:
    """Draw the slices of one view under their title, `ACROSS` in a row."""
    tiles = []
    for number, centre in enumerate(_centres(view, count, box)):
        x, y, z = centre.tolist()
        plane = Plane(view.orientation, (x, y, z), (TILE, TILE), field_mm / TILE)
        tile = _tile(shown, outline, look, plane)
        if number == 0:
            mark_sides(tile, plane)
        if number == count - 1 and view is VERTICAL:
            mark_scale(tile, plane)
        tiles.append(tile)
    width = ACROSS * TILE + (ACROSS - 1) * GAP
    rows = -(-count // ACROSS)
    band = Image.new("RGB", (width, LINE + rows * (TILE + GAP)), PAPER)
    band.paste(write_columns((view.title,), width, 0, 0), (0, 0))
    for number, tile in enumerate(tiles):
        row, column = divmod(number, ACROSS)
        band.paste(tile, (column * (TILE + GAP), LINE + row * (TILE + GAP)))
    return band


def _centres(view: View, count: int, box: tuple[FloatArray, FloatArray]) -> FloatArray:
    """Return the middles of the slices in the order of the view, shape (count, 3)."""
    low, high = box
    centres = np.tile((low + high) / 2, (count, 1))
    axis = view.orientation.through
    along = low[axis] + (high - low)[axis] * (np.arange(count) + 0.5) / count
    centres[:, axis] = along[:: view.deeper]
    return centres


def _tile(shown: Reorientation, outline: Volume, look: Look, plane: Plane) -> Image.Image:
    image = look.paint(plane.look(shown.image, shown.transform))
    wall = np.nan_to_num(plane.look(outline, shown.transform))
    share = OUTLINE * _border(wall)[..., None]
    return Image.fromarray(pixels(_mixed(image, share)))


def _mixed(image: RGB, share: Values) -> RGB:
    return np.asarray(image * (1 - share) + CONTOUR_ON_WARM * share, np.float32)


def _border(wall: Values) -> Values:
    """Return the coverage of the line at which a mask's share of a pixel is one half."""
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
