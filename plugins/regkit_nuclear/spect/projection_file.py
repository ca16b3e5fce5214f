"""Read projections from a file of any known format."""

from __future__ import annotations

from pathlib import Path

from regkit.errors import FileFormatError
from regkit.geometry.grid import Grid
from regkit_nuclear.spect.nm_tomo import read_nm_projections
from regkit_nuclear.spect.projections import Projections, read_projections

# First bytes of a ``.npz``, which is a zip archive.
ARCHIVE = b"PK"


def read_projection_file(
    path: Path | str,
    *,
    window: int = 0,
    rotation: int = 0,
    radius_mm: float | None = None,
    reconstructed: Grid | None = None,
) -> Projections:
    """Read projections that ``regkit simulate`` wrote, or those of a camera in DICOM.

    Parameters
    ----------
    path
        File, or a folder that holds only it.
    window, rotation, radius_mm, reconstructed
        Parameters of `regkit_nuclear.spect.nm_tomo.read_nm_projections`, for DICOM only.

    Raises
    ------
    FileFormatError
        The file is missing, or holds no projections that are understood.
    """
    file = _only_file(Path(path))
    try:
        with file.open("rb") as stream:
            is_archive = stream.read(2) == ARCHIVE
    except OSError as error:
        raise FileFormatError(
            f"the file of projections {file} cannot be read: {error.strerror}"
        ) from error
    if not is_archive:
        return read_nm_projections(
            file,
            window=window,
            rotation=rotation,
            radius_mm=radius_mm,
            reconstructed=reconstructed,
        )
    if window or rotation or radius_mm is not None or reconstructed is not None:
        raise FileFormatError(
            f"{file} was written by regkit simulate and has its own geometry: --peak, --rotation, "
            "--radius and --onto are for DICOM"
        )
    return read_projections(file)


def _only_file(path: Path) -> Path:
    if not path.is_dir():
        return path
    files = [file for file in sorted(path.iterdir()) if file.is_file() and file.name[0] != "."]
    if len(files) != 1:
        raise FileFormatError(
            f"the folder {path} holds {len(files)} files; name the one with the projections"
        )
    return files[0]
