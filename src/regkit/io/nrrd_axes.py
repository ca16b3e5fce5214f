"""The axes of a NRRD file: those in space with sizes and directions, and one of components."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from regkit.errors import FileFormatError
from regkit.geometry.grid import FloatArray
from regkit.io.nrrd_header import NrrdHeader
from regkit.io.text_header import quoted, some_numbers, whole_number, whole_numbers

_MAX_DIMENSION = 16  # of the format
# Kinds of axes in space or time; a header that states none means them.
_DOMAIN = {"domain", "space", "time", "none", "???"}
# Kinds of axes that hold the components of one voxel.
_COMPONENTS = {
    "list", "point", "vector", "covariant-vector", "normal", "stub", "scalar", "complex",
    "2-vector", "3-color", "rgb-color", "hsv-color", "xyz-color", "4-color", "rgba-color",
    "3-vector", "3-gradient", "3-normal", "4-vector", "quaternion", "2d-symmetric-matrix",
    "2d-masked-symmetric-matrix", "2d-matrix", "2d-masked-matrix", "3d-symmetric-matrix",
    "3d-masked-symmetric-matrix", "3d-matrix", "3d-masked-matrix",
}  # fmt: skip
# Signs that turn a space to LPS; all others are read as LPS.
_TO_LPS = {
    "right-anterior-superior": (-1, -1, 1), "ras": (-1, -1, 1),
    "left-anterior-superior": (1, -1, 1), "las": (1, -1, 1),
}  # fmt: skip
# Spaces by the number of their axes; a space of another name needs `space dimension`.
_SPACES = {
    **dict.fromkeys(("right-anterior-superior", "left-anterior-superior", "ras", "las", "lps",
                     "left-posterior-superior", "scanner-xyz", "3d-right-handed",
                     "3d-left-handed"), 3),
    **dict.fromkeys(("right-anterior-superior-time", "left-anterior-superior-time", "rast",
                     "last", "lpst", "left-posterior-superior-time", "scanner-xyz-time",
                     "3d-right-handed-time", "3d-left-handed-time"), 4),
}  # fmt: skip
_VECTOR = re.compile(r"\s*(none|\([^()]*\))", re.IGNORECASE)


@dataclass(frozen=True)
class NrrdAxes:
    """The axes of a NRRD file.

    Parameters
    ----------
    sizes
        Number of samples along each axis, the fastest first.
    component_axis
        Axis of the components of a voxel; None if voxels are single numbers.
    is_complex
        True for components that are the parts of complex numbers.
    axes
        3 x 3 matrix whose columns lead from a voxel to the next along the first three other axes,
        LPS.
    origin
        Center of the first voxel, LPS.
    """

    sizes: tuple[int, ...]
    component_axis: int | None
    is_complex: bool
    axes: FloatArray
    origin: FloatArray

    @property
    def spatial_sizes(self) -> list[int]:
        """Number of voxels along each axis but that of components."""
        return [n for axis, n in enumerate(self.sizes) if axis != self.component_axis]

    @property
    def components(self) -> int:
        """Number of components of a voxel."""
        return 1 if self.component_axis is None else self.sizes[self.component_axis]


def nrrd_axes(header: NrrdHeader) -> NrrdAxes:
    """Return the axes that a header describes.

    Raises
    ------
    FileFormatError
        Sizes, kinds or directions contradict each other, or there are several axes of components.
    """
    count = whole_number(header.required("dimension"), "dimension")
    if not 1 <= count <= _MAX_DIMENSION:
        raise FileFormatError(f"its dimension must be 1 to {_MAX_DIMENSION}, got {count}")
    sizes = whole_numbers(header.required("sizes"), count, "sizes")
    _ = header.words_of_axes("thicknesses", count)
    components, is_complex = _component_axis(header, count)
    spatial = [axis for axis in range(count) if axis != components]
    axes, origin = _geometry(header, sizes, spatial)
    return NrrdAxes(tuple(sizes), components, is_complex, axes, origin)


def _component_axis(header: NrrdHeader, count: int) -> tuple[int | None, bool]:
    kinds = [kind.lower() for kind in header.words_of_axes("kinds", count)]
    unknown = [kind for kind in kinds if kind not in _DOMAIN | _COMPONENTS]
    if unknown:
        raise FileFormatError(f"its header has the unknown kind of axis {quoted(unknown[0])}")
    found = [axis for axis, kind in enumerate(kinds) if kind not in _DOMAIN]
    if len(found) > 1:
        raise FileFormatError(f"has {len(found)} axes of components; one at most can be read")
    return (found[0], kinds[found[0]] == "complex") if found else (None, False)


def _geometry(
    header: NrrdHeader, sizes: list[int], spatial: list[int]
) -> tuple[FloatArray, FloatArray]:
    """Return the voxel axes as columns, and the center of the first voxel."""
    dimension = _space_dimension(header)
    centers = _is_cell(header, len(sizes))
    if not dimension:
        spacing = _spacings(header, len(sizes))
        origin = _from_axis_mins(header, sizes, spacing, centers)
        steps = np.where(np.isnan(spacing), 1.0, spacing)
        return np.diag([*steps[spatial], 1.0, 1.0, 1.0][:3]), np.array(
            [*origin[spatial], 0.0, 0.0, 0.0][:3]
        )
    if len(spatial) != dimension:
        raise _without_direction()
    name = header.fields.get("space", "").lower()
    signs = np.array(_TO_LPS.get(name.removesuffix("-time").removesuffix("t"), (1, 1, 1)))
    axes = np.eye(3)
    if "space directions" in header.fields:
        vectors = _vectors(header, "space directions", len(sizes), dimension)
        columns = [vectors[axis] for axis in spatial if vectors[axis] is not None]
        if len(columns) < len(spatial):
            raise _without_direction()
        axes = signs[:, None] * _three(np.array(columns, np.float64).T)
    elif np.isfinite(_spacings(header, len(sizes))).any():
        raise FileFormatError("has spacings in a space: write 'space directions' in their place")
    (first,) = _vectors(header, "space origin", 1, dimension)
    return axes, signs * np.array([*(first or ()), 0.0, 0.0, 0.0][:3])


def _three(axes: FloatArray) -> FloatArray:
    """Return the part of a matrix of axes along x, y, z, with unit axes where there are fewer."""
    three = np.eye(3)
    rows, columns = (min(n, 3) for n in axes.shape)
    three[:rows, :columns] = axes[:3, :3]
    return three


def _without_direction() -> FileFormatError:
    return FileFormatError(
        "has an axis without a direction in space, such as one of frames; one 3-D image is "
        "needed: save it, or the wanted frame, without that axis"
    )


def _space_dimension(header: NrrdHeader) -> int:
    """Return the number of axes of the space; 0 without a space."""
    name, stated = header.fields.get("space", ""), header.fields.get("space dimension", "")
    if name and stated:
        raise FileFormatError("has 'space' and 'space dimension', of which NRRD allows one")
    if stated:
        dimension = whole_number(stated, "space dimension")
        if not 1 <= dimension <= _MAX_DIMENSION:
            raise FileFormatError(f"its space dimension must be 1 or more, got {dimension}")
        return dimension
    if name and name.lower() not in _SPACES:
        raise FileFormatError(f"is in the unknown space {quoted(name)}; use LPS or RAS")
    return _SPACES.get(name.lower(), 0)


def _vectors(
    header: NrrdHeader, name: str, count: int, dimension: int
) -> list[list[float] | None]:
    """Return the vectors of a field, None for each that is ``none``."""
    text = header.fields.get(name, "none" if name == "space origin" else "")
    found = _VECTOR.findall(text)
    if len(found) != count or _VECTOR.sub("", text).strip():
        raise FileFormatError(f"'{name}' needs {count} vectors, got {quoted(text)}")
    return [
        None
        if vector.lower() == "none"
        else some_numbers(vector.strip("()").replace(",", " "), dimension, f"a vector of '{name}'")
        for vector in found
    ]


def _spacings(header: NrrdHeader, count: int) -> FloatArray:
    """Return the spacing of each axis, NaN where there is none."""
    return _values(header, "spacings", count, allow_zero=False)


def _values(header: NrrdHeader, name: str, count: int, allow_zero: bool = True) -> FloatArray:
    words = header.words_of_axes(name, count)
    if not words:
        return np.full(count, np.nan)
    found = np.array(some_numbers(" ".join(words), count, name))
    if np.isinf(found).any() or (not allow_zero and (found == 0).any()):
        raise FileFormatError(f"{name} must be finite, and voxel spacing must be positive")
    return found


def _is_cell(header: NrrdHeader, count: int) -> list[bool]:
    """Return whether the samples along each axis are the centers of cells, as is assumed."""
    words = header.words_of_axes("centers", count) or ["???"] * count
    unknown = [word for word in words if word.lower() not in ("cell", "node", "none", "???")]
    if unknown:
        raise FileFormatError(f"its header has the unknown center {quoted(unknown[0])}")
    return [word.lower() != "node" for word in words]


def _from_axis_mins(
    header: NrrdHeader, sizes: list[int], spacing: FloatArray, cells: list[bool]
) -> FloatArray:
    """Return the first sample of each axis: the minimum of a node, half a step on of a cell."""
    least, most = (_values(header, name, len(sizes)) for name in ("axis mins", "axis maxs"))
    gaps = np.array([max(n if cell else n - 1, 1) for n, cell in zip(sizes, cells, strict=True)])
    steps = np.where(np.isnan(spacing), (most - least) / gaps, spacing)
    first = least + np.where(cells, steps / 2, 0.0)
    return first if np.isfinite(first).all() else np.zeros(len(sizes))
