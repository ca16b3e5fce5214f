"""Make a transform of what stands for one: a file, a matrix, a transform of SimpleITK."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from regkit.arguments import described
from regkit.errors import TransformError
from regkit.geometry.transform import AffineTransform, Transform
from regkit.io.transforms.registry import read_transform


def made_transform(given: Any, name: str) -> Transform:
    """Return a path, a matrix or a transform of SimpleITK as a transform.

    Parameters
    ----------
    given
        Transform file, 4 x 4 matrix (fixed to moving, LPS mm) or transform of SimpleITK.
    name
        Name of the parameter, for errors.

    Raises
    ------
    RegkitError
        Anything else, or a file that cannot be read.
    """
    if isinstance(given, Transform):
        return given
    if isinstance(given, str | os.PathLike):
        return read_transform(os.fspath(given))
    if type(given).__module__.startswith("SimpleITK"):
        from regkit.geometry.sitk_bridge import transform_from_sitk  # noqa: PLC0415 - slow to load

        return transform_from_sitk(given)
    try:
        return AffineTransform(np.asarray(given, np.float64))
    except (TypeError, ValueError, TransformError) as error:
        raise TransformError(
            f"{name} is {described(given)}; give a Transform, one of SimpleITK, a 4 x 4 "
            "matrix (fixed to moving, LPS mm), or the path of a transform file"
        ) from error
