"""Read and write DICOM Spatial Registration objects (PS3.3 C.20.2).

Such an object has its own coordinate system, here that of the fixed image, and one matrix for each
image, which maps the image's points into it, LPS mm. The matrix of the moving image is thus the
inverse of regkit's map from fixed to moving points.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeformableSpatialRegistrationStorage,
    ExplicitVRLittleEndian,
    SpatialRegistrationStorage,
)

from regkit.errors import FileFormatError, TransformError
from regkit.geometry.grid import FloatArray
from regkit.geometry.transform import SAME, AffineTransform, Transform
from regkit.io.dicom_image import decimals, uid_of, writing_dicom
from regkit.io.dicom_required import code_item
from regkit.io.dicom_source import DicomSource, is_dicom_image, read_dicom_source
from regkit.io.transforms.format import ImagePair, NamedImages, require_affine
from regkit.io.transforms.registered_image import (
    RegisteredImage,
    image_of_item,
    image_of_source,
)
from regkit.version import installed_version

logger = logging.getLogger(__name__)

# Patient and study, which the object shares with the moving image.
SHARED_ATTRIBUTES = (
    "SpecificCharacterSet", "PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate",
    "PatientSex", "PatientAge", "PatientIdentityRemoved", "DeidentificationMethod",
    "DeidentificationMethodCodeSequence", "StudyInstanceUID", "StudyDate", "StudyTime", "StudyID",
    "StudyDescription", "AccessionNumber", "ReferringPhysicianName",
)  # fmt: skip
# Frame of Reference Transformation Matrix Type (C.20.2.1.2) by the model of a transform.
MATRIX_TYPES = {
    "identity": "RIGID",
    "translation": "RIGID",
    "rigid": "RIGID",
    "similarity": "RIGID_SCALE",
    "affine": "AFFINE",
}
# Item of a Registration Sequence and the matrix from its image to the object's coordinates.
_Registered = tuple[Any, FloatArray]
IMAGE_CONTENT = ("125024", "Image Content-based Alignment", "DCM")


@writing_dicom()
def write_spatial_registration(
    transform: Transform,
    path: Path,
    fixed: DicomSource | None,
    moving: DicomSource | None,
) -> None:
    """Write a linear transform as a Spatial Registration object.

    Parameters
    ----------
    transform
        Map of fixed to moving points, LPS mm.
    path
        File to write.
    fixed, moving
        The images; None if unknown: a new frame of reference then stands for that of the image.

    Raises
    ------
    TransformError
        The transform is not linear.
    NotInvertibleError
        Its matrix is singular.
    """
    named = [image_of_source(image) if image else None for image in (fixed, moving)]
    _write(require_affine(transform), path, *named)


def _write(
    affine: AffineTransform,
    path: Path,
    fixed: RegisteredImage | None,
    moving: RegisteredImage | None,
) -> None:
    dataset = _patient_and_study(moving or fixed, affine)
    frames = [
        _frame(image, affine, role) for image, role in ((fixed, "fixed"), (moving, "moving"))
    ]
    dataset.FrameOfReferenceUID, dataset.PositionReferenceIndicator = frames[0], None
    dataset.RegistrationSequence = Sequence(
        [
            _registration(frames[0], fixed, AffineTransform(np.eye(4))),
            _registration(frames[1], moving, affine.inverse()),
        ]
    )
    _add_instance_references(dataset, [image for image in (fixed, moving) if image])
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.save_as(path, enforce_file_format=True)


@writing_dicom()
def write_registration_of(transform: Transform, path: Path, images: ImagePair) -> None:
    """Write a linear transform between two images, which may be unknown or not DICOM.

    An image that is not given as DICOM is named as the file of the transform names it.
    """
    fixed, moving = (
        image_of_source(source) if (source := _source(image)) else named
        for image, named in (
            (images.fixed, images.named.fixed),
            (images.moving, images.named.moving),
        )
    )
    _write(require_affine(transform), path, fixed, moving)


def read_spatial_registration(path: Path, images: ImagePair) -> AffineTransform:
    """Read the map from fixed to moving points; the images choose among several registrations."""
    (_, fixed), (_, moving) = _pair(_read_registration(path), images)
    return AffineTransform(moving).inverse() @ AffineTransform(fixed)


def images_named_by(path: Path, images: ImagePair) -> NamedImages:
    """Return what a registration says of its two images; those given choose as for reading."""
    dataset = _read_registration(path)
    fixed, moving = (image_of_item(dataset, item) for item, _ in _pair(dataset, images))
    return NamedImages(fixed, moving)


def _patient_and_study(image: RegisteredImage | None, affine: AffineTransform) -> Dataset:
    dataset, header = Dataset(), image.header if image else Dataset()
    for name in SHARED_ATTRIBUTES:
        if name in header:
            dataset[name] = header[name]
    for name in (
        *("PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyDate", "StudyTime"),
        *("StudyID", "AccessionNumber", "ReferringPhysicianName"),
    ):
        if name not in dataset:
            setattr(dataset, name, None)
    now = datetime.now(UTC).astimezone()
    dataset.ContentDate, dataset.ContentTime = now.strftime("%Y%m%d"), now.strftime("%H%M%S.%f")
    made = f"{now.isoformat()} {affine.matrix.tolist()}"
    if "StudyInstanceUID" not in dataset:
        dataset.StudyInstanceUID = uid_of(made, "study")
    dataset.SOPClassUID = SpatialRegistrationStorage
    dataset.SOPInstanceUID, dataset.SeriesInstanceUID = uid_of(made, "object"), uid_of(made)
    dataset.Modality, dataset.Laterality = "REG", None
    dataset.SeriesNumber = dataset.InstanceNumber = 1
    dataset.SeriesDescription = "registration by regkit"
    dataset.SeriesDate, dataset.SeriesTime = dataset.ContentDate, dataset.ContentTime
    dataset.ContentLabel, dataset.ContentDescription = "REGISTRATION", "fixed and moving image"
    dataset.ContentCreatorName = None
    dataset.Manufacturer = dataset.ManufacturerModelName = "regkit"
    dataset.DeviceSerialNumber, dataset.SoftwareVersions = "none", installed_version()
    return dataset


def _frame(image: RegisteredImage | None, affine: AffineTransform, role: str) -> str:
    """Return the UID of an image's frame of reference; a new one for an unknown image."""
    if image is not None and image.frame_of_reference:
        return image.frame_of_reference
    logger.warning(
        "the frame of reference of the %s image is unknown, so a new one stands for it and no "
        "workstation will apply the registration; give the DICOM image (--%s)",
        role,
        role,
    )
    return uid_of(str(affine.matrix.tolist()), role)


