"""Draw PREFIX.png: a registration before and after, in three planes."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image

from regkit.arguments import checked
from regkit.geometry.motion_text import transform_in_words
from regkit.geometry.transform import IDENTITY, Transform
from regkit.geometry.volume import Volume
from regkit.registrar import Pair
from regkit.registration.error_text import error_in_words
from regkit.registration.run import RegistrationResult
from regkit.report.annotation import (
    PAPER,
    Heading,
    draw_column_titles,
    draw_heading,
    mark_position,
    mark_scale,
    mark_sides,
)
from regkit.report.fusion import DisplayRange, checkerboard, contours, overlay, pixels
from regkit.report.png import encode_png
from regkit.report.slice_planes import Plane, orthogonal_planes

# Pixels: four panels and their gaps are about 1700 wide, for print at 20 cm; chosen by hand.
WIDTH, TALLEST = 404, 480
GAP, EDGE = 8, 24
DOTS_PER_INCH = 200.0
# Side of a tile of the checkerboard in pixels; chosen by hand.
TILE = 50
COLUMNS = ("before", "after", "after: checkerboard", "after: contours of moving on fixed")


@checked
def picture(result: RegistrationResult) -> Image.Image:
    """Draw a registration with its verdict; see `comparison_picture`."""
    pair, verdict = result.shown, result.verdict
    motion = transform_in_words(result.transform, pair.fixed.grid)
    heading = Heading(
        title=result.method,
        badge=verdict.status,
        subtitle=f"fixed to moving: {motion}",
        sentences=(*_expected(result), *verdict.reasons),
    )
    return comparison_picture(
        pair.fixed, pair.moving, unregistered(pair), result.transform, heading
    )


def _expected(result: RegistrationResult) -> tuple[str, ...]:
    """Return a line with the expected error, if it was estimated."""
    error = result.verdict.error
    if error is None:
        return ()
    return (f"expected error {error_in_words(error.expected_mm, error.interval_mm)}",)


def write_picture(image: Image.Image, to: str | os.PathLike[str] | IO[bytes]) -> None:
    """Write a picture to a file as PNG for print at about 20 cm; fast rather than smallest."""
    content = encode_png(np.asarray(image.convert("RGB")), DOTS_PER_INCH)
    if isinstance(to, str | os.PathLike):
        Path(to).write_bytes(content)
    else:
        to.write(content)


def comparison_picture(
    fixed: Volume,
    moving: Volume,
    before: Transform,
    after: Transform,
    heading: Heading | None = None,
) -> Image.Image:
    """Draw two images under two transforms, in axial, coronal and sagittal planes.

    The planes go through the middle of the part of the fixed body that both images show after
    registration, in patient axes, whatever the grids, all to one scale and in radiological
    convention (the patient's right at the left). Columns: before and after as colour overlays,
    after as a checkerboard and as contours.

    Parameters
    ----------
    fixed, moving
        The images.
    before, after
        Transforms from fixed to moving points, LPS mm.
    heading
        Texts above the panels.
    """
    displays = DisplayRange.of(fixed), DisplayRange.of(moving)
    columns = draw_column_titles(COLUMNS, WIDTH, GAP, EDGE)
    heading = heading or Heading()
    heading = replace(heading, sentences=(*heading.sentences, color_key(fixed, moving, displays)))
    rows = [
        panel_row(_panels(plane, fixed, moving, (before, after), displays), plane)
        for plane in orthogonal_planes(fixed, WIDTH, TALLEST, moving, after)
    ]
    return stacked([draw_heading(heading, columns.width, EDGE), columns, *rows])


def _panels(
    plane: Plane,
    fixed: Volume,
    moving: Volume,
    maps: tuple[Transform, Transform],
    displays: tuple[DisplayRange, DisplayRange],
) -> list[Image.Image]:
    """Draw the panels of one plane, one for each column."""
    fixed_values = plane.sample(fixed)
    before, after = (plane.sample(moving, through) for through in maps)
    drawn = (
        overlay(fixed_values, before, displays),
        overlay(fixed_values, after, displays),
        checkerboard(fixed_values, after, displays, TILE),
        contours(fixed_values, after, displays),
    )
    return [Image.fromarray(pixels(panel)) for panel in drawn]


def panel_row(
    panels: list[Image.Image], plane: Plane, in_patient_axes: bool = True
) -> Image.Image:
    """Put panels of one size side by side, marked; sides of the patient only in his axes."""
    mark_scale(panels[0], plane)
    if in_patient_axes:
        mark_position(panels[0], plane)
    column = panels[0].width + GAP
    row = Image.new("RGB", (2 * EDGE + len(panels) * column - GAP, panels[0].height + GAP), PAPER)
    for number, panel in enumerate(panels):
        if in_patient_axes:
            mark_sides(panel, plane)
        row.paste(panel, (EDGE + number * column, 0))
    return row


def stacked(parts: list[Image.Image]) -> Image.Image:
    """Put parts of one width below each other, with an edge below the last."""
    canvas = Image.new("RGB", (parts[0].width, sum(p.height for p in parts) + EDGE - GAP), PAPER)
    top = 0
    for part in parts:
        canvas.paste(part, (0, top))
        top += part.height
    return canvas


def unregistered(pair: Pair) -> Transform:
    """Return the transform of a pair before registration.

    The identity, as in the headers, unless the images do not overlap there; then the initial
    transform.
    """
    last = np.subtract(pair.fixed.grid.shape_zyx, 1)
    points = pair.fixed.grid.to_physical(np.indices((9, 9, 9)).reshape(3, -1).T / 8 * last)
    return IDENTITY if pair.moving.grid.contains(points).any() else pair.start


def color_key(fixed: Volume, moving: Volume, displays: tuple[DisplayRange, DisplayRange]) -> str:
    """Return the colours of the two images in the overlays, in words."""
    colours = ["warm colours" if display.warm else "grey" for display in displays]
    if displays[0].warm == displays[1].warm:
        colours = ["green", "magenta"]
    names = [
        f"{role} ({volume.modality.upper()})" if volume.modality else role
        for role, volume in (("fixed", fixed), ("moving", moving))
    ]
    return f"overlays: {names[0]} in {colours[0]}, {names[1]} in {colours[1]}"
