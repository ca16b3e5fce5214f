"""A resampled image as a derived DICOM series, for ``regkit resample --format dicom``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from regkit.geometry.volume import Volume
    from regkit.io.selection import ImageSelection
    from regkit.report.dicom_output import DicomPair

SERIES_FORMAT = "dicom"


def series_sources(
    fixed: Path, moving: Path, selections: Mapping[str, ImageSelection], output_format: str
) -> DicomPair:
    """Return the headers that a derived series needs, before any work.

    Raises
    ------
    ParameterError
        A format of another name.
    FileFormatError
        An image that is not DICOM.
    """
    from regkit.errors import ParameterError
    from regkit.report.dicom_output import read_dicom_pair

    if output_format != SERIES_FORMAT:
        raise ParameterError(
            f"--format can only be {SERIES_FORMAT}, got '{output_format}'; the suffix of OUTPUT "
            "chooses among the others"
        )
    return read_dicom_pair(fixed, moving, selections["fixed"], selections["moving"])


def write_resampled_series(
    volume: Volume, folder: Path, pair: DicomPair, transform: Path, force: bool
) -> None:
    """Write a resampled image as a derived series of the moving image's study.

    Parameters
    ----------
    volume
        Moving image on the fixed grid.
    folder
        Folder of the series.
    pair
        Headers of both images.
    transform
        File of the transform.
    force
        True to replace another series in the folder.
    """
    from regkit.io import atomic_output
    from regkit.io.dicom_derived import Derivation, write_derived
    from regkit.report.dicom_output import series_folder
    from regkit.version import installed_version

    description = (
        f"Resampled (linear interpolation) onto the grid of series "
        f"{pair.fixed.first.SeriesInstanceUID} through {transform.name} by regkit "
        f"{installed_version()}"
    )
    with atomic_output(folder, (*pair.files, transform), force) as stage:
        staged = series_folder(".", stage)
        write_derived(
            volume, staged, pair.moving, pair.fixed, Derivation("resampled", description)
        )
