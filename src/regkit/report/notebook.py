"""Views of images, transforms and results in a notebook: HTML with the picture inside it.

All texts are escaped, since names and reasons may come from files. Nothing is fetched from
elsewhere, and a view stays below 300 kB however large the image is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image

from regkit.geometry.grid import Grid
from regkit.geometry.motion_text import transform_in_words
from regkit.geometry.transform import Transform, model_of
from regkit.geometry.volume import LabelMap, Volume
from regkit.registration.error_text import error_in_words
from regkit.registration.run import RegistrationResult
from regkit.registration.verdict import Verdict
from regkit.report.annotation import BADGES, mark_scale, mark_sides, position_text
from regkit.report.data_url import small_png_data_url
from regkit.report.fusion import DisplayRange, overlay, pixels
from regkit.report.picture import color_key, unregistered
from regkit.report.slice_planes import Plane, orthogonal_planes
from regkit.report.transform_text import explain_transform
from regkit.similarity.point_sample import values_at

# Pixels of one plane: three of them fit beside each other in the text column of a notebook.
WIDTH, TALLEST, GAP = 260, 320, 6
# Of the PNG; base64 makes it 267 kB.
LARGEST_BYTES = 200_000
# Labels named in the legend; chosen by hand.
LISTED_LABELS = 12
# Okabe and Ito's palette, safe for colour-blind readers (https://jfly.uni-koeln.de/color/),
# without black; a label's colour is that of its number modulo 7.
LABEL_COLORS = np.array(
    [
        (204, 121, 167),
        (230, 159, 0),
        (86, 180, 233),
        (0, 158, 115),
        (240, 228, 66),
        (0, 114, 178),
        (213, 94, 0),
    ],
    np.uint8,
)


def volume_html(volume: Volume) -> str:
    """Return an image's view: its facts, and three orthogonal planes through the body."""
    display = DisplayRange.of(volume)
    low, high = float(volume.array.min()), float(volume.array.max())
    drawn = volume if np.isfinite([low, high]).all() else _finite(volume)
    planes = orthogonal_planes(drawn, WIDTH, TALLEST)
    panels = [Image.fromarray(pixels(display.paint(plane.sample(drawn)))) for plane in planes]
    kind = f"{volume.modality.upper()} image" if volume.modality else "image"
    facts = f"{_grid_text(volume.grid)}; intensities {low:.4g} to {high:.4g}"
    return _view("Volume", f"{kind}, {facts}", _figure([panels], planes, kind))


def labels_html(labels: LabelMap) -> str:
    """Return a segmentation's view: its grid, three planes through it, and their labels."""
    planes = orthogonal_planes(labels, WIDTH, TALLEST)
    values = [values_at(labels, p.points).astype(np.int64).reshape(p.shape) for p in planes]
    panels = [Image.fromarray(_label_pixels(v)) for v in values]
    present = np.unique(np.concatenate([v.ravel() for v in values]))
    legend = _legend([int(label) for label in present if label != 0])
    figure = _figure([panels], planes, "segmentation") + legend
    return _view("LabelMap", f"segmentation, {_grid_text(labels.grid)}", figure)


def transform_html(transform: Transform) -> str:
    """Return a transform's view: the text of ``regkit transform show``."""
    words = Markup('<pre style="line-height:1.3">{}</pre>').format(
        explain_transform(transform).plain
    )
    return _view(type(transform).__name__, f"{model_of(transform)}, fixed to moving points", words)


def result_html(result: RegistrationResult) -> str:
    """Return a registration's view: verdict, motion in words, overlays before and after."""
    pair, verdict = result.shown, result.verdict
    display = DisplayRange.of(pair.fixed), DisplayRange.of(pair.moving)
    planes = orthogonal_planes(pair.fixed, WIDTH, TALLEST, pair.moving, result.transform)
    rows = [
        [
            Image.fromarray(
                pixels(overlay(p.sample(pair.fixed), p.sample(pair.moving, through), display))
            )
            for p in planes
        ]
        for through in (unregistered(pair), result.transform)
    ]
    motion = transform_in_words(result.transform, pair.fixed.grid)
    reasons = Markup("").join(Markup("<li>{}</li>").format(r) for r in verdict.reasons)
    caption = f"first row before, second row after; {color_key(pair.fixed, pair.moving, display)}"
    body = (
        _badge(verdict.status)
        + _expected_errors(verdict)
        + (Markup("<ul>{}</ul>").format(reasons) if reasons else Markup(""))
        + _figure(rows, planes, "overlays before and after registration")
        + _small(caption)
    )
    facts = f"fixed to moving: {motion} ({model_of(result.transform)}), {result.compute_s:.2f} s"
    return _view(result.method, facts, body)


