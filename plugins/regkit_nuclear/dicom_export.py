"""Simulated scans as DICOM: a SPECT as one multi-frame NM file, CT, PET and MR as series.

A mu-map is written as the CT, in Hounsfield units, that it would come from.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from regkit.datasets.case import Case
from regkit.errors import FileFormatError
from regkit.geometry.volume import Volume
from regkit.io.dicom_image import STORAGE, uid_of, volume_digest, write_dicom, write_tomogram
from regkit.io.dicom_required import code_item
from regkit_nuclear.phantoms.thorax.anatomy import hounsfield
from regkit_nuclear.spect.nm_writer import write_nm_projections
from regkit_nuclear.spect.projections import Projections

MAKER = "regkit (simulated, not a patient)"
# DICOM needs a date; this one is obviously not that of a scan.
DATE, TIME = "20000101", "120000"
# SNOMED code of the simulated tracer's nuclide (DICOM CID 18).
TECHNETIUM = ("C-163A8", "^99m^Technetium")
FIXED, PROJECTIONS = "fixed", "projections"
# Rescale slope and intercept of a CT: whole Hounsfield units.
HOUNSFIELD = (1.0, 0.0)
NAMES = {"ct": "CT", "mr": "MR", "spect": "NM", "pet": "PT"}
# Required attributes of each modality, with values that are true of a simulation.
PARTICULARS: dict[str, dict[str, Any]] = {
    "CT": {"ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"], "KVP": "120", "RescaleType": "HU"},
    "MR": {
        "ImageType": ["ORIGINAL", "PRIMARY", "OTHER"],
        "ScanningSequence": "SE",
        "SequenceVariant": "NONE",
        "MRAcquisitionType": "3D",
    },
    "PT": {
        "ImageType": ["ORIGINAL", "PRIMARY"],
        "SeriesType": ["STATIC", "IMAGE"],
        "FrameReferenceTime": "0",
        "Units": "GML",
        "SUVType": "BW",
        "CountsSource": "EMISSION",
        "CorrectedImage": ["DECY", "ATTN", "SCAT", "RAN", "NORM"],
        "DecayCorrection": "START",
        "DecayFactor": "1",
    },
    "NM": {"ImageType": ["ORIGINAL", "PRIMARY", "RECON TOMO", "EMISSION"]},
}


def write_image(volume: Volume, path: Path, case: Case) -> tuple[str, str]:
    """Write an image of a case as DICOM; a `regkit.datasets.export.ImageWriter`.

    Beside the SPECT of a case with projections these are written too, as ``projections.dcm``.

    Parameters
    ----------
    volume
        Image of modality ct, mu, mr, pet or spect on any grid, also an oblique one.
    path
        Folder of the series; for SPECT the file without its suffix ``.dcm``.
    case
        Case of the image; names of patient and series are taken from it.

    Returns
    -------
    tuple
        Name of the file or folder, and the modality under which it is read.

    Raises
    ------
    FileFormatError
        DICOM has no volume of this modality whose position other tools read correctly.
    """
    if volume.modality == "mu":
        volume = Volume(hounsfield(volume.array), volume.grid, "ct")
    if volume.modality not in NAMES:
        raise FileFormatError(
            f"{case.id}: a volume of modality '{volume.modality or 'unknown'}' cannot be written "
            "as DICOM; use nifti"
        )
    if path.name == FIXED and isinstance(case.extra.get(PROJECTIONS), Projections):
        _write_projections(volume, path.with_name(f"{PROJECTIONS}.dcm"), case)
    header = _header(volume, path.name, case)
    if volume.modality == "spect":
        file = path.with_name(f"{path.name}.dcm")
        write_tomogram(volume, header, file)
        return file.name, "spect"
    write_dicom(volume, header, path, HOUNSFIELD if volume.modality == "ct" else None)
    return path.name, volume.modality


def _write_projections(volume: Volume, file: Path, case: Case) -> None:
    """Write the projections of a SPECT beside it, as a camera would."""
    header = _header(volume, PROJECTIONS, case)
    write_nm_projections(case.extra[PROJECTIONS], header, file)


def _header(volume: Volume, role: str, case: Case) -> Dataset:
    """Return what all files of an image have in common."""
    kind = NAMES[volume.modality]
    patient = _patient_key(case)
    header = Dataset()
    header.SOPClassUID = STORAGE[kind]
    header.Modality = kind
    header.Manufacturer = header.ManufacturerModelName = MAKER
    header.PatientName, header.PatientID = f"Simulated^{case.group}", uid_of(*patient)[-16:]
    header.PatientBirthDate = header.PatientSex = ""
    header.StudyInstanceUID = uid_of(*patient, "study")
    # Both scans are in the coordinates of one room, in which the patient moved between them.
    header.FrameOfReferenceUID = uid_of(*patient, "room")
    header.SeriesInstanceUID = uid_of(*patient, case.id, role, volume_digest(volume))
    header.StudyID, header.SeriesNumber = case.group[:16], 1
    header.SeriesDescription = f"{case.id} {role}"[:64]
    header.AccessionNumber = header.ReferringPhysicianName = header.PositionReferenceIndicator = ""
    header.PatientPosition, header.AcquisitionNumber = "HFS", 1
    for event in ("Study", "Series", "Acquisition", "Content"):
        setattr(header, f"{event}Date", DATE)
        setattr(header, f"{event}Time", TIME)
    for name, value in PARTICULARS[kind].items():
        setattr(header, name, value)
    if kind == "NM":
        _add_camera(header)
    return header


def _add_camera(header: Dataset) -> None:
    detector, window, energies = Dataset(), Dataset(), Dataset()
    detector.CollimatorType = "PARA"
    window.EnergyWindowLowerLimit, window.EnergyWindowUpperLimit = "126", "154"
    energies.EnergyWindowName = "Tc-99m"
    energies.EnergyWindowRangeSequence = Sequence([window])
    header.RadiopharmaceuticalInformationSequence = Sequence([_tracer()])
    header.DetectorInformationSequence = Sequence([detector])
    header.EnergyWindowInformationSequence = Sequence([energies])


def _tracer() -> Dataset:
    item = Dataset()
    item.RadionuclideCodeSequence = Sequence([code_item(*TECHNETIUM, scheme="SRT")])
    item.Radiopharmaceutical = "Tc-99m"
    item.RadiopharmaceuticalRoute = item.RadiopharmaceuticalStartTime = ""
    item.RadiopharmaceuticalVolume = item.RadionuclideTotalDose = None
    return item


def _patient_key(case: Case) -> list[str]:
    """Return strings that identify a patient among all simulated ones.

    Cohorts number their patients alike, and options change the scans: archives must not mix up
    patients or scans.
    """
    names = [str(case.extra.get(key, "")) for key in ("split", "patient")]
    return [*names, case.group, volume_digest(case.pair.fixed)]
