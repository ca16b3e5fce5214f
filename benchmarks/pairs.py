"""Real pairs of images, and known rigid motions of them.

T1, T2 and PD of the ICBM 2009c average brain at 2 mm are aligned by construction; PET and CT of
one hybrid scanner (TCIA Soft-Tissue-Sarcoma as cropped by the IBSI) nearly, as far as a patient
lies still between CT and PET. PET is the fixed image: what needs a CT is the reconstruction of the
emission, on its own grid. T2 and PD are first resampled onto an oblique grid of other voxels, for
voxels that coincide favour standing still.

A motion moves the header (origin and direction) of the moving image, so that no voxel is
interpolated and the truth is exact.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from regkit import Grid, Transform, Volume, read_labels, read_volume, resample
from regkit.geometry.grid import FloatArray
from regkit.geometry.rotation import rotation_matrix
from regkit.geometry.transform import AffineTransform
from regkit.similarity.point_sample import sample_points, sample_points_in_mask

SHARED = Path(__file__).parents[2] / "shared" / "data"


@dataclass(frozen=True, eq=False)
class RealPair:
    """Two images as aligned as they come.

    Parameters
    ----------
    dataset, name
        What to call it.
    fixed, moving
        The images.
    points
        Where errors are measured, LPS mm, shape (N, 3): in the brain, or in the body.
    """

    dataset: str
    name: str
    fixed: Volume
    moving: Volume
    points: FloatArray


def brains(data: Path) -> Iterator[RealPair]:
    """Yield T1/T2 and T1/PD of the average brain."""
    folder = data / "mni2009c_multicontrast"
    t1 = read_volume(folder / "2mm_T1.nii.gz", modality="mr")
    brain = sample_points_in_mask(t1, read_labels(folder / "2mm_brainmask.nii.gz"), 10_000).points
    for contrast in ("T2", "PD"):
        moving = read_volume(folder / f"2mm_{contrast}.nii.gz", modality="mr")
        oblique = resample(moving, oblique_grid(moving.grid))
        yield RealPair("MNI", f"T1/{contrast}", t1, oblique, brain)


def pet_ct(data: Path) -> Iterator[RealPair]:
    """Yield PET and CT of eight thighs."""
    for folder in sorted((data / "ibsi_sts").glob("STS_*")):
        pet = read_volume(folder / "PET_image.nii.gz", modality="pet")
        ct = read_volume(folder / "CT_image.nii.gz", modality="ct")
        sample = sample_points(pet)
        yield RealPair("PET/CT", folder.name, pet, ct, sample.points[sample.foreground])


def oblique_grid(grid: Grid) -> Grid:
    """Return a turned grid of other voxels around the same centre."""
    shape, spacing = (100, 116, 98), (2.3, 2.1, 2.2)
    affine = np.eye(4)
    affine[:3, :3] = (rotation_matrix((7, -11, 5)) * spacing)[:, ::-1]
    affine[:3, 3] = grid.centre - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Grid.from_affine(shape, affine)


def moved(volume: Volume, by: AffineTransform) -> Volume:
    """Move an image rigidly by its header."""
    grid = Grid.from_affine(volume.grid.shape_zyx, by.matrix @ volume.grid.affine)
    return volume.with_array(volume.array, grid)


def random_motion(
    rng: np.random.Generator, angle_deg: float, offset_mm: float, centre: FloatArray
) -> AffineTransform:
    """Draw a motion about a centre.

    Rotations are uniform among those of at most `angle_deg` (180: all of SO(3), Haar measure);
    offsets have any direction and a length uniform up to `offset_mm`.
    """
    angle = _angle(rng.random(), np.deg2rad(angle_deg))
    turn = _rotation(_direction(rng), angle)
    return AffineTransform.about(turn, _direction(rng) * rng.uniform(0, offset_mm), centre)


def tre_mm(found: Transform, truth: Transform, points: FloatArray) -> FloatArray:
    """Return how far each point (N, 3) lands from where it belongs, mm."""
    return np.linalg.norm(found.map_points(points) - truth.map_points(points), axis=1)


def _angle(share: float, largest: float) -> float:
    """Return the angle (radians) below which lies a share of all rotations up to the largest."""
    low, high = 0.0, largest
    for _ in range(60):
        middle = (low + high) / 2
        below = (middle - np.sin(middle)) < share * (largest - np.sin(largest))
        low, high = (middle, high) if below else (low, middle)
    return low


def _direction(rng: np.random.Generator) -> FloatArray:
    vector = rng.standard_normal(3)
    return vector / np.linalg.norm(vector)


def _rotation(axis: FloatArray, angle: float) -> FloatArray:
    """Rodrigues' formula."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
