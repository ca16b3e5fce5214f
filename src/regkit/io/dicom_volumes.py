"""Split the slices of a DICOM series into volumes, choose one, and stack its slices."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import numpy as np

from regkit.errors import FileFormatError, RegkitError, SelectionError
from regkit.geometry.grid import FloatArray
from regkit.io.dicom_frames import DicomFrame, slice_normal
from regkit.io.dicom_multiframe import ENERGY_WINDOW, STACK
from regkit.io.selection import ImageSelection, numbered_item

Item = TypeVar("Item")

# Slices nearer than this have the same position; chosen by hand, far below any slice spacing.
SAME_POSITION_MM = 0.01
# Deviation from even spacing that is taken for rounding: headers often round to 0.1 mm, which
# is up to 0.05 mm off; the fraction of the spacing, for thick slices, was chosen by hand.
SPACING_TOLERANCE_MM = 0.06
SPACING_TOLERANCE_FRACTION = 0.05
# Difference of pixel steps, in mm, that headers' rounding explains; chosen by hand.
_SAME_AXES_MM = 1e-3
# Angle to an axis of the patient beyond which a plane is called oblique; chosen by hand.
_OBLIQUE_DEG = 20.0
_ORDER = "image"


@dataclass(frozen=True, eq=False)
class DicomVolume:
    """Frames of one volume: parallel slices of one size, one at each position.

    Parameters
    ----------
    frames
        The slices, in the order of their files.
    """

    frames: list[DicomFrame]

    def described(self, distinguishing: Sequence[str]) -> str:
        """Return a description by the labels that tell the volumes apart."""
        first = self.frames[0]
        labels = [
            f"{name} {first.labels[name]}" for name in distinguishing if name in first.labels
        ]
        count = len(self.frames)
        rows, columns = first.size
        size = f"{count} {_plane_name(first)} slice{'s' * (count > 1)} of {columns} x {rows}"
        return ", ".join([*labels, size])


def select_volume(frames: list[DicomFrame], selection: ImageSelection) -> list[DicomFrame]:
    """Return the frames of the chosen volume of a series.

    Raises
    ------
    SelectionError
        There are several and none is chosen, or not the chosen one; the message lists them.
    FileFormatError
        Slices at the same position that nothing tells apart.
    """
    if selection.window:
        frames = _of_window(frames, selection.window)
    volumes = split_volumes(frames)
    firsts = [volume.frames[0] for volume in volumes]
    names = [name for name in _label_names(firsts) if len({_label(name, f) for f in firsts}) > 1]
    described = [volume.described(names) for volume in volumes]
    options = "--frame or --window" if ENERGY_WINDOW in names else "--frame"
    return numbered_item(volumes, described, selection.frame, options).frames


def split_volumes(frames: list[DicomFrame]) -> list[DicomVolume]:
    """Return the volumes that frames make up, in the order of their first frames."""
    return [volume for plane in _by_plane(frames) for volume in _by_labels(plane)]


def stack_frames(frames: list[DicomFrame]) -> tuple[list[DicomFrame], FloatArray]:
    """Sort slices along their normal and return them with the affine from (z, y, x) to LPS mm.

    Raises
    ------
    FileFormatError
        A single slice, slices missing or at the same position.
    GeometryError
        Impossible directions.
    """
    if len(frames) < 2:
        raise FileFormatError("holds a single slice; give the folder that holds the whole series")
    ordered = sorted(frames, key=lambda frame: frame.along)
    axes, normal = frames[0].axes, slice_normal(frames[0].axes)
    step = (ordered[-1].position - ordered[0].position) / (len(ordered) - 1)
    _check_spacing(ordered, normal, step)
    affine = np.eye(4)
    affine[:3, 2], affine[:3, 1], affine[:3, 0] = axes[:, 0], axes[:, 1], step
    affine[:3, 3] = ordered[0].position
    return ordered, affine


def _of_window(frames: list[DicomFrame], window: int) -> list[DicomFrame]:
    known = sorted({_label(ENERGY_WINDOW, frame) for frame in frames} - {""})
    if str(window) not in known:
        there_are = f"has energy windows {', '.join(known)}" if known else "has no energy windows"
        raise SelectionError(f"{there_are}; there is no --window {window}")
    return [frame for frame in frames if _label(ENERGY_WINDOW, frame) == str(window)]


def _by_plane(frames: list[DicomFrame]) -> list[list[DicomFrame]]:
    """Group frames that are parallel, of one size and pixel spacing, and of one stack."""
    groups: list[list[DicomFrame]] = []
    for frame in frames:
        for group in groups:
            if _same_plane(frame, group[0]):
                group.append(frame)
                break
        else:
            groups.append([frame])
    return groups


def _same_plane(a: DicomFrame, b: DicomFrame) -> bool:
    return (
        a.size == b.size
        and a.labels.get(STACK) == b.labels.get(STACK)
        and np.allclose(a.axes, b.axes, rtol=0, atol=_SAME_AXES_MM)
    )


def _by_labels(frames: list[DicomFrame]) -> list[DicomVolume]:
    """Split parallel slices so that each volume has one at every position.

    The labels that differ between slices at one position tell the volumes apart; if they do not
    suffice, the order of the files does. Slices at uneven positions are split where a label
    makes every part even.
    """
    positions = _positions(frames)
    most = max(Counter(positions).values())
    if most == 1:
        return _by_even_label(frames)
    at_position = _grouped(range(len(frames)), lambda index: positions[index])
    labels = [
        name
        for name in _label_names(frames)
        if len({_label(name, frame) for frame in frames}) <= most
        and any(len({_label(name, frames[i]) for i in same}) > 1 for same in at_position)
    ]
    groups = _grouped(frames, lambda frame: tuple(_label(name, frame) for name in labels))
    return [volume for group in groups for volume in _by_order(group)]


def _by_even_label(frames: list[DicomFrame]) -> list[DicomVolume]:
    if len(frames) < 2 or _is_even(frames):
        return [DicomVolume(frames)]
    for name in _label_names(frames):
        groups = _grouped(frames, partial(_label, name))
        if len(groups) > 1 and all(len(group) > 1 and _is_even(group) for group in groups):
            return [DicomVolume(group) for group in groups]
    return [DicomVolume(frames)]


def _by_order(frames: list[DicomFrame]) -> list[DicomVolume]:
    """Split repeats of whole volumes by the order of the files."""
    positions = _positions(frames)
    counts = Counter(positions)
    most = max(counts.values())
    if most == 1:
        return [DicomVolume(frames)]
    if len(set(counts.values())) > 1:
        first = next(index for index, position in enumerate(positions) if counts[position] > 1)
        same = [f.name for f, p in zip(frames, positions, strict=True) if p == positions[first]]
        raise FileFormatError(
            f"two slices are at the same position: {same[0]} and {same[1]}; remove one"
        )
    volumes: list[list[DicomFrame]] = [[] for _ in range(most)]
    seen: Counter[int] = Counter()
    for frame, position in zip(frames, positions, strict=True):
        seen[position] += 1
        order = {_ORDER: f"{seen[position]} of each position"}
        volumes[seen[position] - 1].append(replace(frame, labels={**frame.labels, **order}))
    return [DicomVolume(volume) for volume in volumes]


def _positions(frames: list[DicomFrame]) -> list[int]:
    """Return the number of each frame's position along the normal."""
    along = np.array([frame.along for frame in frames])
    order = np.argsort(along, kind="stable")
    apart = np.concatenate([[0], np.cumsum(np.diff(along[order]) >= SAME_POSITION_MM)])
    numbers = np.empty(len(frames), dtype=int)
    numbers[order] = apart
    return [int(number) for number in numbers]


