"""Write a registration as DICOM: derived series, Spatial Registration, moved series."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from regkit.errors import OutputError
from regkit.geometry.transform import AffineTransform, model_of
from regkit.io.atomic_output import OutputStage
from regkit.io.dicom_derived import Derivation, is_own_file, write_derived
from regkit.io.dicom_image import file_name
from regkit.io.dicom_moved import require_rigid, write_moved
from regkit.io.dicom_source import DicomSource, read_dicom_source, warn_of_other_patient
from regkit.io.selection import ONLY_IMAGE, ImageSelection
from regkit.io.transforms.spatial_registration import write_spatial_registration
from regkit.registration.run import RegistrationResult
from regkit.version import installed_version

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class DicomPair:
    """Headers of the fixed and of the moving image."""

    fixed: DicomSource
    moving: DicomSource

    @property
    def files(self) -> tuple[Path, ...]:
        """Files of both images, which no output may replace."""
        return *self.fixed.files, *self.moving.files


def read_dicom_pair(
    fixed: Path,
    moving: Path,
    fixed_selection: ImageSelection = ONLY_IMAGE,
    moving_selection: ImageSelection = ONLY_IMAGE,
) -> DicomPair:
    """Return the headers of two DICOM images; refuse images that are not DICOM."""
    pair = DicomPair(
        read_dicom_source(fixed, fixed_selection), read_dicom_source(moving, moving_selection)
    )
    warn_of_other_patient(pair.fixed, pair.moving)
    return pair


def save_dicom(
    result: RegistrationResult,
    prefix: str,
    stage: OutputStage,
    pair: DicomPair,
    *,
    warped: bool = True,
    moved: bool = False,
) -> None:
    """Write the DICOM files of a registration.

    Parameters
    ----------
    result
        The registration.
    prefix
        Beginning of the names of files and folders.
    stage
        Output folder; see `regkit.io.atomic_output`.
    pair
        Headers of the images.
    warped
        Choice of PREFIX_dicom/, the moving image resampled onto the fixed grid.
    moved
        Choice of PREFIX_moved_dicom/, the moving image with its pixels as they are.

    Raises
    ------
    TransformError
        The moved series is asked for, and the transform is not rigid.
    """
    transform = result.transform
    if warped:
        folder = series_folder(f"{prefix}_dicom", stage)
        write_derived(result.warped, folder, pair.moving, pair.fixed, _derivation(result, pair))
    if isinstance(transform, AffineTransform):
        file = stage.path(f"{prefix}_reg.dcm")
        write_spatial_registration(transform, file, pair.fixed, pair.moving)
    else:
        logger.warning(
            "no %s_reg.dcm: a DICOM Spatial Registration holds a matrix, and the transform is "
            "deformable",
            prefix,
        )
    if moved:
        folder = series_folder(f"{prefix}_moved_dicom", stage)
        write_moved(pair.moving, pair.fixed, require_rigid(transform), folder)


def series_folder(name: str, stage: OutputStage) -> Path:
    """Return the staged folder of a series, which replaces an older one of regkit's.

    Raises
    ------
    OutputError
        The folder holds anything else: mixed with it, the series could not be read again.
    """
    folder = stage.target / name
    for old in sorted(folder.glob("[!.]*")):
        if not (old.is_file() and is_own_file(old)):
            raise OutputError(
                f"{folder} holds {old.name}, which is not of a series that regkit derived; choose "
                "a new or empty folder"
            )
        stage.refuse_input(f"{name}/{old.name}")
    discard_series(name, stage)
    return stage.path(f"{name}/{file_name(1)}").parent


def discard_series(name: str, stage: OutputStage) -> None:
    """Remove the files of an older series of regkit's when the new files appear."""
    for old in (stage.target / name).glob("[!.]*"):
        if old.is_file() and is_own_file(old):
            stage.discard_stale(f"{name}/{old.name}")


def _derivation(result: RegistrationResult, pair: DicomPair) -> Derivation:
    model = model_of(result.transform)
    return Derivation(
        "resampled",
        f"Resampled (linear interpolation) onto the grid of series "
        f"{pair.fixed.first.SeriesInstanceUID} through a registration ({model}) by regkit "
        f"{installed_version()}, method {result.method}; verdict {result.verdict.status}",
    )
