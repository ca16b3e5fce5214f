"""Draw text and marks on pictures: sides of the patient, positions, scale bars, headings."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from regkit.report.slice_planes import Plane

# Colors (those of templates/common.css) and sizes in pixels; chosen by hand.
INK, FAINT, PAPER = (24, 28, 36), (92, 100, 114), (255, 255, 255)
MARK, SHADOW = (240, 244, 250), (0, 0, 0)
BADGES = {"OK": (0, 110, 96), "CHECK": (170, 100, 0), "FAIL": (172, 24, 43)}
LINE, TITLE, BODY, SMALL = 30, 27, 20, 17
PAD = 8
# Longest title in characters.
TITLE_LENGTH = 60


@dataclass(frozen=True)
class Heading:
    """The texts above the panels of a picture.

    Parameters
    ----------
    title
        Text in large letters, such as the method.
    badge
        Status in a coloured box: ``OK``, ``CHECK``, ``FAIL`` or empty.
    subtitle
        Text beside the title, in small letters.
    sentences
        Texts below the title, one line each.
    """

    title: str = ""
    subtitle: str = ""
    badge: str = ""
    sentences: tuple[str, ...] = ()


def draw_heading(heading: Heading, width: int, edge: int) -> Image.Image:
    """Draw a heading as wide as the picture it stands above; a long subtitle goes below it."""
    line, left = _title_line(heading, width, edge)
    pen = ImageDraw.Draw(line)
    fits = left + pen.textlength(heading.subtitle, font(BODY)) <= width - edge
    if fits:
        pen.text((left, edge + LINE / 2 + 2), heading.subtitle, FAINT, font(BODY), anchor="lm")
    sentences = heading.sentences if fits else (heading.subtitle, *heading.sentences)
    letters = max(20, int((width - 2 * edge) / (0.5 * BODY)))
    lines = [text for sentence in sentences for text in textwrap.wrap(sentence, letters)]
    canvas = Image.new("RGB", (width, line.height + PAD + len(lines) * LINE + PAD), PAPER)
    canvas.paste(line, (0, 0))
    pen = ImageDraw.Draw(canvas)
    for number, text in enumerate(lines):
        at = (edge, line.height + PAD + (number + 0.5) * LINE)
        pen.text(at, text, FAINT, font(BODY), anchor="lm")
    return canvas


def _title_line(heading: Heading, width: int, edge: int) -> tuple[Image.Image, float]:
    """Draw the badge and the title; return them, and where a subtitle may begin, pixels."""
    line = Image.new("RGB", (width, edge + LINE), PAPER)
    pen, middle, left = ImageDraw.Draw(line), edge + LINE / 2, float(edge)
    if heading.badge:
        left = _badge(pen, heading.badge, edge, middle) + 2 * PAD
    title = _short(heading.title)
    pen.text((left, middle), title, INK, font(TITLE), anchor="lm")
    return line, left + pen.textlength(title, font(TITLE)) + 2 * PAD


def draw_column_titles(titles: tuple[str, ...], width: int, gap: int, edge: int) -> Image.Image:
    """Draw the titles of columns of one width."""
    total = 2 * edge + len(titles) * width + (len(titles) - 1) * gap
    canvas = Image.new("RGB", (total, LINE), PAPER)
    pen = ImageDraw.Draw(canvas)
    for number, title in enumerate(titles):
        at = (edge + number * (width + gap), LINE / 2)
        pen.text(at, title, INK, font(BODY), anchor="lm")
    return canvas


def mark_sides(image: Image.Image, plane: Plane) -> None:
    """Write the side of the patient on each edge of a panel."""
    width, height = image.size
    left, right, top, bottom = plane.orientation.letters
    draw_text(image, (PAD, height / 2), left, "lm")
    draw_text(image, (width - PAD, height / 2), right, "rm")
    if height >= 4 * SMALL:
        draw_text(image, (width / 2, PAD), top, "mt")
        draw_text(image, (width / 2, height - PAD), bottom, "mb")


def mark_position(image: Image.Image, plane: Plane) -> None:
    """Write orientation and position of a panel's plane into its corner."""
    draw_text(image, (PAD, PAD), position_text(plane), "lt")


def position_text(plane: Plane) -> str:
    """Return a plane's orientation and its position in LPS mm."""
    axis = "xyz"[plane.orientation.through]
    return f"{plane.orientation.name}  {axis} = {plane.position_mm:.1f} mm"


def mark_scale(image: Image.Image, plane: Plane) -> None:
    """Draw a scale bar of a round length, about a quarter of a panel."""
    length_mm = round_length(image.width * plane.pixel_mm / 4)
    length, x, y = length_mm / plane.pixel_mm, PAD, image.height - PAD - 4
    pen = ImageDraw.Draw(image)
    pen.rectangle((x - 1, y - 1, x + length + 1, y + 4), fill=SHADOW)
    pen.rectangle((x, y, x + length, y + 3), fill=MARK)
    draw_text(image, (x, y - 5), f"{length_mm:g} mm", "lb")


def round_length(mm: float) -> float:
    """Return the largest of 1, 2, 5, 10, 20, 50, ... that is not above a length."""
    power = 10.0 ** np.floor(np.log10(mm))
    return float(max(step * power for step in (1, 2, 5) if step * power <= mm * (1 + 1e-9)))


def draw_text(image: Image.Image, at: tuple[float, float], words: str, anchor: str) -> None:
    """Draw light letters with a dark outline, legible on any image."""
    pen = ImageDraw.Draw(image)
    pen.text(at, words, MARK, font(SMALL), anchor=anchor, stroke_width=2, stroke_fill=SHADOW)


@cache
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return Pillow's built-in font, which has Latin letters only."""
    return ImageFont.load_default(size)


def _short(words: str) -> str:
    """Return a text on one line, shortened to the longest title; names may hold anything."""
    line = " ".join(words.split())
    return line if len(line) <= TITLE_LENGTH else f"{line[: TITLE_LENGTH - 3]}..."


def _badge(pen: ImageDraw.ImageDraw, words: str, left: float, middle: float) -> float:
    """Draw a verdict in a coloured box; return its right edge in pixels."""
    length = pen.textlength(words, font(BODY))
    box = (left, middle - 17, left + length + 3 * PAD, middle + 17)
    pen.rounded_rectangle(box, radius=8, fill=BADGES.get(words, FAINT))
    centre = ((box[0] + box[2]) / 2, middle)
    pen.text(centre, words, PAPER, font(BODY), anchor="mm")
    return box[2]
