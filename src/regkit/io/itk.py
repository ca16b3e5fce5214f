"""NRRD and MetaImage, through SimpleITK."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import SimpleITK as sitk

from regkit.errors import FileFormatError
from regkit.io.stored import Stored
from regkit.sitk_bridge import volume_to_sitk
from regkit.volume import Volume


def read(path: Path) -> Stored:
    """Read a NRRD or MetaImage file."""
    image = sitk.ReadImage(str(path))
    affine = np.eye(4)
    direction = np.reshape(image.GetDirection(), (3, 3))
    affine[:3, :3] = (direction * image.GetSpacing())[:, ::-1]
    affine[:3, 3] = image.GetOrigin()
    return Stored(sitk.GetArrayFromImage(image), affine)


def write(volume: Volume, path: Path) -> None:
    """Write a NRRD or MetaImage file."""
    sitk.WriteImage(volume_to_sitk(volume), str(path), useCompression=True, compressionLevel=1)
