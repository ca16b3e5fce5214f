"""Read and write transform files: ITK, ANTs, FreeSurfer, FSL, RAS matrices and JSON."""

from regkit.io.transforms.given import made_transform
from regkit.io.transforms.registry import (
    FORMATS,
    LoadedTransform,
    load_transform,
    read_transform,
    write_transform,
)

__all__ = [
    "FORMATS",
    "LoadedTransform",
    "load_transform",
    "made_transform",
    "read_transform",
    "write_transform",
]
