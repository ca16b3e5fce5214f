"""Read label maps and masks from images and from DICOM objects that hold labels."""

from __future__ import annotations

import os
from pathlib import Path

from regkit.arguments import checked
from regkit.geometry.volume import LabelMap
from regkit.io.formats import is_dicom
from regkit.io.images import read_as, reported_errors
from regkit.io.labeled_image import LabeledImage
from regkit.io.region import ALL_REGIONS, choose_regions, merge_regions, regions_of
from regkit.io.selection import ImageSelection


@checked
def read_labels(
    path: str | os.PathLike[str],
    regions: str = ALL_REGIONS,
    image: LabeledImage | None = None,
    *,
    series: str = "",
    frame: int = 0,
    window: int = 0,
) -> LabelMap:
    """Read a segmentation of whole numbers.

    Parameters
    ----------
    path
        Any file that `read_volume` reads, a DICOM segmentation (SEG) or RT Structure Set, or a
        folder that holds one of these.
    regions
        Labels wanted: numbers, names or words of names, with commas between several; ``all``.
    image
        Image that the labels belong to. Contours of a structure set are rasterized on its grid.
    series, frame, window
        Choice of an image among several, as for `read_volume`.

    Returns
    -------
    LabelMap
        Numbers and names as in the file. Where regions of DICOM overlap, the smaller one keeps
        the voxels, with a warning in the log.

    Raises
    ------
    FileFormatError, SelectionError, GeometryError
        As `read_volume`; also when values are fractional, for a structure set without an image,
        and for regions that the file does not have.
    """
    return read_selected_labels(path, ImageSelection(series, frame, window), regions, image)


def read_mask(
    path: str | os.PathLike[str], region: str = "", image: LabeledImage | None = None
) -> LabelMap:
    """Read a mask: as `read_labels`, but of several regions of a DICOM file, one must be chosen.

    Parameters
    ----------
    path
        File or folder, as for `read_labels`.
    region
        Regions wanted, as for `read_labels`; empty for the only one of a DICOM file, or all labels
        of any other.
    image
        Image that the mask belongs to.
    """
    return read_selected_labels(path, ImageSelection(), region, image)


def read_selected_labels(
    path: str | os.PathLike[str],
    selection: ImageSelection,
    regions: str = ALL_REGIONS,
    image: LabeledImage | None = None,
) -> LabelMap:
    """Read the chosen segmentation, as `read_labels` does."""
    path = Path(path)
    found = _read_label_object(path, regions, image)
    if found is not None:
        return found
    labels = read_as(LabelMap, path, selection)
    if regions in ("", ALL_REGIONS):
        return labels
    with reported_errors(path):
        return merge_regions(choose_regions(regions_of(labels), regions), labels.grid)


def _read_label_object(path: Path, regions: str, image: LabeledImage | None) -> LabelMap | None:
    """Read a path that is or holds a DICOM label object; None for any other."""
    if not path.exists():
        return None
    with reported_errors(path):
        if not is_dicom(path):
            return None
        # Imported here since it loads pydicom.
        from regkit.io.dicom_labels import label_object, read_label_object  # noqa: PLC0415

        file = label_object(path)
        return None if file is None else read_label_object(file, regions, image)
