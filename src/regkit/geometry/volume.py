"""Images and label maps: an array with its grid in patient space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from regkit.arguments import checked_fields
from regkit.errors import GeometryError
from regkit.geometry.grid import FloatArray, Grid, Vector3
from regkit.geometry.interpolation import interpolate_mapped
from regkit.late_import import late_import
from regkit.notebook import html_of

if TYPE_CHECKING:
    import SimpleITK as sitk

# Of `Volume.modality`; the empty one means unknown.
MODALITIES = ("", "ct", "mu", "spect", "pet", "mr", "us")


@checked_fields
@dataclass(frozen=True, eq=False)
class Volume:
    """A 3-D image; its array is read-only.

    Parameters
    ----------
    array
        Intensities in (z, y, x) order; kept as float32.
    grid
        Positions of the voxels in patient space.
    modality
        One of ``ct`` (HU), ``mu`` (attenuation map, 1/cm), ``spect``, ``pet``, ``mr``, ``us``,
        or empty when unknown.
    file_dtype
        Integer type of the voxels in the file that the volume was read from, such as ``int16``;
        empty for other types and for new arrays. `resample` keeps it, and `write_volume` uses it.
    modality_source
        Source of the modality: ``given``, ``header``, or ``guess:`` or ``unknown:`` with the
        reason; empty for a volume that was made in memory.
    frame_of_reference
        UID of the frame of reference of a DICOM image, whose patient positions mean the same in
        all images of that frame; else empty.

    Raises
    ------
    GeometryError
        The array is not 3-D, or its shape is not the grid's.
    """

    array: NDArray[Any]
    grid: Grid
    modality: str = ""
    file_dtype: str = ""
    modality_source: str = ""
    frame_of_reference: str = ""

    def __post_init__(self) -> None:
        array = self._typed(np.asarray(self.array)).view()
        if array.ndim != 3:
            raise GeometryError(
                f"a volume needs a 3-D array (z, y, x), got {array.ndim}-D of shape {array.shape}"
            )
        if array.shape != self.grid.shape_zyx:
            raise GeometryError(
                f"array of shape {array.shape} does not fit its grid of {self.grid.shape_zyx}"
            )
        if self.modality not in MODALITIES:
            known = ", ".join(m for m in MODALITIES if m)
            raise GeometryError(f"unknown modality '{self.modality}'; use one of {known}")
        array.flags.writeable = False
        object.__setattr__(self, "array", array)

    @staticmethod
    def _typed(array: NDArray[Any]) -> NDArray[Any]:
        if array.dtype.kind == "c":
            raise GeometryError("a volume needs real numbers, got complex ones; take a magnitude")
        if array.dtype.kind not in "iufb":
            raise GeometryError(f"a volume needs numbers, got an array of {array.dtype}")
        with np.errstate(over="ignore"):  # what float32 cannot hold is infinite, and found later
            return np.ascontiguousarray(array, dtype=np.float32)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels along the array axes z, y, x."""
        return self.grid.shape_zyx

    @property
    def spacing(self) -> Vector3:
        """Distance of neighboring voxel centers along x, y, z in mm."""
        return self.grid.spacing

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.array, dtype=dtype, copy=copy)

    def to_sitk(self) -> sitk.Image:
        """Return a copy as a SimpleITK image, which has the same frame, LPS mm."""
        return late_import("regkit.geometry.sitk_bridge:volume_to_sitk")(self)

    def to_nibabel(self) -> Any:
        """Return a copy as a nibabel ``Nifti1Image``: array (x, y, z), affine to RAS mm."""
        return late_import("regkit.io.library_images:volume_to_nibabel")(self)

    @cached_property
    def extremes(self) -> tuple[float, float]:
        """The smallest and the largest intensity; NaN if there is any."""
        return float(self.array.min()), float(self.array.max())

    def __repr__(self) -> str:
        modality = f"{self.modality}, " if self.modality else ""
        return f"<{type(self).__name__} {modality}{self.grid.summary}, {self.array.dtype}>"

    def with_array(self, array: NDArray[Any], grid: Grid | None = None) -> Self:
        """Return a volume of the same class and modality with another array (and grid)."""
        return replace(self, array=array, grid=grid or self.grid, file_dtype="")

    def part(self, index: tuple[slice, ...]) -> NDArray[Any]:
        """Return the intensities in slices along (z, y, x)."""
        return self.array[index]

    def interpolated(self, maps: FloatArray, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return intensities at mapped points; see `interpolate_mapped`."""
        return interpolate_mapped(self.array, maps, points)

    def _repr_html_(self) -> str:
        return html_of(self)


@checked_fields
@dataclass(frozen=True, eq=False, repr=False)
class LabelMap(Volume):
    """A segmentation: whole numbers, resampled by nearest neighbour only; 0 is background.

    Parameters
    ----------
    array
        Labels in (z, y, x) order; the integer type is kept.
    grid, modality, file_dtype
        Positions of the voxels, modality and type in the file, as for a volume.
    names
        Names of labels, where the file has them (DICOM).
    """

    names: Mapping[int, str] = field(default_factory=dict)

    @staticmethod
    def _typed(array: NDArray[Any]) -> NDArray[Any]:
        if array.dtype.kind == "b":
            return np.ascontiguousarray(array, dtype=np.uint8)
        if array.dtype.kind in "iu":
            return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("="))
        if array.dtype.kind != "f":
            raise GeometryError(f"a label map needs whole numbers, got an array of {array.dtype}")
        with np.errstate(invalid="ignore"):
            whole = array.astype(np.int32)
        if not np.array_equal(whole, array):
            raise GeometryError(
                "a label map needs whole numbers, got fractions or NaN; round or threshold it"
            )
        return np.ascontiguousarray(whole)

    @property
    def labels(self) -> tuple[int, ...]:
        """The labels present, background left out, in rising order."""
        return tuple(int(v) for v in np.unique(self.array) if v != 0)


AnyVolume = TypeVar("AnyVolume", bound=Volume)
