"""Points in a comma-separated file that states its convention."""
from __future__ import annotations
import os
from numpy.typing import ArrayLike
from regkit.grid import FloatArray

def read_landmarks(path: str | os.PathLike[str]) -> FloatArray:
    """Read points."""
    raise NotImplementedError

def write_landmarks(points: ArrayLike, path: str | os.PathLike[str], convention: str = "LPS") -> None:
    """Write points."""
    raise NotImplementedError
