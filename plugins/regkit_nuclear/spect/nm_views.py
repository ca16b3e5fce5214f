"""The views of an NM image of tomographic projections: which frames they are, and their orbit.

DICOM PS3.3, C.8.4.8 to C.8.4.12: the start angle of a detector is 0 at the patient's back and
rises counter-clockwise as seen from the feet, over the patient's left; rotation CC raises the
angle, CW lowers it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regkit.errors import FileFormatError
from regkit.geometry.grid import FloatArray
from regkit.io.dicom_values import bounded_number, optional_number, required_value

# DICOM's angle of the front of the patient, where that of `Orbit` is 0.
ANTERIOR_DEG = 180.0
SENSES = {"CC": 1.0, "CCW": 1.0, "CW": -1.0}  # CCW is not DICOM's, but some cameras write it
# Radii of gamma cameras, mm; chosen by hand.
RADIUS_LIMITS = (50.0, 600.0)
# Places of the table, and durations of a frame, that are the same, mm and fraction; by hand.
SAME_TABLE_MM, SAME_DURATION = 1.0, 0.01
PLACES = ("TableTraverse", "TableHeight")


@dataclass(frozen=True, eq=False)
class TomogramViews:
    """The views of one energy window, of all rotations or of one.

    Parameters
    ----------
    header
        Header of the file.
    frames
        Number of frames in the file.
    window
        Number of the energy window.
    rotation
        Number of the rotation to take, from 1; 0 for all.
    radius_mm
        Distance of the collimator from the axis, for a header that lacks it.
    gated
        True if several frames may show one view: those of the gates of a heartbeat.
    """

    header: Any
    frames: int
    window: int
    rotation: int = 0
    radius_mm: float | None = None
    gated: bool = False

    @cached_property
    def frame_numbers(self) -> list[NDArray[np.int64]]:
        """Index of the frames that show each view."""
        index = np.flatnonzero(self._chosen)
        return [index[self._inverse == view] for view in range(len(self._keys))]

    @property
    def gates(self) -> int:
        """Number of frames of each view; 1 without gating."""
        return len(self.frame_numbers[0])

    @property
    def rotations(self) -> list[int]:
        """Numbers of the rotations that the views are of, from 1."""
        return sorted(set(self._keys[:, 0].tolist()))

    def orbit(self) -> tuple[FloatArray, FloatArray]:
        """Return the angle of `Orbit` (degrees) and the radius (mm) of each view.

        Raises
        ------
        FileFormatError
            The header lacks something, contradicts itself, or is not understood.
        """
        self._check_gates()
        self._check_one_place()
        angles, radii = np.empty(len(self._keys)), np.empty(len(self._keys))
        for rotation in self.rotations:
            mine = self._keys[:, 0] == rotation
            angles[mine], radii[mine] = self._of_rotation(rotation, self._keys[mine, 1:])
            _check_distinct(angles[mine])
        return (ANTERIOR_DEG - angles + 180.0) % 360.0 - 180.0, radii

    @cached_property
    def _items(self) -> list[Any]:
        """The items of the rotations."""
        return list(required_value(self.header, "RotationInformationSequence"))

    @property
    def _detectors(self) -> Sequence[Any]:
        return list(self.header.get("DetectorInformationSequence") or [{}])

    @cached_property
    def _chosen(self) -> NDArray[np.bool_]:
        """True for the frames of the window, and of the rotation that is asked for."""
        rotation = self._vector("RotationVector")
        if self.rotation and self.rotation not in rotation:
            raise FileFormatError(
                f"has no rotation {self.rotation}, only {rotation.min()} to {rotation.max()}"
            )
        chosen = self._vector("EnergyWindowVector") == self.window
        chosen &= (rotation == self.rotation) | (self.rotation == 0)
        if not chosen.any():
            raise FileFormatError(f"has no frames of energy window {self.window}")
        return np.asarray(chosen)

    @cached_property
    def _unique(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        where = self._chosen
        rotation, detector = (self._vector(f"{n}Vector")[where] for n in ("Rotation", "Detector"))
        if rotation.min() < 1 or rotation.max() > len(self._items):
            raise FileFormatError(
                f"contradicts itself: RotationVector counts from {rotation.min()} to "
                f"{rotation.max()}, and {len(self._items)} rotations are described"
            )
        key = np.stack([rotation, detector, self._views(rotation, detector)], axis=1)
        keys, inverse = np.unique(key, axis=0, return_inverse=True)
        return keys, inverse.ravel()

    @property
    def _keys(self) -> NDArray[np.int64]:
        """Rotation, detector and number of each view, shape (views, 3)."""
        return self._unique[0]

    @property
    def _inverse(self) -> NDArray[np.int64]:
        """View of each frame that is chosen."""
        return self._unique[1]

    def _views(
        self, rotation: NDArray[np.int64], detector: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Return the number of each frame in the rotation of its detector, from 1."""
        if self.header.get("AngularViewVector"):
            return self._vector("AngularViewVector")[self._chosen]
        if self.gated:
            raise FileFormatError(
                "is gated and lacks AngularViewVector (0054,0090), which tells the views apart"
            )
        view = np.empty(len(detector), np.int64)
        for turn, head in np.unique(np.stack([rotation, detector], axis=1), axis=0).tolist():
            mine = (rotation == turn) & (detector == head)
            view[mine] = np.arange(1, mine.sum() + 1)
        return view

    def _vector(self, keyword: str) -> NDArray[np.int64]:
        """Return a number for each frame; all are 1 where the header says nothing."""
        value = self.header.get(keyword)
        if value is None or value == "":
            return np.ones(self.frames, np.int64)
        numbers = np.atleast_1d(np.asarray(value, np.int64))
        if len(numbers) != self.frames:
            raise FileFormatError(
                f"contradicts itself: {keyword} has {len(numbers)} values for {self.frames} frames"
            )
        return numbers

    def _check_gates(self) -> None:
        """Refuse views that some gates lack, and several frames of a view without gates."""
        fewest, most = (of(map(len, self.frame_numbers)) for of in (min, max))
        if fewest != most:
            raise FileFormatError(
                f"contradicts itself: {fewest} frames show one view, and {most} another"
            )
        if most > 1 and not self.gated:
            raise FileFormatError(
                f"contradicts itself: {most} frames of one energy window show the same view"
            )

    def _check_one_place(self) -> None:
        """Refuse rotations at several places of the table, or of several durations."""
        items = [self._items[number - 1] for number in self.rotations]
        if len(items) == 1:
            return
        choose = "choose one with --rotation NUMBER"
        for keyword in PLACES:
            known = [item.get(keyword) for item in items]
            if keyword == PLACES[0] and None in known:
                raise FileFormatError(
                    f"holds {len(items)} rotations and does not tell whether the table moved "
                    f"between them (TableTraverse is missing); {choose}"
                )
            places = [optional_number(value) for value in known]
            if max(places) - min(places) > SAME_TABLE_MM:
                listed = ", ".join(f"{place:g}" for place in places)
                raise FileFormatError(
                    f"holds {len(items)} rotations at several places of the table ({keyword} "
                    f"{listed} mm); {choose}"
                )
        durations = [optional_number(item.get("ActualFrameDuration")) for item in items]
        if max(durations) - min(durations) > SAME_DURATION * max(durations):
            listed = ", ".join(f"{duration:g}" for duration in durations)
            raise FileFormatError(
                f"holds {len(items)} rotations whose views took {listed} ms; {choose}"
            )

    def _of_rotation(self, number: int, keys: NDArray[np.int64]) -> tuple[FloatArray, FloatArray]:
        """Return DICOM's angle and the radius of the views (detector, number) of a rotation."""
        item, (detector, view) = self._items[number - 1], keys.T
        step = bounded_number(item, "AngularStep", (0.1, 90.0), "degrees", ("", 1.0))
        sense = SENSES.get(str(item.get("RotationDirection")))
        if sense is None:
            raise FileFormatError(
                f"has RotationDirection '{item.get('RotationDirection', '')}', not CW or CC"
            )
        angles, radii = np.empty(len(view)), np.empty(len(view))
        for head in np.unique(detector).tolist():
            mine = detector == head
            start = self._start_deg(item, head, detector, view)
            angles[mine] = start + sense * step * (view[mine] - 1)
            radii[mine] = self._radii(item, head, view[mine] - view[mine].min())
        return angles, radii

    def _start_deg(
        self, item: Any, head: int, detector: NDArray[np.int64], view: NDArray[np.int64]
    ) -> float:
        """Return the start angle of a detector in a rotation.

        The detector's own is that in the first rotation.
        """
        own = self._detector(head).get("StartAngle")
        if own is not None:
            later = item is not self._items[0]
            starts = [required_value(i, "StartAngle") for i in (item, self._items[0]) if later]
            return float(own) + (float(starts[0]) - float(starts[1]) if later else 0.0)
        numbered_on = len(np.unique(view)) == len(view)
        if len(np.unique(detector)) > 1 and not numbered_on:
            raise FileFormatError(
                "has several detectors and one start angle; StartAngle (0054,0200) of each "
                "detector is missing"
            )
        return float(required_value(item, "StartAngle"))

    def _radii(self, item: Any, head: int, order: NDArray[np.int64]) -> FloatArray:
        """Return the radius of each view of a detector in a rotation, mm."""
        places = [self._detector(head), item]
        if len(self._items) > 1:  # what is of the detector alone cannot tell rotations apart
            places.reverse()
        stored = next((v for v in (place.get("RadialPosition") for place in places) if v), None)
        if not stored and self.radius_mm is None:
            raise FileFormatError(
                "lacks RadialPosition (0018,1142), the distance of the detector from the axis; "
                "give it with --radius MM"
            )
        radii = np.atleast_1d(np.asarray(stored or self.radius_mm, np.float64))
        if not (RADIUS_LIMITS[0] <= radii.min() and radii.max() <= RADIUS_LIMITS[1]):
            raise FileFormatError(
                f"has a RadialPosition of {radii.min():g} to {radii.max():g} mm, which is no "
                "distance of a gamma camera; give it with --radius MM"
            )
        if len(radii) == 1:
            return np.full(len(order), radii[0])
        if order.max() >= len(radii):
            raise FileFormatError(
                f"contradicts itself: {len(radii)} values of RadialPosition for "
                f"{order.max() + 1} views"
            )
        return np.asarray(radii[order])

    def _detector(self, head: int) -> Any:
        return self._detectors[head - 1] if head <= len(self._detectors) else {}


def _check_distinct(angles: FloatArray) -> None:
    """Refuse two views at one angle, which means that a vector was misread."""
    turned = np.sort(np.round(angles % 360.0, 3) % 360.0)
    apart = np.diff(turned)
    if len(apart) and apart.min() < 1e-3:
        raise FileFormatError(
            "contradicts itself: two frames of one energy window are at "
            f"{turned[int(np.argmin(apart))]:g} degrees"
        )
