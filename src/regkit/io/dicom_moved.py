"""Move a DICOM image to another place without resampling it: its pixels stay as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from regkit.errors import TransformError
from regkit.geometry.grid import Grid
from regkit.geometry.transform import AffineTransform, Transform
from regkit.geometry.volume import Volume
from regkit.io.dicom_derived import describe_series
from regkit.io.dicom_headers import open_dicom
from regkit.io.dicom_image import decimals, file_name, uid_of, writing_dicom
from regkit.io.dicom_required import code_item
from regkit.io.dicom_source import DicomSource, reference_to

SOURCE_IMAGE = ("121322", "Source image for image processing operation", "DCM")


def require_rigid(transform: Transform) -> AffineTransform:
    """Return a transform that is rigid; refuse any other.

    Raises
    ------
    TransformError
        The transform changes sizes or angles: voxels would have to be resampled.
    """
    if isinstance(transform, AffineTransform) and transform.is_rigid:
        return transform
    kind = transform.model if isinstance(transform, AffineTransform) else "not linear"
    raise TransformError(
        f"an image is moved without resampling by a rigid transform only, and this one is {kind}; "
        "leave out --moved, or use a rigid method"
    )


def moved_volume(volume: Volume, transform: AffineTransform) -> Volume:
    """Return the moving image in its own voxels, at its place in the fixed image's space.

    Parameters
    ----------
    volume
        Moving image.
    transform
        Rigid map of fixed to moving points, LPS mm.
    """
    affine = transform.inverse().matrix @ volume.grid.affine
    return volume.with_array(volume.array, Grid.from_affine(volume.grid.shape_zyx, affine))


@writing_dicom()
def write_moved(
    source: DicomSource, place: DicomSource, transform: AffineTransform, folder: Path
) -> None:
    """Write the files of a DICOM image again, at their place in the fixed image's space.

    Pixel data, compressed or not, and all other attributes stay; new are positions, orientations,
    the frame of reference, UIDs, number and description of the series, and regkit as equipment.

    Parameters
    ----------
    source
        Moving image.
    place
        Fixed image, whose frame of reference the files get.
    transform
        Rigid map of fixed to moving points, LPS mm.
    folder
        Folder of the files, which is made.
    """
    to_fixed = transform.inverse()
    numbers = str(to_fixed.matrix.tolist())
    frame = place.frame_of_reference
    series = uid_of(str(source.first.SeriesInstanceUID), frame, numbers, "moved")
    folder.mkdir(parents=True, exist_ok=True)
    for index, file in enumerate(source.files):
        with open_dicom(file) as stream:
            dataset = pydicom.dcmread(stream, force=True)
        origin = _reference(dataset)
        _move(dataset, to_fixed)
        dataset.SOPInstanceUID = uid_of(series, str(dataset.SOPInstanceUID))
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        dataset.SeriesInstanceUID, dataset.FrameOfReferenceUID = series, frame
        dataset.SourceImageSequence = Sequence([origin])
        describe_series(dataset, source.first, "moved")
        dataset.save_as(folder / file_name(index + 1))


def _move(dataset: Any, to_fixed: AffineTransform) -> None:
    """Map every position and orientation in a header, also in its sequences."""
    for element in dataset:
        if element.VR == "SQ":
            for item in element.value:
                _move(item, to_fixed)
    position, cosines = dataset.get("ImagePositionPatient"), dataset.get("ImageOrientationPatient")
    if position:
        moved = to_fixed.map_points([float(value) for value in position])
        dataset.ImagePositionPatient = decimals(moved)
    if cosines:
        rows = np.reshape([float(value) for value in cosines], (2, 3))
        dataset.ImageOrientationPatient = decimals((rows @ to_fixed.matrix[:3, :3].T).ravel())
    if position and cosines and "SliceLocation" in dataset:
        normal = np.cross(*np.reshape(dataset.ImageOrientationPatient, (2, 3)).astype(float))
        dataset.SliceLocation = decimals([moved @ normal])[0]


def _reference(dataset: Any) -> Dataset:
    item = reference_to(dataset)
    item.PurposeOfReferenceCodeSequence = Sequence([code_item(*SOURCE_IMAGE)])
    return item
