"""Images preprocessed for a network: intensities from 0 to 1, smoothed for its grid."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from regkit.geometry.grid import FloatArray, Grid, Vector3
from regkit.geometry.resampling import resample
from regkit.geometry.transform import IDENTITY
from regkit.geometry.volume import LabelMap, Volume
from regkit.similarity.intensity import CT_WINDOW_HU, intensity_window, stabilize_variance
from regkit.similarity.point_sample import sample_points

# Linear attenuation in 1/cm: with it, air, water and bone of an attenuation map lie where
# CT_WINDOW_HU puts those of a CT.
MU_WINDOW = (0.0, 0.2)
INTENSITY_WINDOWS = {"ct": CT_WINDOW_HU, "mu": MU_WINDOW}
# Standard deviation, in voxels of the network, of the Gaussian that stands for averaging over such
# a voxel; chosen by hand.
ANTIALIAS_SIGMA = 0.4


def preprocess(
    volume: Volume, modality: str, spacing: Vector3, mask: LabelMap | None = None
) -> Volume:
    """Scale the intensities of an image to 0 to 1 and smooth it for the voxels of a network.

    Parameters
    ----------
    volume
        Image on any grid.
    modality
        Modality of an image that does not say.
    spacing
        Voxel size of the network along x, y, z in mm; the image is smoothed for it, on its own
        grid or a coarser one over the same field of view.
    mask
        Mask outside which the image is unknown, NaN.

    Returns
    -------
    Volume
        Intensities within 0 and 1, or NaN.

    Raises
    ------
    RegistrationError
        The image is constant.
    """
    known = Volume(volume.array, volume.grid, volume.modality or modality)
    scaled = known.with_array(_scaled(known))
    smooth = antialias_downsample(scaled, spacing)
    if mask is None:
        return smooth
    marked = resample(mask, smooth.grid, IDENTITY).array != 0
    return smooth.with_array(np.where(marked, smooth.array, np.nan))


def antialias_downsample(volume: Volume, spacing: Vector3) -> Volume:
    """Smooth an image for larger voxels, and resample it to half their size if it is finer.

    Parameters
    ----------
    volume
        Image on any grid.
    spacing
        Voxel size of the network along x, y, z in mm.
    """
    return _downsampled(_smoothed(volume, spacing), spacing)


def slice_axis(grid: Grid) -> int:
    """Return the array axis that runs most along z, LPS: that of transaxial slices."""
    return 2 - int(np.abs(np.reshape(grid.direction, (3, 3))[2]).argmax())


def pad_in_plane(volume: Volume, margin_mm: float) -> Volume:
    """Pad an image within its transaxial slices: by air where 0 is air, else by its edge values.

    Air, because edge padding would extend an oblique body into an artificial bar. Nothing is
    added beyond the first and last slice, where the body continues and is unknown.

    Parameters
    ----------
    volume
        Image on any grid.
    margin_mm
        Width of the padding in mm.
    """
    axis = slice_axis(volume.grid)
    counts = [
        0 if i == axis else int(np.ceil(margin_mm / s))
        for i, s in enumerate(volume.grid.spacing[::-1])
    ]
    widths = [(n, n) for n in counts]
    array = np.pad(volume.array, widths, mode="edge")
    if volume.modality in INTENSITY_WINDOWS:  # beside what a mask hides there is no air either
        array = np.where(np.isnan(array), array, np.pad(volume.array, widths))
    x, y, z = volume.grid.to_physical(np.negative(counts)).tolist()
    a, b, c = array.shape
    return volume.with_array(array, replace(volume.grid, shape_zyx=(a, b, c), origin=(x, y, z)))


def fill_unknown(volume: Volume, fill_value: float) -> NDArray[np.float32]:
    """Return the array (z, y, x) with a fill value instead of NaN."""
    return np.asarray(np.nan_to_num(volume.array, nan=fill_value), dtype=np.float32)


def _scaled(volume: Volume) -> FloatArray:
    array = stabilize_variance(volume.array, volume.modality)
    low, high = INTENSITY_WINDOWS.get(volume.modality) or intensity_window(
        sample_points(volume.with_array(array)).values, volume.modality
    )
    return np.asarray(np.clip((array - low) / (high - low), 0, 1))


def _smoothed(volume: Volume, spacing: Vector3) -> Volume:
    own = np.asarray(volume.grid.spacing)
    # Along the image's own axes; a network's voxels are nearly cubes.
    coarse = np.full(3, min(spacing))
    deviation = ANTIALIAS_SIGMA * np.sqrt(np.maximum(coarse**2 - own**2, 0)) / own
    return volume.with_array(gaussian_filter(volume.array, deviation[::-1], mode="nearest"))


def _downsampled(volume: Volume, spacing: Vector3) -> Volume:
    """Resample to voxels half as large as the network's along axes on which they are smaller."""
    grid = volume.grid
    finest = min(spacing) / 2
    sizes = np.asarray(grid.shape_zyx), np.asarray(grid.spacing[::-1])
    counts = np.minimum(sizes[0], np.maximum(1, np.ceil(sizes[0] * sizes[1] / finest - 1e-6)))
    if (counts == sizes[0]).all():
        return volume
    ratio = sizes[0] / counts
    x, y, z = grid.to_physical((ratio - 1) / 2).tolist()
    nz, ny, nx = (int(n) for n in counts)
    sz, sy, sx = (sizes[1] * ratio).tolist()
    coarser = Grid((nz, ny, nx), (sx, sy, sz), (x, y, z), grid.direction)
    return resample(volume, coarser)
