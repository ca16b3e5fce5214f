"""Scenes of the 3-D viewer on a page: a pair before and after, as small embedded images.

The viewer is NiiVue (BSD 2-Clause, https://github.com/niivue/niivue), shipped in
``static/niivue`` with its licence.
"""

from __future__ import annotations

import base64
import gzip
from functools import cache
from importlib.resources import files
from typing import Any

import nibabel as nib
import numpy as np
from markupsafe import Markup
from scipy.ndimage import gaussian_filter

from regkit.geometry.grid import Grid
from regkit.geometry.resampling import resample
from regkit.geometry.transform import IDENTITY, Transform
from regkit.geometry.volume import Volume
from regkit.io.raw_image import ras_from_lps
from regkit.report.fusion import COLOR_STOPS, DisplayRange

# Voxels of one image in a page: about 0.3 MB, and smooth to turn without a graphics card.
MAX_VOXELS = 350_000


def scene(fixed: Volume, moving: Volume, before: Transform, after: Transform) -> dict[str, Any]:
    """Return the scene of a pair as plain data for the viewer.

    All images lie on one grid over the fixed field of view, with intensities as bytes.

    Parameters
    ----------
    fixed, moving
        The images.
    before, after
        Transforms from fixed to moving points, LPS mm.

    Returns
    -------
    dict
        ``fixed``, ``before`` and ``after``: the fixed image and the moving one under both maps,
        as gzipped NIfTI in base64. ``above``: ``fixed`` or ``moving``, whichever is drawn in warm
        colours on the other.
    """
    grid = _grid(fixed.grid, min(*fixed.grid.spacing, *moving.grid.spacing))
    displays = DisplayRange.of(fixed), DisplayRange.of(moving)
    smooth_fixed = _smooth(fixed, grid)
    smooth_moving = _smooth(moving, grid)
    return {
        "fixed": _encoded_nifti(
            resample(smooth_fixed, grid, IDENTITY, displays[0].low), displays[0]
        ),
        "before": _encoded_nifti(
            resample(smooth_moving, grid, before, displays[1].low), displays[1]
        ),
        "after": _encoded_nifti(
            resample(smooth_moving, grid, after, displays[1].low), displays[1]
        ),
        "above": "fixed" if displays[0].warm and not displays[1].warm else "moving",
    }


@cache
def niivue() -> Markup:
    """Return the code of the viewer, safe inside a page's script tag."""
    folder = files("regkit.report") / "static" / "niivue" / "niivue.umd.js"
    code = folder.read_text(encoding="utf-8").replace("</script", "<\\/script")
    return Markup(code)  # noqa: S704 - our own file


@cache
def licences() -> str:
    """Return the licences of the viewer and of what is part of it."""
    folder = files("regkit.report") / "static" / "niivue"
    texts = [
        (folder / name).read_text(encoding="utf-8") for name in ("LICENSE.txt", "THIRD_PARTY.txt")
    ]
    return "NiiVue\n\n" + "\n\n".join(texts)


def warm_color_map() -> dict[str, list[int]]:
    """Return NiiVue's color map of uptake; faint uptake is transparent."""
    at, *channels = np.transpose(COLOR_STOPS)
    names = dict(
        zip("RGB", (np.rint(255 * c).astype(int).tolist() for c in channels), strict=True)
    )
    return {**names, "A": [0, 255, 255, 255, 255], "I": np.rint(255 * at).astype(int).tolist()}


def _grid(fixed: Grid, finest: float) -> Grid:
    """Return a grid over the fixed field of view, as fine as the finer image within the limit."""
    extent = np.asarray(fixed.shape_zyx[::-1]) * np.asarray(fixed.spacing)
    size = finest
    while np.prod(np.maximum(1, np.round(extent / size))) > MAX_VOXELS:
        size *= 1.02
    shape = np.maximum(1, np.round(extent / size)).astype(int)
    sx, sy, sz = (extent / shape).tolist()
    nx, ny, nz = shape.tolist()
    # The first voxel's centre is half a voxel inside the same corner.
    corner = (np.array([1 / nz, 1 / ny, 1 / nx]) * fixed.shape_zyx - 1) / 2
    x, y, z = fixed.to_physical(corner[None])[0].tolist()
    return Grid((nz, ny, nx), (sx, sy, sz), (x, y, z), fixed.direction)


def _smooth(volume: Volume, grid: Grid) -> Volume:
    """Smooth away the details that are finer than a coarser grid."""
    coarser = max(grid.spacing) / np.asarray(volume.grid.spacing[::-1])
    sigma = 0.4 * np.sqrt(np.maximum(coarser**2 - 1, 0))
    array = gaussian_filter(np.nan_to_num(volume.array.astype(np.float32)), sigma, mode="nearest")
    return Volume(array, volume.grid, volume.modality)


def _encoded_nifti(volume: Volume, display: DisplayRange) -> str:
    scaled = display.scale(volume.array.astype(np.float32))
    image = nib.Nifti1Image(
        np.rint(255 * scaled).astype(np.uint8).T, ras_from_lps(volume.grid.affine)
    )
    image.header.set_xyzt_units("mm")
    return base64.b64encode(gzip.compress(image.to_bytes(), 9, mtime=0)).decode("ascii")
