"""Contents of a file with several numbers at each voxel, before they become a transform."""

from __future__ import annotations

from dataclasses import dataclass

from regkit.geometry.grid import FloatArray


@dataclass(frozen=True)
class VectorImage:
    """The contents of an image file of vectors.

    Parameters
    ----------
    array
        Vectors, shape (z, y, x, number of components), float64, as the file has them.
    affine
        4 x 4 matrix from array index (z, y, x, 1) to LPS mm.
    """

    array: FloatArray
    affine: FloatArray