def _registration(frame: str, image: RegisteredImage | None, to_fixed: AffineTransform) -> Dataset:
    item, matrix, registration = Dataset(), Dataset(), Dataset()
    item.FrameOfReferenceUID = frame
    if image is not None and image.references:
        item.ReferencedImageSequence = Sequence(image.references)
    matrix.FrameOfReferenceTransformationMatrixType = MATRIX_TYPES[to_fixed.model]
    matrix.FrameOfReferenceTransformationMatrix = decimals(to_fixed.matrix.ravel())
    registration.MatrixSequence = Sequence([matrix])
    registration.RegistrationTypeCodeSequence = Sequence([code_item(*IMAGE_CONTENT)])
    item.MatrixRegistrationSequence = Sequence([registration])
    return item


def _add_instance_references(dataset: Dataset, images: list[RegisteredImage]) -> None:
    """Name every image of the object by study and series (Common Instance Reference, C.12.2)."""
    studies: dict[str, dict[str, dict[str, Dataset]]] = {}
    for image in images:
        for reference in image.references:
            instance = str(reference.ReferencedSOPInstanceUID)
            if instance in image.series:
                study, series = image.series[instance]
                studies.setdefault(study, {}).setdefault(series, {})[instance] = reference
    for uid, found in studies.items():
        items = Sequence([_series(name, list(named.values())) for name, named in found.items()])
        if uid == dataset.StudyInstanceUID:
            dataset.ReferencedSeriesSequence = items
            continue
        other = Dataset()
        other.StudyInstanceUID, other.ReferencedSeriesSequence = uid, items
        elsewhere = dataset.setdefault("StudiesContainingOtherReferencedInstancesSequence", [])
        elsewhere.value.append(other)


def _series(uid: str, references: list[Dataset]) -> Dataset:
    """Return an item of a Referenced Series Sequence."""
    series = Dataset()
    series.SeriesInstanceUID = uid
    series.ReferencedInstanceSequence = Sequence(references)
    return series


