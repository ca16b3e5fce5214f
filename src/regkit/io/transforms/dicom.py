"""The format of DICOM Spatial Registration objects; pydicom is imported on first use."""

from __future__ import annotations

from pathlib import Path

from regkit.geometry.transform import AffineTransform, Transform
from regkit.io.formats import signature
from regkit.io.transforms.format import ImagePair, NamedImages, TransformFormat


def _recognizes(path: Path, start: bytes) -> bool:  # noqa: ARG001
    return signature(start) == "DICOM"


def _read(path: Path, images: ImagePair) -> AffineTransform:
    from regkit.io.transforms.spatial_registration import (  # noqa: PLC0415
        read_spatial_registration,
    )

    return read_spatial_registration(path, images)


def _named(path: Path, images: ImagePair) -> NamedImages:
    from regkit.io.transforms.spatial_registration import images_named_by  # noqa: PLC0415

    return images_named_by(path, images)


def _write(transform: Transform, path: Path, images: ImagePair) -> None:
    from regkit.io.transforms.spatial_registration import (  # noqa: PLC0415
        write_registration_of,
    )

    write_registration_of(transform, path, images)


DICOM_REGISTRATION = TransformFormat(
    name="dicom",
    title="DICOM Spatial Registration: moving to fixed, LPS mm; names both images if given",
    suffixes=(".dcm",),
    recognizes=_recognizes,
    read=_read,
    write=_write,
    named=_named,
)
