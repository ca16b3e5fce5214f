"""Read and write transform files: ITK, ANTs, FreeSurfer, FSL, RAS matrices and JSON."""

from regkit.io.transforms.registry import FORMATS, read_transform, write_transform

__all__ = ["FORMATS", "read_transform", "write_transform"]
