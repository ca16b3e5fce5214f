"""Tomographic projections of a gamma camera in DICOM (NM image, type TOMO).

DICOM PS3.3, C.8.4.8 to C.8.4.12: the start angle of a detector is 0 at the patient's back and
rises counter-clockwise as seen from the feet, over the patient's left; rotation CC raises the
angle, CW lowers it. A frame shows the patient as seen from behind the detector, the head at the
top. What is not understood is refused; what is assumed is told and kept in `Projections.remarks`.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regkit.errors import FileFormatError
from regkit.geometry.grid import FloatArray, Grid
from regkit.io.dicom_values import bounded_number, optional_number, required_value
from regkit.io.native_output import suppress_pydicom
from regkit_nuclear.spect.energy_windows import choose_windows, scatter_counts
from regkit_nuclear.spect.geometry import LEHR, Orbit
from regkit_nuclear.spect.nm_position import centre_of_projections, check_patient_position
from regkit_nuclear.spect.projections import Projections

logger = logging.getLogger(__name__)

# DICOM's angle of the front of the patient, where that of `Orbit` is 0.
ANTERIOR_DEG = 180.0
SENSES = {"CC": 1.0, "CCW": 1.0, "CW": -1.0}  # CCW is not DICOM's, but some cameras write it
PARALLEL = ("PARA", "UNKN", "")
# Offsets of the centre of rotation that are as good as none, mm; a tenth of a usual bin.
MAX_OFFSET_MM = 0.5
# Tilts of the detector that are as good as none, degrees; chosen by hand.
MAX_TILT_DEG = 0.5
# Radii of gamma cameras, mm; chosen by hand.
RADIUS_LIMITS = (50.0, 600.0)


def read_nm_projections(
    path: Path | str,
    *,
    window: int = 0,
    radius_mm: float | None = None,
    reconstructed: Grid | None = None,
) -> Projections:
    """Read the projections of a DICOM file.

    Parameters
    ----------
    path
        DICOM file of an NM image of type TOMO.
    window
        Number, from 1, of the energy window of the photopeak; 0 for the one that holds 140.5 keV,
        or the only one.
    radius_mm
        Distance of the collimator from the axis of rotation in mm, for a file that lacks it.
    reconstructed
        Grid of a reconstructed image of the same acquisition: its centre is that of the
        projections. None for the position in the header.

    Returns
    -------
    Projections
        Counts in the photopeak, with the scatter estimated from the windows beside it.

    Raises
    ------
    FileFormatError
        The file holds no such projections, or some that are not understood.
    """
    path = Path(path)
    try:
        header, frames = _read(path)
        _check_kind(header)
        check_patient_position(header)
        tomogram = _Tomogram(header, frames, radius_mm)
        return tomogram.projections(window, reconstructed)
    except FileFormatError as error:
        raise FileFormatError(f"{path} {error}") from error


def _read(path: Path) -> tuple[Any, NDArray[Any]]:
    import pydicom  # noqa: PLC0415 - slow to import

    with suppress_pydicom():
        try:
            header = pydicom.dcmread(path)
            pixels = header.pixel_array
        except FileNotFoundError as error:
            raise FileFormatError("does not exist") from error
        except Exception as error:  # pydicom raises many types on damaged files
            cause = " ".join(str(error).split())
            raise FileFormatError(f"cannot be read as DICOM: {cause}") from error
    return header, pixels.reshape(-1, *pixels.shape[-2:])


def _check_kind(header: Any) -> None:
    kind = [str(value) for value in header.get("ImageType") or []]
    if header.get("Modality") != "NM" or "TOMO" not in kind[2:3]:
        what = f"{header.get('Modality') or 'unknown modality'} {chr(92).join(kind)}".strip()
        hint = "; export the sum of the gates" if "GATED TOMO" in kind else ""
        raise FileFormatError(
            f"holds {what}, not tomographic projections (NM, image type TOMO){hint}"
        )


@dataclass(frozen=True, eq=False)
class _Tomogram:
    """One rotation of the detectors.

    Parameters
    ----------
    header
        Header of the file.
    frames
        Stored pixels, shape (frames, rows, columns).
    radius_mm
        Distance of the collimator from the axis, for a header that lacks it.
    """

    header: Any
    frames: NDArray[Any]
    radius_mm: float | None

    def projections(self, window: int, reconstructed: Grid | None) -> Projections:
        """Return the projections, sorted by angle."""
        peak, beside = choose_windows(self.header, window)
        angles, radii = self._orbit(peak.number)
        order = np.argsort(angles, kind="stable")
        counts = self._counts(peak.number)[order]
        grid, remarks = self._grid(reconstructed)
        others = [(other, self._counts(other.number)[order]) for other in beside]
        scatter, remark = scatter_counts(peak, others, counts.shape, grid.spacing)
        remarks = (*remarks, *self._collimator_remarks(), remark)
        for sentence in remarks:
            logger.warning("%s", sentence)
        orbit = Orbit(tuple(angles[order].tolist()), tuple(radii[order].tolist()))
        return Projections(counts, scatter, grid, orbit, LEHR, remarks)

    def _counts(self, window: int) -> NDArray[np.float32]:
        """Return the counts of a window, (views, z, bins), rows from feet to head."""
        slope = optional_number(self.header.get("RescaleSlope")) or 1.0
        counts = slope * self.frames[self._where(window)].astype(np.float32)
        return np.asarray(counts[:, ::-1], dtype=np.float32)

    def _where(self, window: int) -> NDArray[np.bool_]:
        return np.asarray(self._vector("EnergyWindowVector") == window)

    def _vector(self, keyword: str) -> NDArray[np.int64]:
        """Return a number for each frame; all are 1 where the header says nothing."""
        value = self.header.get(keyword)
        if value is None or value == "":
            return np.ones(len(self.frames), np.int64)
        numbers = np.atleast_1d(np.asarray(value, np.int64))
        if len(numbers) != len(self.frames):
            raise FileFormatError(
                f"contradicts itself: {keyword} has {len(numbers)} values for "
                f"{len(self.frames)} frames"
            )
        return numbers

    @property
    def rotation(self) -> Any:
        """The item that describes the rotation."""
        items = required_value(self.header, "RotationInformationSequence")
        if len(items) != 1 or set(self._vector("RotationVector").tolist()) != {1}:
            raise FileFormatError(
                f"holds {len(items)} rotations, and only one is understood; export each alone"
            )
        return items[0]

    @property
    def detectors(self) -> Sequence[Any]:
        """The items that describe the detectors."""
        return list(self.header.get("DetectorInformationSequence") or [{}])

    def _orbit(self, window: int) -> tuple[FloatArray, FloatArray]:
        """Return the angle of `Orbit` and the radius of each frame of a window."""
        where = self._where(window)
        detector = self._vector("DetectorVector")[where]
        view = self._views(where, detector)
        rotation = self.rotation
        step = bounded_number(rotation, "AngularStep", (0.1, 90.0), "degrees", ("", 1.0))
        sense = SENSES.get(str(rotation.get("RotationDirection")))
        if sense is None:
            raise FileFormatError(
                f"has RotationDirection '{rotation.get('RotationDirection', '')}', not CW or CC"
            )
        angles, radii = np.empty(len(view)), np.empty(len(view))
        for number in np.unique(detector):
            mine = detector == number
            start = self._start_deg(int(number), detector, view)
            angles[mine] = start + sense * step * (view[mine] - 1)
            radii[mine] = self._radii(int(number), view[mine] - view[mine].min())
        _check_distinct(angles)
        return (ANTERIOR_DEG - angles + 180.0) % 360.0 - 180.0, radii

    def _views(self, where: NDArray[np.bool_], detector: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the number of each frame in the rotation of its detector, from 1."""
        if self.header.get("AngularViewVector"):
            return self._vector("AngularViewVector")[where]
        view = np.empty(len(detector), np.int64)
        for number in np.unique(detector):
            mine = detector == number
            view[mine] = np.arange(1, mine.sum() + 1)
        return view

    def _start_deg(
        self, number: int, detector: NDArray[np.int64], view: NDArray[np.int64]
    ) -> float:
        """Return the start angle of a detector: its own, or that of the rotation."""
        item = self.detectors[number - 1] if number <= len(self.detectors) else {}
        own = item.get("StartAngle")
        if own is not None:
            return float(own)
        numbered_on = len(np.unique(view)) == len(view)
        if len(np.unique(detector)) > 1 and not numbered_on:
            raise FileFormatError(
                "has several detectors and one start angle; StartAngle (0054,0200) of each "
                "detector is missing"
            )
        return float(required_value(self.rotation, "StartAngle"))

    def _radii(self, number: int, order: NDArray[np.int64]) -> FloatArray:
        """Return the radius of each view of a detector, mm."""
        item = self.detectors[number - 1] if number <= len(self.detectors) else {}
        stored = item.get("RadialPosition") or self.rotation.get("RadialPosition")
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

    def _grid(self, reconstructed: Grid | None) -> tuple[Grid, tuple[str, ...]]:
        """Return the grid of the images, and what was assumed about its position."""
        _, rows, columns = self.frames.shape
        step_z, step_x = (float(v) for v in required_value(self.header, "PixelSpacing"))
        spacing = (step_x, step_x, step_z)
        shape = (rows, columns, columns)
        remarks: tuple[str, ...] = ()
        if reconstructed is not None:
            centre = np.asarray(reconstructed.centre)
        else:
            centre, remark = centre_of_projections(self.detectors[0], shape, spacing)
            remarks = (remark,)
        first = centre - np.multiply(np.subtract(shape[::-1], 1) / 2, spacing)
        x, y, z = first.tolist()
        return Grid(shape, spacing, (x, y, z)), remarks

    def _collimator_remarks(self) -> tuple[str, ...]:
        """Refuse detectors that are not modeled; return what is assumed of the others."""
        for item in self.detectors:
            kind = str(item.get("CollimatorType") or "")
            if kind not in PARALLEL:
                raise FileFormatError(f"has a collimator of type {kind}; only PARA is modeled")
            offset = optional_number(item.get("CenterOfRotationOffset"))
            if abs(offset) > MAX_OFFSET_MM:
                raise FileFormatError(
                    f"has a CenterOfRotationOffset of {offset:g} mm; let the camera correct it"
                )
            if abs(optional_number(item.get("GantryDetectorTilt"))) > MAX_TILT_DEG:
                raise FileFormatError("has tilted detectors, which are not modeled")
        name = str(self.detectors[0].get("CollimatorGridName") or "")
        if name.upper().startswith("LEHR"):
            return ()
        remark = (
            f"the resolution is modeled as that of a LEHR collimator ({LEHR.hole_mm:g} mm holes, "
            f"{LEHR.length_mm:g} mm long); the file names '{name}'"
        )
        return (remark,)


def _check_distinct(angles: FloatArray) -> None:
    """Refuse two frames at one angle, which means that a vector was misread."""
    turned = np.sort(np.round(angles % 360.0, 3) % 360.0)
    apart = np.diff(turned)
    if len(apart) and apart.min() < 1e-3:
        raise FileFormatError(
            "contradicts itself: two frames of one energy window are at "
            f"{turned[int(np.argmin(apart))]:g} degrees"
        )
