"""Images below a folder: DICOM series and image files, each with its modality and words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from regkit.io.dicom_folder import scan_folder
from regkit.io.dicom_series import MODALITIES as DICOM_MODALITIES
from regkit.io.formats import DICOM, FORMATS, is_dicom
from regkit.io.sidecar import sidecar_modality

# Words of file names that state a modality: BIDS suffixes, and common abbreviations.
_MODALITY_WORDS = {
    "ct": ("ct", "ctac", "cta", "ctres", "ldct", "cbct"),
    "mu": ("mu", "mumap", "umap", "attenuationmap"),
    "pet": ("pet", "pt", "suv"),
    "spect": ("spect", "nm"),
    "mr": (
        *("mr", "mri", "mra", "t1", "t2", "pd", "flair", "dwi", "adc", "bold", "swi"),
        *("t1w", "t2w", "pdw", "t2star", "t2starw", "inplanet1", "inplanet2", "angio"),
    ),
    "us": ("us", "trus", "ultrasound"),
}
# Words of names of files that are no images to register but masks, labels or results.
_NOT_IMAGES = {
    *("seg", "dseg", "segmentation", "mask", "label", "labels", "roi", "rois", "warped"),
    *("moved", "probseg", "lesion", "contour", "contours"),
}
_SUFFIXES = tuple(s for known in FORMATS if known is not DICOM for s in known.suffixes)
# NIfTI and NRRD pairs have two files, of which the header stands for both.
_DATA_ONLY = (".img", ".img.gz")


@dataclass(frozen=True)
class FoundImage:
    """An image that may be one of a pair.

    Parameters
    ----------
    path
        File, or folder of DICOM files.
    series
        SeriesInstanceUID of a DICOM series; empty for a file.
    modality
        Modality, empty where nothing states it.
    name
        Description of the series, or path of the file below the searched folder.
    """

    path: Path
    series: str
    modality: str
    name: str

    @property
    def plain_name(self) -> str:
        """Name of the file without its suffix, or description of a series of files."""
        if self.series or self.path.is_dir():
            return self.name
        return self.path.name.removesuffix(_suffix(self.path) or self.path.suffix)

    def is_called(self, words: str) -> bool:
        """Return whether all words stand in the modality and the name."""
        wanted = name_words(words)
        if set(wanted) <= {self.modality} and wanted:
            return True
        return bool(wanted) and set(wanted) <= {self.modality, *name_words(self.name)}

    def __str__(self) -> str:
        return f"{self.name or self.series} ({self.modality.upper() or 'modality not stated'})"


def find_images(folder: Path) -> list[FoundImage]:
    """Return the images in a folder and the folders below, DICOM series and files."""
    scanned = scan_folder(folder)
    found = []
    for series in scanned.series:
        if series.spacing == "-":  # a localizer, a report, a single slice
            continue
        common = _common_folder([*series.headers])
        single = len(series.headers) == 1
        alone = all(path in series.headers for path in scanned.images if common in path.parents)
        found.append(
            FoundImage(
                next(iter(series.headers)) if single else common,
                "" if single or alone else series.uid,
                DICOM_MODALITIES.get(series.modality, ""),
                series.description or common.name,
            )
        )
    return found + list(_files(scanned.foreign, folder))


def image_of_file(path: Path) -> FoundImage | None:
    """Return the image of a file that is one by its suffix or as DICOM; None for another file."""
    if not path.is_file() or not (_suffix(path) or is_dicom(path)):
        return None
    return FoundImage(path, "", stated_modality(path), path.name)


def name_words(text: str) -> list[str]:
    """Return the words of a name, lower case: runs of letters and digits."""
    return re.findall(r"[^\W_]+", text.casefold())


def stated_modality(path: Path) -> str:
    """Return the modality that a file's sidecar states, or the words of its name; else empty.

    Names of which the words state several modalities state none.
    """
    stem = path.name[: -len(_suffix(path))] if _suffix(path) else path.name
    words = name_words(stem)
    said = {
        modality for modality, known in _MODALITY_WORDS.items() if any(w in known for w in words)
    }
    return sidecar_modality(path) or (said.pop() if len(said) == 1 else "")


def _files(paths: Sequence[Path], folder: Path) -> Iterator[FoundImage]:
    """Yield the image files among some files, without masks and results."""
    for path in paths:
        suffix = _suffix(path)
        if not suffix or suffix in _DATA_ONLY:
            continue
        name = path.relative_to(folder).as_posix()
        words = name_words(path.name[: -len(suffix)])
        if not _NOT_IMAGES & set(words):
            modality = stated_modality(path)
            yield FoundImage(path, "", modality, name)


def _suffix(path: Path) -> str:
    name = path.name.lower()
    return max((s for s in _SUFFIXES if name.endswith(s)), key=len, default="")


def _common_folder(paths: Sequence[Path]) -> Path:
    """Return the deepest folder that holds all files."""
    first, *others = [path.parent for path in paths]
    while not all(other.is_relative_to(first) for other in others):
        first = first.parent
    return first
