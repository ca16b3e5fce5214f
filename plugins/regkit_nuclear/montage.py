"""A picture of a simulated case: both scans, the true alignment and the left ventricle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from regkit.datasets.case import Case
from regkit.geometry.grid import FloatArray, Vector3
from regkit.geometry.transform import IDENTITY, Transform
from regkit.geometry.volume import LabelMap, Volume
from regkit.report.annotation import PAPER, draw_column_titles, draw_text, mark_scale
from regkit.report.fusion import RGB, DisplayRange, Values, overlay, pixels
from regkit.report.slice_planes import ORIENTATIONS, Orientation, Plane
from regkit_nuclear.phantoms.thorax.pose import HeartPose

# Layout in pixels, cells per row, and field of view around the left ventricle in mm; by eye.
PANEL, GAP, EDGE, ACROSS = 230, 6, 20, 2
LV_FIELD_MM = 150.0
# Intensities shown as black and white; uptake is shown black on white, as in print.
WINDOWS = {"mu": (0.0, 0.21), "ct": (-400.0, 400.0), "pet": (0.0, 6.0)}
LABEL_OPACITY = 0.55

# Views of the left ventricle in its short-axis frame, x to lateral, y to inferior, z to the base.
SHORT_AXIS = Orientation("short axis", (0, 1), (1, 1), ("sept", "lat", "ant", "inf"))
HORIZONTAL = Orientation("horizontal long axis", (0, 1), (2, 1), ("sept", "lat", "apex", "base"))
VERTICAL = Orientation("vertical long axis", (2, -1), (1, 1), ("base", "apex", "ant", "inf"))


@dataclass(frozen=True, eq=False)
class Row:
    """Panels side by side and their title."""

    title: str
    panels: tuple[Image.Image, ...]


def montage(case: Case) -> Image.Image:
    """Draw a case of one of the simulated cohorts.

    The planes are axial, coronal and sagittal, with the patient's right on the left, through the
    heart or the middle of the labels. If the pose of the left ventricle is known, its short axis
    and both long axes follow.
    """
    rows = [row for row in _rows(case) if row.panels]
    width = 3 * PANEL + 2 * GAP
    cells = [_cell(row, width) for row in rows]
    bands = [cells[i : i + ACROSS] for i in range(0, len(cells), ACROSS)]
    heights = [max(cell.height for cell in band) for band in bands]
    size = (ACROSS * width + (ACROSS + 1) * EDGE, sum(heights) + EDGE * (len(bands) + 1))
    canvas = Image.new("RGB", size, PAPER)
    top = EDGE
    for band, height in zip(bands, heights, strict=True):
        for column, cell in enumerate(band):
            canvas.paste(cell, (EDGE + column * (width + EDGE), top))
        top += height + EDGE
    write_name(canvas, case)
    return canvas


def write_name(canvas: Image.Image, case: Case) -> None:
    """Write the case's id into the corner of the first panel."""
    draw_text(canvas, (EDGE + PANEL - 6, EDGE + 36), case.id, "rt")


def _rows(case: Case) -> Iterator[Row]:
    fixed, moving = case.pair.fixed, case.pair.moving
    truth = case.truth or IDENTITY
    focus = _focus(case)
    planes = _planes(fixed, focus)
    moving_focus = _point(truth.map_points(focus))
    yield _scan(
        f"moving {_kind(moving)}, before registration", moving, _planes(moving, moving_focus)
    )
    yield _scan(f"fixed {_kind(fixed)}", fixed, planes, _myocardium(case))
    corrected = case.extra.get("ac")
    if isinstance(corrected, Volume):
        yield _scan("attenuation corrected", corrected, planes, _myocardium(case))
        yield _ventricle("left ventricle, attenuation corrected", case, corrected)
    else:
        yield _ventricle("left ventricle", case, fixed if _pose_is_in_fixed(case) else moving)
    yield _overlays("both, before registration", fixed, moving, planes, IDENTITY)
    yield _overlays("both, aligned by the true transform", fixed, moving, planes, truth)
    for role, volume, labels, at in (
        ("fixed", fixed, case.fixed_labels, planes),
        ("moving", moving, case.moving_labels, _planes(moving, moving_focus)),
    ):
        if labels is not None:
            yield _labelled(f"labels of the {role} image", volume, labels, at)


def _kind(volume: Volume) -> str:
    return {"mu": "mu-map"}.get(volume.modality, volume.modality.upper())


def _focus(case: Case) -> Vector3:
    """Return the point of the fixed image to show: the heart, or the middle of the labels."""
    pose = case.extra.get("reorientation")
    if pose is not None and _pose_is_in_fixed(case):
        return HeartPose(*pose).centre_mm
    labels = case.fixed_labels
    if labels is None or not labels.array.any():
        return case.pair.fixed.grid.centre
    inside = np.argwhere(labels.array > 0)
    return _point(labels.grid.to_physical((inside.min(axis=0) + inside.max(axis=0)) / 2))


def _pose_is_in_fixed(case: Case) -> bool:
    """Return whether the pose of the ventricle is that in the fixed image (SPECT with CT)."""
    return case.pair.moving.modality in {"mu", "ct"}


def _myocardium(case: Case) -> NDArray[np.bool_] | None:
    """Return the mask of the myocardium, to which the brightness of a SPECT is scaled."""
    label, labels = case.extra.get("myocardium_label"), case.fixed_labels
    if label is None or labels is None or case.pair.fixed.modality != "spect":
        return None
    inside = np.asarray(labels.array == label)
    return inside if inside.any() else None


