"""Draw what a network looked at: both images, and its weights over them, in three planes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PIL import Image

from regkit.geometry.transform import IDENTITY, Transform
from regkit.geometry.volume import Volume
from regkit.registrar import Explanation, Pair
from regkit.registration.known_regions import known_pair
from regkit.report.annotation import (
    PAD,
    Heading,
    draw_column_titles,
    draw_heading,
    draw_text,
)
from regkit.report.fusion import DisplayRange, overlay, pixels
from regkit.report.picture import EDGE, GAP, panel_row, stacked
from regkit.report.slice_planes import Plane, orthogonal_planes

# Pixels; chosen by hand so that eight panels are about as wide as a page at 200 dots an inch.
WIDTH, TALLEST = 352, 416
# Fractions of the weights below and above which colors no longer change; chosen by hand.
LOWEST, HIGHEST = 0.01, 0.99
# Opacity of the highest weights, which must not hide the image; chosen by hand.
OPACITY = 0.55
KEY = "images in grey; weights in color, from transparent (low) to bright (high), over the image"


def explanation_picture(
    pair: Pair, explanation: Explanation, heading: Heading, in_patient_axes: bool = True
) -> Image.Image:
    """Draw a pair as the network aligned it, and each map over its image.

    The planes are those of `regkit.report.picture.comparison_picture`. Columns: the fixed image
    and its maps, then the moving image and its maps; the range of the colors is in the first row.

    Parameters
    ----------
    pair
        The images.
    explanation
        Maps of weights, and the transform that aligns the pair.
    heading
        Texts above the panels.
    in_patient_axes
        False where the fixed image is a standard frame, whose axes are not those of the patient.
    """
    shown = known_pair(pair).pair
    columns = _columns(shown, explanation)
    titles = draw_column_titles(tuple(column.title for column in columns), WIDTH, GAP, EDGE)
    planes = orthogonal_planes(shown.fixed, WIDTH, TALLEST, shown.moving, explanation.transform)
    rows = []
    for number, plane in enumerate(planes):
        panels = [column.panel(plane) for column in columns]
        if number == 0:
            for column, panel in zip(columns, panels, strict=True):
                draw_text(panel, (WIDTH - PAD, panel.height - PAD), column.range_text, "rb")
        rows.append(panel_row(panels, plane, in_patient_axes))
    heading = replace(heading, sentences=(*heading.sentences, KEY))
    return stacked([draw_heading(heading, titles.width, EDGE), titles, *rows])


class _Column:
    """An image in grey, through a map of fixed points to its own, and weights over it."""

    def __init__(self, title: str, image: Volume, through: Transform, weights: Volume | None):
        self.title, self.image, self.through, self.weights = title, image, through, weights
        self.grey = replace(DisplayRange.of(image), warm=False)
        self.colors = DisplayRange(0.0, 1.0, warm=True)
        if weights is not None:
            low, high = np.quantile(weights.array, (LOWEST, HIGHEST)).tolist()
            self.colors = DisplayRange(low, high if high > low else low + 1.0, warm=True)

    @property
    def range_text(self) -> str:
        """The weights of the first and the last color."""
        if self.weights is None:
            return ""
        return f"{self.colors.low:.2f} to {self.colors.high:.2f}"

    def panel(self, plane: Plane) -> Image.Image:
        """Draw one plane."""
        values = plane.sample(self.image, self.through)
        if self.weights is None:
            return Image.fromarray(pixels(self.grey.paint(values)))
        weights = plane.sample(self.weights)
        return Image.fromarray(pixels(overlay(values, weights, (self.grey, self.colors), OPACITY)))


def _columns(pair: Pair, explanation: Explanation) -> list[_Column]:
    columns = []
    for role, image, through in (
        ("fixed", pair.fixed, IDENTITY),
        ("moving", pair.moving, explanation.transform),
    ):
        modality = f" ({image.modality.upper()})" if image.modality else ""
        columns.append(_Column(f"{role}{modality}", image, through, None))
        columns += [
            _Column(f"{one.name}, {role}", image, through, one.volume)
            for one in explanation.maps
            if one.role == role
        ]
    return columns