def _expected_errors(verdict: Verdict) -> Markup:
    """Return the expected error, and that at points in a table."""
    if verdict.error is None:
        return Markup("")
    error = error_in_words(verdict.error.expected_mm, verdict.error.interval_mm)
    rows = Markup("").join(
        Markup("<tr><td>{}</td><td>{}</td><td>{}</td></tr>").format(
            point.name, error_in_words(point.expected_mm, point.interval_mm), point.remark
        )
        for point in verdict.points
    )
    told = Markup("<div>expected error {}</div>").format(error)
    return told + (Markup("<table>{}</table>").format(rows) if rows else Markup(""))


def _view(title: str, facts: str, body: Markup) -> str:
    return str(
        Markup('<div style="font-family:sans-serif"><div><b>{}</b>: {}</div>{}</div>').format(
            title, facts, body
        )
    )


def _badge(status: str) -> Markup:
    color = "rgb({}, {}, {})".format(*BADGES.get(status, (92, 100, 114)))
    return Markup(
        '<div style="margin:.3em 0"><span style="background:{};color:#fff;padding:.1em .6em;'
        'border-radius:.4em">{}</span></div>'
    ).format(color, status)


def _legend(labels: Sequence[int]) -> Markup:
    colors = [LABEL_COLORS[label % len(LABEL_COLORS)] for label in labels[:LISTED_LABELS]]
    items = Markup(" ").join(
        Markup('<span style="color:rgb({}, {}, {})">&#9632;</span> {}').format(*color, label)
        for color, label in zip(colors, labels, strict=False)
    )
    more = " ..." if len(labels) > LISTED_LABELS else ""
    shown = items + more if labels else Markup("none")
    return Markup("<div>labels in these planes: {}</div>").format(shown)


def _figure(rows: Sequence[Sequence[Image.Image]], planes: Sequence[Plane], alt: str) -> Markup:
    """Put panels side by side, a row below the other, marked; return them as HTML."""
    tallest = max(panel.height for panel in rows[0])
    width = len(planes) * WIDTH + (len(planes) - 1) * GAP
    canvas = Image.new("RGB", (width, len(rows) * (tallest + GAP) - GAP))
    for line, panels in enumerate(rows):
        for column, (panel, plane) in enumerate(zip(panels, planes, strict=True)):
            mark_sides(panel, plane)
            mark_scale(panel, plane)
            top = line * (tallest + GAP) + (tallest - panel.height) // 2
            canvas.paste(panel, (column * (WIDTH + GAP), top))
    url = small_png_data_url(canvas, LARGEST_BYTES)
    positions = "; ".join(position_text(plane) for plane in planes)
    return Markup('<img alt="{}" src="{}" style="max-width:100%">').format(alt, url) + _small(
        f"{positions} (LPS)"
    )


def _small(words: str) -> Markup:
    return Markup('<div style="opacity:.7;font-size:90%">{}</div>').format(words)


def _finite(volume: Volume) -> Volume:
    return volume.with_array(np.nan_to_num(volume.array, posinf=0.0, neginf=0.0))


def _label_pixels(labels: NDArray[np.int64]) -> NDArray[np.uint8]:
    colors = LABEL_COLORS[labels % len(LABEL_COLORS)]
    return np.where(labels[..., None] == 0, np.uint8(0), colors)


def _grid_text(grid: Grid) -> str:
    shape = " x ".join(map(str, grid.shape_zyx))
    spacing = " x ".join(f"{step:.4g}" for step in grid.spacing)
    return f"{shape} voxels (z, y, x) of {spacing} mm (x, y, z)"
