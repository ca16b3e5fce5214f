"""Tomographic NM images of a point source, written with pydicom alone.

The geometry is that of DICOM PS3.3, C.8.4: at the angle a the detector is in the direction of
(sin a, cos a) of (left, posterior) from the axis, 0 at the back, 90 at the left. A frame shows the
patient from behind the detector, head up: its columns run to the left of the patient in a view
from the front (a = 180), and to the right in one from the back.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRLittleEndian, NuclearMedicineImageStorage, generate_uid

WINDOWS = ((126.45, 154.55), (108.0, 126.0), (63.0, 78.0))


@dataclass
class Tomogram:
    """What is acquired, and where the point is, mm from the middle of the axis (LPS)."""

    point: tuple[float, float, float] = (40.0, -25.0, 30.0)
    size: int = 32
    rows: int = 24
    step: tuple[float, float] = (6.0, 7.0)  # between columns, rows
    starts: tuple[float, ...] = (225.0,)  # of each detector
    sense: str = "CW"
    views: int = 20  # of each detector
    angular_step: float = 9.0
    radii: Sequence[float] | float = 200.0
    windows: int = 1
    sigma_mm: float = 6.0
    own_starts: bool = True  # whether each detector has its own start angle
    gates: int = 1  # the counts of a view are shared among them
    turns: Sequence[dict[str, Any]] = ({},)  # what differs between rotations
    position: tuple[float, float, float] | None = None
    orientation: tuple[float, ...] | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    detector: dict[str, Any] = field(default_factory=dict)
    rotation: dict[str, Any] = field(default_factory=dict)

    def angle_deg(self, detector: int, view: int, turn: int = 0) -> float:
        changed = self.turns[turn]
        sign = {"CW": -1, "CC": 1}.get(changed.get("RotationDirection", self.sense), 1)
        start = self.starts[detector] + changed.get("StartAngle", self.starts[0]) - self.starts[0]
        return start + sign * view * self.angular_step

    def frame(self, angle_deg: float, scale: float = 400.0) -> np.ndarray:
        angle = math.radians(angle_deg)
        x, y, z = self.point
        # Unit vector to the right of an observer behind the detector, who looks at the axis with
        # the head up: the direction of view times up.
        view = -np.array([math.sin(angle), math.cos(angle), 0.0])
        right = np.cross(view, (0.0, 0.0, 1.0))
        column = right @ (x, y, z) / self.step[0] + (self.size - 1) / 2
        row = (self.rows - 1) / 2 - z / self.step[1]
        across = np.exp(
            -0.5 * ((np.arange(self.size) - column) * self.step[0] / self.sigma_mm) ** 2
        )
        down = np.exp(-0.5 * ((np.arange(self.rows) - row) * self.step[1] / self.sigma_mm) ** 2)
        return np.rint(scale * np.outer(down, across)).astype("<u2")

    def write(self, path: Path) -> Path:
        header, frames, vectors = self._header(), [], []
        for window, turn, detector, gate, view in product(
            range(self.windows),
            range(len(self.turns)),
            range(len(self.starts)),
            range(self.gates),
            range(self.views),
        ):
            scale = (400.0 if window == 0 else 40.0) / self.gates
            frames.append(self.frame(self.angle_deg(detector, view, turn), scale))
            number = view if self.own_starts else detector * self.views + view
            vectors.append((window + 1, detector + 1, turn + 1, number + 1, gate + 1))
        names = ["EnergyWindow", "Detector", "Rotation", "AngularView"]
        if self.gates > 1:
            header.ImageType = ["ORIGINAL", "PRIMARY", "GATED TOMO", "EMISSION"]
            names.append("TimeSlot")
        vectors = np.transpose(vectors).tolist()[: len(names)]
        for name, values in zip(names, vectors, strict=True):
            setattr(header, f"{name}Vector", values)
        header.FrameIncrementPointer = [Tag(f"{name}Vector") for name in names]
        header.NumberOfFrames = len(frames)
        for name, value in self.attributes.items():
            setattr(header, name, value)
        header.add_new(Tag("PixelData"), "OW", np.stack(frames).tobytes())
        header.save_as(path, enforce_file_format=True)
        return path

    def _header(self) -> Dataset:
        header = Dataset()
        header.file_meta = FileMetaDataset()
        header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        header.SOPClassUID = NuclearMedicineImageStorage
        header.SOPInstanceUID = generate_uid()
        header.Modality, header.PatientPosition = "NM", "HFS"
        header.ImageType = ["ORIGINAL", "PRIMARY", "TOMO", "EMISSION"]
        header.Rows, header.Columns = self.rows, self.size
        header.PixelSpacing = [self.step[1], self.step[0]]
        header.SamplesPerPixel, header.PhotometricInterpretation = 1, "MONOCHROME2"
        header.BitsAllocated = header.BitsStored = 16
        header.HighBit, header.PixelRepresentation = 15, 0
        header.NumberOfDetectors = len(self.starts)
        header.NumberOfEnergyWindows, header.NumberOfRotations = self.windows, len(self.turns)
        header.EnergyWindowInformationSequence = DicomSequence(
            [energy_window(*WINDOWS[n]) for n in range(self.windows)]
        )
        header.RotationInformationSequence = DicomSequence(
            [self._rotation({**self.rotation, **turn}) for turn in self.turns]
        )
        header.DetectorInformationSequence = DicomSequence(
            [self._detector(number) for number in range(len(self.starts))]
        )
        return header

    def _rotation(self, changed: dict[str, Any]) -> Dataset:
        rotation = Dataset()
        rotation.StartAngle, rotation.AngularStep = self.starts[0], self.angular_step
        rotation.RotationDirection = self.sense
        rotation.ScanArc = self.views * self.angular_step
        rotation.NumberOfFramesInRotation = self.views
        for name, value in changed.items():
            setattr(rotation, name, value)
        return rotation

    def _detector(self, number: int) -> Dataset:
        item = Dataset()
        item.CollimatorType, item.CollimatorGridName = "PARA", "LEHR"
        if self.own_starts:
            item.StartAngle = self.starts[number]
        if self.radii:
            item.RadialPosition = self.radii
        if self.position is not None:
            item.ImagePositionPatient = list(self.position)
        if self.orientation is not None:
            item.ImageOrientationPatient = list(self.orientation)
        for name, value in self.detector.items():
            setattr(item, name, value)
        return item


def tracer(*names: str) -> DicomSequence:
    """Return a sequence that names the nuclides of the tracers."""
    items = []
    for name in names:
        code, item = Dataset(), Dataset()
        code.CodeMeaning = name
        item.RadionuclideCodeSequence = DicomSequence([code])
        items.append(item)
    return DicomSequence(items)


def energy_window(low: float, high: float) -> Dataset:
    limits, window = Dataset(), Dataset()
    limits.EnergyWindowLowerLimit, limits.EnergyWindowUpperLimit = low, high
    window.EnergyWindowRangeSequence = DicomSequence([limits])
    return window
