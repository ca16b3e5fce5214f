"""The DICOM files of a folder and of the folders in it: images, other objects, damaged files."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from filecmp import cmp
from pathlib import Path

from regkit.errors import FileFormatError
from regkit.io.dicom_headers import object_kind, read_dicom_header
from regkit.io.dicom_series import DicomSeries, Headers, select_series
from regkit.io.formats import DICOM, is_dicom
from regkit.io.raw_bytes import is_gzipped

# Files that a message names; chosen by hand.
_NAMED = 5
_BLANK = "it is cut short: it is empty, or holds nothing but zeros"
# Bytes before the signature of a DICOM file, commonly zero, and of the signature (PS3.10, 7.1).
_PREAMBLE_BYTES = 132
# Endings of names that promise DICOM.
_DICOM_SUFFIXES = (*DICOM.suffixes, ".dicom")


@dataclass(eq=False)
class DicomFolder:
    """The files of a folder and of the folders in it.

    Parameters
    ----------
    path
        The folder.
    images, objects
        Headers of DICOM files with an image, and without one (structures, a DICOMDIR).
    foreign
        Files that are not DICOM, without hidden ones.
    copies
        Files that are equal to an image listed before, byte by byte.
    broken
        Fault of each file that is damaged or cut short.
    """

    path: Path
    images: Headers = field(default_factory=dict)
    objects: Headers = field(default_factory=dict)
    foreign: list[Path] = field(default_factory=list)
    copies: list[Path] = field(default_factory=list)
    broken: dict[Path, str] = field(default_factory=dict)

    @property
    def series(self) -> list[DicomSeries]:
        """Image series in the order of SeriesNumber, then of their files' names."""
        by_uid: defaultdict[str, Headers] = defaultdict(dict)
        for path, header in self.images.items():
            by_uid[str(header.get("SeriesInstanceUID", ""))][path] = header
        return sorted(map(DicomSeries, by_uid.values()), key=lambda series: series.number)


def scan_folder(path: Path) -> DicomFolder:
    """Sort the files of a folder, and of the folders in it, into kinds."""
    folder = DicomFolder(path)
    blank: list[Path] = []
    for file in _files(path):
        if _is_blank(file):
            blank.append(file)
        elif is_dicom(file):
            _add_dicom(file, folder)
        elif file.name.lower().endswith(_DICOM_SUFFIXES) and not file.name.startswith("."):
            folder.broken[file] = "it is not DICOM, though its name says so"
        elif not file.name.startswith("."):
            folder.foreign.append(file)
    _set_copies_apart(folder)
    endings = {_ending(file) for file in folder.images} | set(_DICOM_SUFFIXES)
    for file in blank:
        if _ending(file) in endings:
            folder.broken[file] = _BLANK
        else:
            folder.foreign.append(file)
    return folder


def find_series(path: Path, chosen: str) -> tuple[DicomSeries, list[str]]:
    """Return the chosen image series of a folder, and remarks on what is passed over.

    Where none is chosen, the series with files directly in the folder is meant, or the only one
    in the folders below.

    Raises
    ------
    FileFormatError
        No image, or a damaged file beside those of the series.
    SelectionError
        Several series and none chosen, or none of the chosen name; a table lists them.
    """
    folder = scan_folder(path)
    if not folder.images:
        raise _no_images(folder)
    series = folder.series
    candidates = [one for one in series if path in one.folders] or series
    found = select_series(series, candidates, chosen)
    for file, fault in folder.broken.items():
        if file.parent in found.folders:
            raise FileFormatError(f"{_relative(file, path)} cannot be read: {fault}")
    if chosen:  # a study; only what lies beside the series can concern it
        folder = _restricted(folder, found)
    return found, _remarks(folder, found, is_chosen=bool(chosen))


def _add_dicom(file: Path, folder: DicomFolder) -> None:
    try:
        header = read_dicom_header(file)
    except FileFormatError as error:
        folder.broken[file] = str(error)
        return
    (folder.images if header.get("Rows") else folder.objects)[file] = header


def _set_copies_apart(folder: DicomFolder) -> None:
    """Keep one of the files that are equal byte by byte."""
    originals: dict[str, Path] = {}
    for file, header in list(folder.images.items()):
        original = originals.setdefault(str(header.get("SOPInstanceUID", file)), file)
        if original != file and cmp(original, file, shallow=False):
            folder.copies.append(file)
            del folder.images[file]


def _files(path: Path) -> Iterator[Path]:
    """Yield the files of a folder and of the folders in it, sorted."""

    def refuse(error: OSError) -> None:
        if Path(error.filename) == path:
            raise error

    for folder, folders, names in os.walk(path, onerror=refuse):
        folders.sort()
        yield from (file for name in sorted(names) if (file := Path(folder, name)).is_file())


def _is_blank(file: Path) -> bool:
    """Return whether a file is empty, or ends within the zeros that begin a DICOM file."""
    if file.stat().st_size > _PREAMBLE_BYTES:
        return False
    return not file.read_bytes().strip(b"\0")


def _ending(file: Path) -> str:
    """Return the suffix of a name; numbers, as in names made of a UID, are none."""
    suffix = file.suffix.lower()
    return "" if suffix[1:].isdecimal() else suffix


def _no_images(folder: DicomFolder) -> FileFormatError:
    for file, fault in folder.broken.items():
        return FileFormatError(f"{_relative(file, folder.path)} cannot be read: {fault}")
    if not folder.objects:
        return FileFormatError("the folder holds no DICOM files")
    kinds = Counter(object_kind(header) for header in folder.objects.values())
    listed = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    return FileFormatError(f"the folder's DICOM files hold no images ({listed})")


def _restricted(folder: DicomFolder, series: DicomSeries) -> DicomFolder:
    """Return the contents of the folders that hold files of a series."""

    def beside(files: Iterable[Path]) -> list[Path]:
        return [file for file in files if file.parent in series.folders]

    return DicomFolder(
        folder.path,
        series.headers,
        {file: folder.objects[file] for file in beside(folder.objects)},
        beside(folder.foreign),
        beside(folder.copies),
        {file: folder.broken[file] for file in beside(folder.broken)},
    )


def _remarks(folder: DicomFolder, found: DicomSeries, *, is_chosen: bool) -> list[str]:
    """Return what a user should know: what was passed over, and where the series lies."""
    passed_over = {
        "not DICOM": folder.foreign,
        "DICOM without an image": list(folder.objects),
        "equal to another file": folder.copies,
        "cut short or damaged": list(folder.broken),
        "of other series": [file for file in folder.images if file not in found.headers],
    }
    counted = [
        f"{len(files)} {kind} ({_named(files, folder.path)})"
        for kind, files in passed_over.items()
        if files
    ]
    remarks = [f"files passed over: {'; '.join(counted)}"] if counted else []
    below = [file for file in found.headers if file.parent != folder.path]
    if below and not is_chosen:
        folders = sorted({file.parent for file in below})
        remarks.append(
            f"{len(below)} of the {len(found.headers)} files of the series are in folders below: "
            f"{_named(folders, folder.path)}"
        )
    zipped = [file for file in found.headers if is_gzipped(file)]
    if zipped:
        remarks.append(
            f"{len(zipped)} files are gzipped, and unpacked while read: "
            f"{_named(zipped, folder.path)}"
        )
    return remarks


def _named(files: list[Path], folder: Path) -> str:
    more = ["..."] if len(files) > _NAMED else []
    return ", ".join([*(_relative(file, folder) for file in files[:_NAMED]), *more])


def _relative(file: Path, folder: Path) -> str:
    return file.relative_to(folder).as_posix()