def _read_registration(path: Path) -> Any:
    try:
        dataset = pydicom.dcmread(path, stop_before_pixels=True)
        kind = dataset.get("SOPClassUID")
    except Exception as error:  # pydicom raises many types on damaged files
        raise FileFormatError(f"it is damaged DICOM ({error})") from error
    if kind == DeformableSpatialRegistrationStorage:
        raise TransformError(
            "it is a DICOM Deformable Spatial Registration; of DICOM, regkit reads rigid and "
            "affine registrations only"
        )
    if kind != SpatialRegistrationStorage:
        name = kind.name if kind else f"object of modality {dataset.get('Modality', 'unknown')}"
        raise FileFormatError(f"it is a DICOM {name}, not a Spatial Registration")
    if not dataset.get("RegistrationSequence"):
        raise FileFormatError("it is a DICOM Spatial Registration without a registration")
    return dataset


def _matrix_of(item: Any) -> FloatArray:
    """Return the matrix from an item's images to the object's coordinates.

    Several matrices of an item are in the order of their product (Equation C.20.2-2).
    """
    product = np.eye(4)
    registrations = item.get("MatrixRegistrationSequence") or [Dataset()]
    parts = registrations[0].get("MatrixSequence")
    if not parts:
        raise FileFormatError("a registration lacks its matrix: is the file cut short?")
    for part in parts:
        numbers = part.get("FrameOfReferenceTransformationMatrix") or ()
        if len(numbers) != 16:
            raise FileFormatError(
                f"a Frame of Reference Transformation Matrix needs 16 numbers, got {len(numbers)}"
            )
        product = product @ np.reshape([float(value) for value in numbers], (4, 4))
    return product


def _pair(dataset: Any, images: ImagePair) -> tuple[_Registered, _Registered]:
    """Return the items of the fixed and of the moving image; the images choose among several."""
    items = [(item, _matrix_of(item)) for item in dataset.RegistrationSequence]
    fixed, moving = _item_of(items, images.fixed), _item_of(items, images.moving)
    if fixed is None or moving is None or fixed is moving:
        return _by_matrices(dataset, items)
    return fixed, moving


def _item_of(items: list[_Registered], image: Any) -> _Registered | None:
    """Return the item that is about an image; None without or with several."""
    source = _source(image)
    if source is None:
        return None
    header = source.first
    by_image = [found for found in items if _refers_to(found[0], header.SOPInstanceUID)]
    frame = header.get("FrameOfReferenceUID")
    by_frame = [found for found in items if found[0].get("FrameOfReferenceUID") == frame]
    found = by_image or by_frame
    return found[0] if len(found) == 1 else None


def _refers_to(item: Any, instance: str) -> bool:
    references = item.get("ReferencedImageSequence") or ()
    return any(reference.get("ReferencedSOPInstanceUID") == instance for reference in references)


def _by_matrices(dataset: Any, items: list[_Registered]) -> tuple[_Registered, _Registered]:
    """Return the items of the fixed and of the moving image.

    The fixed image is the one that defines the object's coordinates: its matrix is the identity.
    """
    own = Dataset()
    own.FrameOfReferenceUID = dataset.get("FrameOfReferenceUID")
    in_own = [f for f in items if f[0].get("FrameOfReferenceUID") == own.FrameOfReferenceUID]
    moving = [found for found in items if not _is_identity(found)]
    if len(moving) < 2:
        still = [*filter(_is_identity, in_own), *filter(_is_identity, items), (own, np.eye(4))]
        fixed = still[0][0]
        others = moving or [found for found in items if found[0] is not fixed]
        return (fixed, np.eye(4)), others[0] if len(others) == 1 else (own, np.eye(4))
    if len(items) == 2 and len(in_own) == 1:
        return in_own[0], next(found for found in items if found is not in_own[0])
    raise TransformError(
        f"it registers {len(moving)} images to one frame of reference; say which two are meant: "
        "give their DICOM images (--fixed, --moving)"
    )


def _is_identity(found: _Registered) -> bool:
    return bool(np.allclose(found[1], np.eye(4), atol=SAME))


def _source(image: Any) -> DicomSource | None:
    path = getattr(image, "path", image)
    is_known = isinstance(path, Path) and is_dicom_image(path)
    return read_dicom_source(path) if is_known else None
