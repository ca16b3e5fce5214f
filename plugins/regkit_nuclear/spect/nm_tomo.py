"""Tomographic projections of a gamma camera in DICOM (NM image, type TOMO or GATED TOMO).

A frame shows the patient as seen from behind the detector, the head at the top. What is not
understood is refused; what is assumed is told and kept in `Projections.remarks`.
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
from regkit.geometry.grid import Grid
from regkit.io.dicom_values import optional_number, required_value
from regkit.io.native_output import suppress_pydicom
from regkit.io.photon_energy import photon_energy
from regkit_nuclear.spect.energy_windows import EnergyWindow, choose_windows, scatter_counts
from regkit_nuclear.spect.geometry import LEHR, Orbit
from regkit_nuclear.spect.nm_position import centre_of_projections, position_remarks
from regkit_nuclear.spect.nm_views import TomogramViews
from regkit_nuclear.spect.projections import Projections

logger = logging.getLogger(__name__)

GATED, KINDS = "GATED TOMO", ("TOMO", "GATED TOMO")
PARALLEL = ("PARA", "UNKN", "")
# Offsets of the centre of rotation that are as good as none, mm; a tenth of a usual bin.
MAX_OFFSET_MM = 0.5
# Tilts of the detector that are as good as none, degrees; chosen by hand.
MAX_TILT_DEG = 0.5


def read_nm_projections(
    path: Path | str,
    *,
    window: int = 0,
    rotation: int = 0,
    radius_mm: float | None = None,
    reconstructed: Grid | None = None,
) -> Projections:
    """Read the projections of a DICOM file; the gates of a gated one are summed.

    Parameters
    ----------
    path
        DICOM file of an NM image of type TOMO.
    window
        Number, from 1, of the energy window of the photopeak; 0 for the only one, or the one of
        the tracer that the header names (Tc-99m where it names none).
    rotation
        Number, from 1, of the rotation; 0 for all, which must be at one place of the table.
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
        tomogram = _Tomogram(header, frames, rotation, radius_mm)
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
    if header.get("Modality") != "NM" or _kind(header) not in KINDS:
        kind = [str(value) for value in header.get("ImageType") or []]
        what = f"{header.get('Modality') or 'unknown modality'} {chr(92).join(kind)}".strip()
        raise FileFormatError(
            f"holds {what}, not tomographic projections (NM, image type TOMO or {GATED})"
        )


def _kind(header: Any) -> str:
    return "".join([str(value) for value in header.get("ImageType") or []][2:3])


@dataclass(frozen=True, eq=False)
class _Tomogram:
    """The projections of a file.

    Parameters
    ----------
    header
        Header of the file.
    frames
        Stored pixels, shape (frames, rows, columns).
    rotation
        Number of the rotation to take, from 1; 0 for all.
    radius_mm
        Distance of the collimator from the axis, for a header that lacks it.
    """

    header: Any
    frames: NDArray[Any]
    rotation: int
    radius_mm: float | None

    def projections(self, window: int, reconstructed: Grid | None) -> Projections:
        """Return the projections, sorted by angle."""
        peak, beside = choose_windows(self.header, window)
        views = self._views(peak)
        position = position_remarks(self.header)
        angles, radii = views.orbit()
        order = np.argsort(angles, kind="stable")
        counts = self._counts(views)[order]
        grid, remarks = self._grid(reconstructed)
        others = [(other, self._counts(self._views(other))[order]) for other in beside]
        scatter, remark = scatter_counts(peak, others, counts.shape, grid.spacing)
        remarks = (*position, *remarks, *_summed(views), *self._collimator_remarks(), remark)
        for sentence in remarks:
            logger.warning("%s", sentence)
        return Projections(
            counts,
            scatter,
            grid,
            Orbit(tuple(angles[order].tolist()), tuple(radii[order].tolist())),
            LEHR,
            remarks,
            photon_energy(self.header, (peak.low_kev, peak.high_kev)),
        )

    def _views(self, window: EnergyWindow) -> TomogramViews:
        return TomogramViews(
            self.header,
            len(self.frames),
            window.number,
            self.rotation,
            self.radius_mm,
            _kind(self.header) == GATED,
        )

    def _counts(self, views: TomogramViews) -> NDArray[np.float32]:
        """Return the counts of views, (views, z, bins), rows from feet to head."""
        slope = optional_number(self.header.get("RescaleSlope")) or 1.0
        intercept = optional_number(self.header.get("RescaleIntercept"))
        stored = np.stack([self.frames[f].sum(axis=0, dtype=float) for f in views.frame_numbers])
        counts = slope * stored + views.gates * intercept
        if counts.min() < 0:
            raise FileFormatError(
                f"has counts below 0, with a RescaleSlope of {slope:g} and a RescaleIntercept of "
                f"{intercept:g}"
            )
        return np.asarray(counts[:, ::-1], dtype=np.float32)

    @property
    def detectors(self) -> Sequence[Any]:
        """The items that describe the detectors."""
        return list(self.header.get("DetectorInformationSequence") or [{}])

    def _grid(self, reconstructed: Grid | None) -> tuple[Grid, tuple[str, ...]]:
        """Return the grid of the images, and what was assumed about its position."""
        _, rows, columns = self.frames.shape
        step_z, step_x = _pixel_spacing(self.header)
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


def _pixel_spacing(header: Any) -> tuple[float, float]:
    """Return the distances of rows and of columns in mm."""
    stored = required_value(header, "PixelSpacing")
    steps = [stored] if isinstance(stored, str | float | int) else list(stored)
    numbers = [optional_number(step) for step in steps]
    if len(numbers) != 2 or min(numbers) <= 0:
        told = "\\".join(str(step) for step in steps)
        raise FileFormatError(
            f"has a PixelSpacing of '{told}'; it needs two numbers above 0, the distances of rows "
            "and of columns in mm"
        )
    return numbers[0], numbers[1]


def _summed(views: TomogramViews) -> list[str]:
    """Return sentences on frames and rotations that were put together."""
    remarks = []
    if views.gates > 1:
        remarks.append(
            f"the acquisition is gated: the {views.gates} gates of each view are summed; views "
            "with more rejected beats have fewer counts, which is not corrected"
        )
    if len(views.rotations) > 1:
        remarks.append(f"the views of {len(views.rotations)} rotations are used together")
    return remarks
