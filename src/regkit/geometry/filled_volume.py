"""An image some of whose voxels have another value than it was given with."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from regkit.geometry.grid import FloatArray
from regkit.geometry.interpolation import interpolate_filled
from regkit.geometry.volume import LabelMap, Volume


class FilledVolume(Volume):
    """An image that has one value outside of a mask.

    Its array is made when it is asked for; parts of it and values at points need no copy of the
    image. Made by `filled`.
    """

    _source: NDArray[np.float32]
    _known: NDArray[np.uint8]
    _value: float

    @classmethod
    def filled(cls, image: Volume, known: LabelMap, value: float) -> Self:
        """Return an image with a value outside of a mask.

        Parameters
        ----------
        image
            Any image.
        known
            Mask on the same grid, outside of which the value holds.
        value
            The value, in the unit of the image.
        """
        about = image.modality, "", image.modality_source, image.frame_of_reference
        made = cls(image.array, image.grid, *about)
        vars(made).update(_source=vars(made).pop("array"), _known=known.array, _value=value)
        return made

    def __getattr__(self, name: str) -> Any:
        """Make the array."""
        if name != "array" or "_source" not in vars(self):
            raise AttributeError(f"a {type(self).__name__} has no '{name}'")
        array = self.part((slice(None),))
        array.flags.writeable = False
        return vars(self).setdefault("array", array)

    def part(self, index: tuple[slice, ...]) -> NDArray[Any]:
        """Return the intensities in slices along (z, y, x)."""
        if "array" in vars(self):
            return super().part(index)
        value = np.float32(self._value)
        return np.where(self._known[index] != 0, self._source[index], value)

    def interpolated(self, maps: FloatArray, points: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return intensities at mapped points; see `interpolate_mapped`."""
        if "array" in vars(self):
            return super().interpolated(maps, points)
        return interpolate_filled(self._source, self._known, self._value, maps, points)
