"""Write projections as the DICOM file of a gamma camera (NM image, type TOMO)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian

from regkit.errors import FileFormatError
from regkit.io.dicom_image import decimals, uid_of
from regkit.io.dicom_required import fill_required
from regkit_nuclear.spect.geometry import Orbit
from regkit_nuclear.spect.nm_position import AXIAL
from regkit_nuclear.spect.nm_views import ANTERIOR_DEG
from regkit_nuclear.spect.projections import Projections

# Energy windows of Tc-99m, keV: the photopeak (140.5 keV, 20 %), and one below it that holds the
# scatter; its counts are such that the triple-energy-window method finds the scatter again.
PHOTOPEAK_KEV, BELOW_KEV = (126.45, 154.55), (108.45, 126.45)
# Steps of an orbit that differ by less are even, degrees.
EVEN_DEG = 1e-3
# Duration of a view, ms: DICOM asks for one, and counts of a simulation have none.
FRAME_MS = "20000"
MOST = np.iinfo("<u2").max


def write_nm_projections(projections: Projections, header: Dataset, file: Path) -> None:
    """Write projections of Tc-99m as one file, with a window for the scatter; whole counts.

    Parameters
    ----------
    projections
        Projections in equal angular steps.
    header
        Patient, study, series and maker, as of all images of the study; it is changed.
    file
        File to write.

    Raises
    ------
    FileFormatError
        The steps differ, or 16 bits cannot hold the counts.
    """
    orbit = projections.orbit
    frames = np.concatenate([projections.counts, _counts_below(projections)])[:, ::-1]
    if frames.max() > MOST:
        raise FileFormatError(f"16 bits of a DICOM image cannot hold {frames.max():.0f} counts")
    views = len(orbit.angles_deg)
    header.ImageType = ["ORIGINAL", "PRIMARY", "TOMO", "EMISSION"]
    header.EnergyWindowInformationSequence = Sequence(
        [_window("Tc-99m", PHOTOPEAK_KEV), _window("scatter", BELOW_KEV)]
    )
    header.DetectorInformationSequence = Sequence([_detector(projections)])
    header.RotationInformationSequence = Sequence([_rotation(orbit)])
    header.NumberOfDetectors = header.NumberOfRotations = 1
    header.NumberOfEnergyWindows, header.NumberOfFrames = 2, len(frames)
    vectors = {
        "EnergyWindow": np.repeat([1, 2], views),
        "Detector": np.ones(2 * views, int),
        "Rotation": np.ones(2 * views, int),
        "AngularView": np.tile(np.arange(1, views + 1), 2),
    }
    for name, values in vectors.items():
        setattr(header, f"{name}Vector", values.tolist())
    header.FrameIncrementPointer = [Tag(f"{name}Vector") for name in vectors]
    _save(header, np.rint(frames).astype("<u2"), projections.grid.spacing, file)


def _counts_below(projections: Projections) -> NDArray[np.float32]:
    """Return the counts of the window below the photopeak that belong to the scatter."""
    peak, below = (high - low for low, high in (PHOTOPEAK_KEV, BELOW_KEV))
    return np.asarray(projections.scatter * np.float32(2 * below / peak))


def _window(name: str, limits: tuple[float, float]) -> Dataset:
    item, window = Dataset(), Dataset()
    window.EnergyWindowLowerLimit, window.EnergyWindowUpperLimit = decimals(limits)
    item.EnergyWindowName = name
    item.EnergyWindowRangeSequence = Sequence([window])
    return item


def _detector(projections: Projections) -> Dataset:
    """Return the detector, with the place of the reconstructed slice nearest to the head."""
    item, grid = Dataset(), projections.grid
    item.CollimatorType, item.CollimatorGridName = "PARA", "LEHR"
    item.ImagePositionPatient = decimals(grid.to_physical((grid.shape_zyx[0] - 1, 0, 0)))
    item.ImageOrientationPatient = decimals(AXIAL)
    return item


def _rotation(orbit: Orbit) -> Dataset:
    """Return the rotation; rising angles of `Orbit` are falling ones of DICOM, clockwise."""
    steps = np.diff(orbit.angles_deg)
    if len(steps) == 0 or np.ptp(steps) > EVEN_DEG:
        raise FileFormatError(
            "DICOM describes views in equal angular steps, and those of these projections differ"
        )
    step, item = float(steps.mean()), Dataset()
    item.StartAngle, item.AngularStep, item.ScanArc = decimals(
        (
            (ANTERIOR_DEG - orbit.angles_deg[0]) % 360.0,
            abs(step),
            abs(step) * len(orbit.angles_deg),
        )
    )
    item.RotationDirection = "CW" if step > 0 else "CC"
    item.RadialPosition = decimals(np.atleast_1d(orbit.radius_mm))
    item.NumberOfFramesInRotation = len(orbit.angles_deg)
    item.TypeOfDetectorMotion = "STEP AND SHOOT"
    item.ActualFrameDuration = FRAME_MS
    return item


def _save(
    header: Dataset, pixels: NDArray[np.uint16], spacing: tuple[float, float, float], file: Path
) -> None:
    _, header.Rows, header.Columns = pixels.shape
    header.PixelSpacing = decimals((spacing[2], spacing[0]))
    header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
    header.BitsAllocated = header.BitsStored = 16
    header.HighBit, header.PixelRepresentation = 15, 0
    header.InstanceNumber = 1
    header.CountsAccumulated = min(int(pixels.sum(dtype=np.int64)), 2**31 - 1)
    fill_required(header)
    header.SOPInstanceUID = uid_of(header.SeriesInstanceUID, "1")
    header.add_new(Tag("PixelData"), "OW", pixels.tobytes())
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    header.save_as(file, enforce_file_format=True)