def _is_even(frames: list[DicomFrame]) -> bool:
    try:
        stack_frames(frames)
    except RegkitError:
        return False
    return True


def _grouped(items: Iterable[Item], key: Callable[[Item], Hashable]) -> list[list[Item]]:
    groups: defaultdict[Hashable, list[Item]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return list(groups.values())


def _label(name: str, frame: DicomFrame) -> str:
    return frame.labels.get(name, "")


def _label_names(frames: list[DicomFrame]) -> list[str]:
    return list(dict.fromkeys(name for frame in frames for name in frame.labels))


def _plane_name(frame: DicomFrame) -> str:
    """Return the anatomical plane of a slice, or "oblique"."""
    normal = np.abs(slice_normal(frame.axes))
    if normal.max() < np.cos(np.radians(_OBLIQUE_DEG)):
        return "oblique"
    return ("sagittal", "coronal", "axial")[int(normal.argmax())]


def _check_spacing(ordered: list[DicomFrame], normal: FloatArray, step: FloatArray) -> None:
    positions = np.array([frame.position for frame in ordered])
    even = positions[0] + np.arange(len(ordered))[:, None] * step
    tolerance = max(SPACING_TOLERANCE_MM, SPACING_TOLERANCE_FRACTION * float(step @ normal))
    if np.linalg.norm(positions - even, axis=1).max() <= tolerance:
        return
    gaps = np.diff(positions @ normal)
    at = int(np.argmax(np.abs(gaps - np.median(gaps))))
    raise FileFormatError(
        f"the slices are not evenly spaced: {np.median(gaps):.4g} mm mostly, {gaps[at]:.4g} mm "
        f"between {ordered[at].name} and {ordered[at + 1].name}; a slice may be missing"
    )
