"""Polar maps as pictures: segments with their percentages, walls, and the color bar."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy.ndimage import map_coordinates

from regkit.geometry.grid import FloatArray
from regkit.report.annotation import BODY, FAINT, INK, PAPER, SMALL, font
from regkit.report.fusion import WARM_COLOR_MAP
from regkit_ventricle.polar_map import DIRECTIONS, PolarMap
from regkit_ventricle.segments import APEX, AROUND, FIRST

# Drawn larger by this factor and averaged, for smooth edges.
SUPERSAMPLING: Final = 3
MARGIN, BAR = 34, 58
# Width of a scale up to which values have a decimal, percent; chosen by hand.
FINE_PCT: Final = 10.0
LINES, MISSING = (250, 250, 252), (0.62, 0.65, 0.70)
# Angle and name of each wall around the map.
WALLS: Final = ((90, "anterior"), (180, "septal"), (270, "inferior"), (0, "lateral"))


@dataclass(frozen=True, eq=False)
class PolarScale:
    """Colors of the values of a polar map.

    Parameters
    ----------
    low, high
        Values of the first and the last color, percent.
    colors
        Red, green and blue from 0 to 1, shape (256, 3).
    signed
        Whether positive values are written with their sign.
    """

    low: float
    high: float
    colors: NDArray[np.float32]
    signed: bool = False

    def paint(self, values: FloatArray) -> FloatArray:
        """Return the colors of values, shape (..., 3); those of NaN are grey."""
        scaled = (np.nan_to_num(values) - self.low) / (self.high - self.low)
        index = np.rint(scaled * 255).clip(0, 255).astype(int)
        missing = np.isnan(values)[..., None]
        return np.where(missing, MISSING, self.colors[index]).astype(np.float64)

    def text(self, value: float) -> str:
        """Return a value as a whole number, on a fine scale with a decimal; ``-`` for NaN."""
        if np.isnan(value):
            return "-"
        if self.high - self.low <= FINE_PCT:
            return f"{value:+.1f}" if self.signed else f"{value:.1f}"
        whole = round(value) + 0
        return f"{whole:+d}" if self.signed and whole else f"{whole:d}"

    @property
    def ticks(self) -> dict[float, str]:
        """Five values from low to high, each with its text."""
        sign = "+" if self.signed else ""
        texts = {v: f"{v:{sign if v else ''}g}" for v in np.linspace(self.low, self.high, 5)}
        return {float(value): text for value, text in texts.items()}


UPTAKE: Final = PolarScale(0.0, 100.0, WARM_COLOR_MAP)


def draw_polar_map(polar: PolarMap, side: int) -> Image.Image:
    """Draw a polar map as seen from the apex, which is in the middle.

    Parameters
    ----------
    polar
        Polar map.
    side
        Width of the picture in pixels; the colour bar adds to its height.
    """
    means = np.array([value.mean_percent for value in polar.segments])
    return draw_polar_values(polar.percent, means, UPTAKE, side)


def draw_polar_values(
    values: FloatArray, of_segments: FloatArray, scale: PolarScale, side: int
) -> Image.Image:
    """Draw values by level and direction, as seen from the apex.

    Parameters
    ----------
    values
        Values in percent, shape as those of a `PolarMap`; NaN where there is none.
    of_segments
        Values written into the 17 segments, percent.
    scale
        Colors of the values.
    side
        Width of the picture in pixels; the color bar adds to its height.
    """
    disc = side - 2 * MARGIN
    picture = Image.new("RGB", (side, side + BAR), PAPER)
    picture.paste(_disc(values, scale, disc), (MARGIN, MARGIN))
    _write_walls(picture, side)
    _write_segments(picture, of_segments, scale, side)
    _draw_bar(picture, scale, side)
    return picture


def _disc(values: FloatArray, scale: PolarScale, side: int) -> Image.Image:
    """Paint the map and the borders of its segments."""
    big = side * SUPERSAMPLING
    away = (np.arange(big) + 0.5) / big * 2 - 1
    right, down = np.meshgrid(away, away)
    radius, angle = np.hypot(right, down), np.rad2deg(np.arctan2(-down, right)) % 360
    rgb = scale.paint(_sampled(values, radius, angle))
    rgb[_borders(radius, angle, 2.2 / side)] = np.divide(LINES, 255)
    rgb[radius > 1] = np.divide(PAPER, 255)
    image = Image.fromarray((np.clip(rgb, 0, 1) * 255 + 0.5).astype(np.uint8))
    return image.resize((side, side), Image.Resampling.BOX)


def _sampled(percent: FloatArray, radius: FloatArray, angle: FloatArray) -> FloatArray:
    """Interpolate a map at radii 0 to 1 and angles in degrees; NaN where it has no value."""
    # Around, the first direction follows the last.
    around = np.concatenate([percent[:, -1:], percent, percent[:, :1]], axis=1)
    position = [
        np.clip(radius * len(percent) - 0.5, 0, len(percent) - 1),
        angle / 360 * DIRECTIONS - 0.5 + 1,
    ]
    known = np.isfinite(around)
    fraction = map_coordinates(known.astype(np.float64), position, order=1)
    total = map_coordinates(np.where(known, around, 0.0), position, order=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(fraction > 0.5, total / fraction, np.nan))


def _borders(radius: FloatArray, angle: FloatArray, half_width: float) -> NDArray[np.bool_]:
    """Return the mask of the borders of the segments; `half_width` in radii of the map."""
    levels = len(AROUND)
    ring = np.abs(radius * levels - np.rint(radius * levels)) / levels < half_width
    borders = ring & (radius > 0.5 / levels)
    for level in range(APEX + 1, levels):
        width = 360 / AROUND[level]
        off = (angle - 90 + width / 2 + width / 2) % width - width / 2
        spoke = np.abs(np.sin(np.deg2rad(off))) * radius < half_width
        borders |= spoke & (radius * levels >= level) & (radius * levels < level + 1)
    return np.asarray(borders)


def _write_walls(picture: Image.Image, side: int) -> None:
    pen, middle, away = ImageDraw.Draw(picture), side / 2, side / 2 - MARGIN / 2
    for angle, name in WALLS:
        x = middle + away * np.cos(np.deg2rad(angle))
        y = middle - away * np.sin(np.deg2rad(angle))
        if angle % 180 == 90:
            pen.text((x, y), name, INK, font(BODY), anchor="mm")
            continue
        # Names beside the map are rotated, because there is no room for them otherwise.
        size = tuple(int(c) for c in pen.textbbox((0, 0), name, font(BODY))[2:])
        word = Image.new("RGB", (size[0] + 2, size[1] + 6), PAPER)
        ImageDraw.Draw(word).text((1, 0), name, INK, font(BODY))
        turned = word.rotate(90, expand=True)
        picture.paste(turned, (round(x - turned.width / 2), round(y - turned.height / 2)))


def _write_segments(
    picture: Image.Image, values: FloatArray, scale: PolarScale, side: int
) -> None:
    """Write the value of every segment into it."""
    pen, middle, radius = ImageDraw.Draw(picture), side / 2, side / 2 - MARGIN
    for level, (count, first) in enumerate(zip(AROUND, FIRST, strict=True)):
        for number in range(count):
            distance = 0.0 if level == APEX else (level + 0.5) / len(AROUND)
            angle = np.deg2rad(90 + 360 / count * number)
            at = (
                middle + distance * radius * np.cos(angle),
                middle - distance * radius * np.sin(angle),
            )
            text = scale.text(float(values[first + number - 1]))
            pen.text(at, text, (255, 255, 255), font(BODY), "mm", stroke_width=2, stroke_fill=INK)


def _draw_bar(picture: Image.Image, scale: PolarScale, side: int) -> None:
    """Draw the color bar."""
    left, top, width, height = side // 6, side + 6, side * 2 // 3, 14
    ramp = np.linspace(scale.low, scale.high, width)
    bar = np.repeat(scale.paint(ramp[None]), height, axis=0)
    picture.paste(Image.fromarray((bar * 255).astype(np.uint8)), (left, top))
    pen = ImageDraw.Draw(picture)
    for percent, text in scale.ticks.items():
        words = text + (" %" if percent == scale.high else "")
        x = left + (percent - scale.low) / (scale.high - scale.low) * width
        pen.text((x, top + height + 14), words, FAINT, font(SMALL), anchor="mm")
