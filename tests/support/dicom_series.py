"""SimpleITK's reader of DICOM series, an independent judge of what regkit writes."""

from pathlib import Path

import SimpleITK as sitk


def read_with_simpleitk(folder: Path) -> sitk.Image:
    """Read the one series in a folder."""
    reader = sitk.ImageSeriesReader()
    (series,) = reader.GetGDCMSeriesIDs(str(folder))
    names = reader.GetGDCMSeriesFileNames(str(folder), series)
    if len(names) == 1:
        return sitk.ReadImage(names[0])
    reader.SetFileNames(names)
    return reader.Execute()
