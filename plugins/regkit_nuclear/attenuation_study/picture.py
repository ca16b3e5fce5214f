"""The picture of a study: slices, polar maps, and their differences."""

from __future__ import annotations

from typing import Final

import numpy as np
from PIL import Image

from regkit.geometry.grid import FloatArray
from regkit.geometry.transform import IDENTITY, Transform
from regkit.report.annotation import (
    LINE,
    PAPER,
    Heading,
    draw_column_titles,
    draw_heading,
    mark_scale,
    mark_sides,
)
from regkit.report.fusion import DisplayRange, overlay, pixels
from regkit.report.slice_planes import ORIENTATIONS, Plane
from regkit_nuclear.attenuation_study.comparison import ImageDifference, ReconstructedImage
from regkit_nuclear.attenuation_study.sentences import study_sentences
from regkit_nuclear.attenuation_study.study import HEADER, NAC, AttenuationStudy
from regkit_ventricle.polar_map import segment_numbers
from regkit_ventricle.polar_picture import PolarScale, draw_polar_map, draw_polar_values

# Sizes in pixels; chosen by hand.
SIDE, GAP, EDGE = 460, 14, 24
# Part of the body that slices show around the heart, mm; attenuation shown as white, 1/cm.
SHOWN_MM, WHITE_MU = 260.0, 0.25
# Least end of the scale of differences, percent, so that small ones look small; chosen by hand.
LEAST_RANGE_PCT = 10.0
# From less to more than the reference, and from no doubt to much; safe for the colour-blind.
_LESS_MORE = ((0.10, 0.30, 0.66), (0.55, 0.75, 0.92), (0.97, 0.97, 0.97), (0.98, 0.70, 0.45),
              (0.75, 0.20, 0.05))  # fmt: skip
_DOUBT = ((0.97, 0.97, 0.97), (0.80, 0.78, 0.90), (0.50, 0.45, 0.75), (0.28, 0.10, 0.50))


def _color_map(stops: tuple[tuple[float, float, float], ...]) -> np.ndarray:
    at = np.linspace(0, 1, len(stops))
    channels = [np.interp(np.linspace(0, 1, 256), at, c) for c in np.transpose(stops)]
    return np.stack(channels, axis=-1, dtype=np.float32)


LESS_MORE: Final = _color_map(_LESS_MORE)
DOUBT: Final = _color_map(_DOUBT)


def study_picture(study: AttenuationStudy, title: str) -> Image.Image:
    """Draw a study: a column for each reconstruction, with slice, polar map and difference."""
    columns = [_column(study, image) for image in study.images]
    width = len(columns) * SIDE + (len(columns) - 1) * GAP + 2 * EDGE
    verdict = study.heart.verdict
    ventricle = "; ".join((f"left ventricle: {verdict.status}", *verdict.reasons))
    sentences = (*study_sentences(study), ventricle, *study.notes)
    heading = draw_heading(Heading(title=title, sentences=sentences), width, EDGE)
    height = heading.height + max(column.height for column in columns) + EDGE
    canvas = Image.new("RGB", (width, height), PAPER)
    canvas.paste(heading, (0, 0))
    for number, column in enumerate(columns):
        canvas.paste(column, (EDGE + number * (SIDE + GAP), heading.height))
    return canvas


def difference_scale(study: AttenuationStudy) -> PolarScale:
    """Return the colors of all differences of a study, from less to more than the reference."""
    largest = max(float(np.nanmax(np.abs(d.segments_pct))) for d in study.differences)
    end = max(LEAST_RANGE_PCT, 10 * np.ceil(largest / 10))
    return PolarScale(-end, end, LESS_MORE, signed=True)


def draw_difference(
    study: AttenuationStudy, difference: ImageDifference, side: int
) -> Image.Image:
    """Draw the polar map of a difference."""
    scale = difference_scale(study)
    return draw_polar_values(difference.map_pct, difference.segments_pct, scale, side)


def draw_residual(within_pct: FloatArray, side: int) -> Image.Image:
    """Draw how far each segment may be off under the misalignment that may remain."""
    end = max(LEAST_RANGE_PCT, 10 * np.ceil(float(np.nanmax(within_pct, initial=0.0)) / 10))
    values = within_pct[segment_numbers() - 1]
    return draw_polar_values(values, within_pct, PolarScale(0.0, end, DOUBT), side)


def _column(study: AttenuationStudy, image: ReconstructedImage) -> Image.Image:
    parts = [
        _titled(image.title, draw_slice(study, image, SIDE)),
        _titled("percent of the maximum", draw_polar_map(image.polar, SIDE)),
    ]
    for difference in study.differences:
        if difference.image is image:
            words = "difference from the last column, %"
            parts.append(_titled(words, draw_difference(study, difference, SIDE)))
    if image is study.reference and study.residual is not None:
        residual = study.residual.misalignment
        words = f"± % in 95 % of motions of {residual.shift_mm:g} mm, {residual.rotation_deg:g}°"
        parts.append(_titled(words, draw_residual(study.residual.within_pct, SIDE)))
    canvas = Image.new("RGB", (SIDE, sum(part.height for part in parts)), PAPER)
    top = 0
    for part in parts:
        canvas.paste(part, (0, top))
        top += part.height
    return canvas


def draw_slice(study: AttenuationStudy, image: ReconstructedImage, side: int) -> Image.Image:
    """Draw the axial slice through the heart, with the mu-map that corrected it behind."""
    x, y, z = study.heart.centre_mm.tolist()
    plane = Plane(ORIENTATIONS[0], (x, y, z), (side, side), SHOWN_MM / side)
    uptake = DisplayRange(0.0, image.polar.maximum, warm=True)
    values = plane.sample(image.image)
    if image.name == NAC:
        drawn = uptake.paint(values)
    else:
        mu = plane.sample(study.mu, _place(study, image))
        drawn = overlay(values, mu, (uptake, DisplayRange(0.0, WHITE_MU, warm=False)))
    tile = Image.fromarray(pixels(drawn))
    mark_sides(tile, plane)
    mark_scale(tile, plane)
    return tile


def _place(study: AttenuationStudy, image: ReconstructedImage) -> Transform:
    """Return the map of SPECT to mu-map points that an image was corrected with."""
    if image.name == HEADER or study.transform is None:
        return IDENTITY
    return study.transform


def _titled(words: str, picture: Image.Image) -> Image.Image:
    canvas = Image.new("RGB", (SIDE, LINE + picture.height + GAP), PAPER)
    canvas.paste(draw_column_titles((words,), SIDE, 0, 0), (0, 0))
    canvas.paste(picture, (0, LINE))
    return canvas
