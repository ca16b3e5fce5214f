"""Transforms as ITK stores them: parts of a type with parameters and fixed parameters."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from regkit.errors import FileFormatError, TransformError
from regkit.geometry.grid import FloatArray, Grid
from regkit.geometry.transform import (
    AffineTransform,
    DisplacementField,
    Transform,
    TransformChain,
)
from regkit.io.limits import check_voxels
from regkit.io.text_header import quoted
from regkit.io.transforms.itk_linear import LINEAR_TYPES

COMPOSITE = "CompositeTransform"
_FIELD = "DisplacementFieldTransform"
_TYPE = re.compile(r"(\w+)_(?:double|float)_(\d)_(\d)", re.ASCII)
# Types that ITK has, and that are neither linear nor a displacement field.
_NONLINEAR = re.compile(
    r"\w*(?:BSpline|SplineKernel|ElasticBodySpline|ThinPlate|VolumeSpline|VelocityField|"
    r"DisplacementField|GaussianExponential|AzimuthElevation)\w*Transform"
)
# Fixed parameters of a field: size, origin, spacing and direction.
_FIELD_FIXED = 18


@dataclass(frozen=True)
class ItkPart:
    """A transform of ITK's, as its files store it.

    Parameters
    ----------
    kind
        Name of its class, type of its numbers, and dimensions: ``AffineTransform_double_3_3``.
    parameters, fixed
        Parameters and fixed parameters, float64.
    """

    kind: str
    parameters: FloatArray
    fixed: FloatArray

    @property
    def is_composite(self) -> bool:
        """True for one that stands for the transforms that follow it."""
        return self.kind.startswith(COMPOSITE)


def transform_of_parts(parts: Sequence[ItkPart]) -> Transform:
    """Return the map of a file's parts, which may be a composite transform and its steps.

    Raises
    ------
    FileFormatError
        No part, several without a composite, a composite without steps, unknown types, or other
        numbers of parameters than the types have.
    TransformError
        Types that regkit does not support.
    """
    if not parts:
        raise FileFormatError("it holds no transform: is it truncated?")
    steps = parts[1:] if parts[0].is_composite else parts
    if not steps:
        raise FileFormatError("its composite transform holds no transform: is it truncated?")
    if len(steps) > 1 and not parts[0].is_composite:
        raise FileFormatError(
            f"it holds {len(parts)} separate transforms; join them to one composite transform"
        )
    # A composite maps through its last transform first.
    return reduce(lambda first, second: second @ first, map(_transform, reversed(steps)))


def parts_of_transform(transform: Transform) -> list[ItkPart]:
    """Return what ITK stores of a transform."""
    steps = _steps(transform)
    if len(steps) == 1:
        return steps
    return [ItkPart(f"{COMPOSITE}_double_3_3", np.empty(0), np.empty(0)), *steps]


def _steps(transform: Transform) -> list[ItkPart]:
    if isinstance(transform, AffineTransform):
        matrix = transform.matrix
        numbers = np.concatenate([matrix[:3, :3].ravel(), matrix[:3, 3]])
        return [ItkPart("AffineTransform_double_3_3", numbers, np.zeros(3))]
    if isinstance(transform, DisplacementField):
        grid = transform.grid
        fixed = [*grid.shape_zyx[::-1], *grid.origin, *grid.spacing, *grid.direction]
        return [ItkPart(f"{_FIELD}_double_3_3", transform.displacement.ravel(), np.array(fixed))]
    if isinstance(transform, TransformChain):
        return [part for step in reversed(transform.transforms) for part in _steps(step)]
    raise TransformError(
        f"a {type(transform).__name__} cannot be written; convert it to a DisplacementField first"
    )


def _transform(part: ItkPart) -> Transform:
    named = _TYPE.fullmatch(part.kind)
    if named is None:
        raise _unknown(part)
    name, dimension = named[1], named[2]
    if named[2] != named[3] or dimension != "3":
        raise TransformError(f"the transform must be 3-D, got a {dimension}-D one")
    if not (np.isfinite(part.parameters).all() and np.isfinite(part.fixed).all()):
        raise FileFormatError("a parameter is NaN or infinite")
    if name in LINEAR_TYPES:
        return _linear(name, part)
    if name == _FIELD:
        return _field(part)
    if name == COMPOSITE or _NONLINEAR.fullmatch(name):
        raise TransformError(
            f"transforms of type {name} are not supported{' within another' * (name == COMPOSITE)}"
            "; convert them to a displacement field first"
        )
    raise _unknown(part)


def _unknown(part: ItkPart) -> FileFormatError:
    return FileFormatError(
        f"it holds a transform of a type that ITK does not know, {quoted(part.kind)}: damaged?"
    )


def _linear(name: str, part: ItkPart) -> AffineTransform:
    kind = LINEAR_TYPES[name]
    _require_count(name, "parameters", (kind.parameters,), part.parameters.size)
    _require_count(name, "fixed parameters", kind.fixed, part.fixed.size)
    return kind.transform(part.parameters, part.fixed)


def _field(part: ItkPart) -> DisplacementField:
    _require_count(_FIELD, "fixed parameters", (_FIELD_FIXED,), part.fixed.size)
    sizes = part.fixed[:3].tolist()
    if not all(size.is_integer() and 1 <= size < 2**31 for size in sizes):
        raise FileFormatError(f"the size of its displacement field, {sizes}, is impossible")
    x, y, z = (int(size) for size in sizes)
    _require_count(_FIELD, "parameters", (3 * math.prod((x, y, z)),), part.parameters.size)
    check_voxels(x * y * z, "its displacement field")
    origin, spacing = (part.fixed[at : at + 3].tolist() for at in (3, 6))
    grid = Grid((z, y, x), tuple(spacing), tuple(origin), tuple(part.fixed[9:].tolist()))
    return DisplacementField(part.parameters.reshape(z, y, x, 3), grid)


def _require_count(name: str, what: str, needed: tuple[int, ...], found: int) -> None:
    if found not in needed:
        raise FileFormatError(
            f"a {name} needs {' or '.join(map(str, needed))} {what}, the file gives {found}: is "
            "it truncated?"
        )
