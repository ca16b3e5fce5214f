"""Real pairs of images, and known rigid motions of them.

T1, T2 and PD of the ICBM 2009c average brain at 2 mm are aligned by construction; PET and CT of
one hybrid scanner (TCIA Soft-Tissue-Sarcoma as cropped by the IBSI) nearly, as far as a patient
lies still between CT and PET. PET is the fixed image: what needs a CT is the reconstruction of the
emission, on its own grid. T2 and PD are first resampled onto an oblique grid of other voxels, for
voxels that coincide favour standing still.

The head of any size is one person's T1 of 1 mm (MNE), sampled onto 256 x 256 x 204 voxels of 1 x 1
x 1.25 mm, or onto more or fewer, and the same T1 with other gray values, on an oblique grid and
with its own noise. Nothing but interpolation and noise stands between the two, so hundredths of a
millimeter can be told.

A motion moves the header (origin and direction) of the moving image, so that no voxel is
interpolated and the truth is exact.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import gaussian_filter

from regkit import Grid, Transform, Volume, read_labels, read_volume, resample
from regkit.geometry.grid import FloatArray
from regkit.geometry.rotation import rotation_matrix
from regkit.geometry.transform import AffineTransform
from regkit.similarity.point_sample import sample_points, sample_points_in_mask

# Side of the field of view of the head; rotation of the grid of the moving image.
HEAD_MM, OBLIQUE_DEG = 256.0, (7.0, -11.0, 5.0)
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


def heads(data: Path, size: int) -> Iterator[RealPair]:
    """Yield the head of one person in two contrasts, on `size` x `size` x 0.8 `size` voxels."""
    folder = data / "mne_t1_aseg"
    head = read_volume(folder / "T1.mgz", modality="mr")
    brain = sample_points_in_mask(head, read_labels(folder / "aseg.mgz"), 10_000).points
    shape, voxel_mm = (int(0.8 * size), size, size), HEAD_MM / size
    spacing = np.array((voxel_mm, voxel_mm, 1.25 * voxel_mm))
    straight = _grid_around(head.grid.centre, np.eye(3), shape, spacing)
    oblique = _grid_around(head.grid.centre, rotation_matrix(OBLIQUE_DEG), shape, spacing)
    fixed = resample(_smoothed(head, voxel_mm), straight)
    moving = resample(_smoothed(_other_contrast(head), voxel_mm), oblique)
    name = f"head {size} x {size} x {shape[0]}"
    yield RealPair("MNE", name, _noisy(fixed, 0), _noisy(moving, 1), brain)


def of_size(data: Path, size: str) -> Iterator[RealPair]:
    """Yield the brains for ``2mm``, else the head on so many voxels along x and y."""
    return brains(data) if size == "2mm" else heads(data, int(size))


def _other_contrast(head: Volume) -> Volume:
    """Return a T1 with dark and bright exchanged inside the head, as in a T2."""
    gray = np.clip(head.array / np.percentile(head.array, 99.9), 0, 1)
    inside = np.clip((gray - 0.05) / 0.1, 0, 1)  # air stays dark
    return head.with_array((1000 * inside * (1.1 - gray)).astype(np.float32))


def _smoothed(head: Volume, voxel_mm: float) -> Volume:
    """Return a head of 1 mm as blurred as on larger voxels, which then alias little."""
    sigma = 0.42 * np.sqrt(max(voxel_mm**2 - 1, 0))  # a full width at half maximum of one voxel
    return head.with_array(gaussian_filter(head.array.astype(np.float32), sigma))


def _noisy(volume: Volume, seed: int) -> Volume:
    """Return a volume with noise of 1 % of its range."""
    rng = np.random.default_rng(seed)
    noise = 0.01 * np.ptp(volume.array) * rng.standard_normal(volume.array.shape, np.float32)
    return volume.with_array((volume.array + noise).astype(np.float32))


def oblique_grid(grid: Grid) -> Grid:
    """Return a turned grid of other voxels around the same centre."""
    shape, spacing = (100, 116, 98), (2.3, 2.1, 2.2)
    return _grid_around(grid.centre, rotation_matrix(OBLIQUE_DEG), shape, spacing)


def _grid_around(
    centre: ArrayLike, turn: FloatArray, shape: tuple[int, int, int], spacing: ArrayLike
) -> Grid:
    """Return a turned grid around a point: shape z, y, x and spacing x, y, z in mm."""
    affine = np.eye(4)
    affine[:3, :3] = (turn * np.asarray(spacing))[:, ::-1]
    affine[:3, 3] = centre - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
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