def _planes(volume: Volume, focus: Vector3) -> tuple[Plane, ...]:
    """Return three planes through a point, each as large as the whole image."""
    corners = volume.grid.corners()
    low, high = corners.min(axis=0), corners.max(axis=0)
    pixel_mm = float((high - low)[:2].max() / PANEL)
    planes = []
    for orientation in ORIENTATIONS:
        centre = (low + high) / 2
        axis = orientation.through
        centre[axis] = np.clip(focus[axis], low[axis], high[axis])
        height = round(float((high - low)[orientation.down[0]]) / pixel_mm)
        planes.append(Plane(orientation, _point(centre), (height, PANEL), pixel_mm))
    return tuple(planes)


def _scan(
    title: str,
    volume: Volume,
    planes: Sequence[Plane],
    scaled_to: NDArray[np.bool_] | None = None,
) -> Row:
    """Show an image; black is the 95th percentile of the region `scaled_to`, if there is one."""
    low, high = _window(volume)
    if scaled_to is not None and scaled_to.shape == volume.array.shape:
        high = float(np.quantile(volume.array[scaled_to], 0.95))
    panels = [
        _marked(_grey(plane.sample(volume), low, high, _inverted(volume)), plane)
        for plane in planes
    ]
    return Row(title, tuple(panels))


def _overlays(
    title: str, fixed: Volume, moving: Volume, planes: Sequence[Plane], through: Transform
) -> Row:
    looks = DisplayRange.of(fixed), DisplayRange.of(moving)
    panels = [
        _image(overlay(plane.sample(fixed), plane.sample(moving, through), looks))
        for plane in planes
    ]
    return Row(title, tuple(panels))


def _ventricle(title: str, case: Case, volume: Volume) -> Row:
    """Show the ventricle in its short axis and long axes, through its centre."""
    if "reorientation" not in case.extra:
        return Row(title, ())
    to_lps = HeartPose(*case.extra["reorientation"]).to_lps
    origin, pixel_mm = (0.0, 0.0, 0.0), LV_FIELD_MM / PANEL
    planes = [
        Plane(orientation, origin, (PANEL, PANEL), pixel_mm)
        for orientation in (SHORT_AXIS, HORIZONTAL, VERTICAL)
    ]
    slices = [np.nan_to_num(plane.sample(volume, to_lps)) for plane in planes]
    # Scaled to the middle of the short axis, so that liver and gut have no influence.
    middle = slices[0][PANEL // 4 : -PANEL // 4, PANEL // 4 : -PANEL // 4]
    look = DisplayRange(0.0, max(float(np.quantile(middle, 0.995)), 1e-6), warm=True)
    panels = tuple(
        _marked(_image(look.paint(values)), plane)
        for values, plane in zip(slices, planes, strict=True)
    )
    return Row(title, panels)


def _labelled(title: str, volume: Volume, labels: LabelMap, planes: Sequence[Plane]) -> Row:
    low, high = _window(volume)
    panels = []
    for plane in planes:
        below = np.asarray(_grey(plane.sample(volume), low, high, False), np.float32) / 255
        index = np.rint(labels.grid.to_index(_points(plane))).astype(int)
        inside = ((index >= 0) & (index < labels.array.shape)).all(axis=-1)
        index = np.clip(index, 0, np.subtract(labels.array.shape, 1))
        numbers = np.where(inside, labels.array[tuple(np.moveaxis(index, -1, 0))], 0)
        opacity = LABEL_OPACITY * (numbers > 0)[..., None]
        panels.append(_image(below * (1 - opacity) + _colours(numbers) * opacity))
    return Row(title, tuple(panels))


def _points(plane: Plane) -> FloatArray:
    rows, columns = np.indices(plane.shape)
    return plane.grid.to_physical(np.stack([np.zeros_like(rows), rows, columns], axis=-1))


def _colours(labels: NDArray[np.integer]) -> RGB:
    """Return the colour of every label; successive labels have very different hues."""
    hue = 2 * np.pi * ((labels * 0.618034) % 1.0)[..., None]
    light = np.where(labels % 2 == 0, 0.45, 0.55)[..., None]
    return np.asarray(light + 0.45 * np.cos(hue - np.array([0.0, 2.094, 4.189])), np.float32)


def _window(volume: Volume) -> tuple[float, float]:
    if volume.modality in WINDOWS:
        return WINDOWS[volume.modality]
    shown = volume.array[volume.array > 0]
    return 0.0, float(np.quantile(shown, 0.997)) if shown.size else 1.0


def _inverted(volume: Volume) -> bool:
    return volume.modality in {"spect", "pet"}


def _grey(values: Values, low: float, high: float, inverted: bool) -> Image.Image:
    """Return a grey image; voxels outside the field of view are bluish grey."""
    scaled = np.clip((np.nan_to_num(values, nan=low) - low) / (high - low), 0, 1)[..., None]
    colour = 1 - scaled if inverted else scaled
    unknown = np.isnan(values)[..., None]
    return _image(np.where(unknown, np.array([0.36, 0.40, 0.46]), colour * np.ones(3)))


def _image(rgb: NDArray[np.floating]) -> Image.Image:
    return Image.fromarray(pixels(np.asarray(rgb, np.float32)))


def _marked(panel: Image.Image, plane: Plane) -> Image.Image:
    mark_scale(panel, plane)
    return panel


def _cell(row: Row, width: int) -> Image.Image:
    title = draw_column_titles((row.title,), width, 0, 0)
    cell = Image.new("RGB", (width, title.height + max(p.height for p in row.panels)), PAPER)
    cell.paste(title, (0, 0))
    for column, panel in enumerate(row.panels):
        cell.paste(panel, (column * (PANEL + GAP), title.height))
    return cell


def _point(values: FloatArray) -> Vector3:
    x, y, z = np.asarray(values).tolist()
    return x, y, z
