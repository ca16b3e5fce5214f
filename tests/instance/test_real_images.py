"""Real pairs after known motions of a header, so that no voxel is interpolated."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from regkit import AffineTransform, Grid, Pair, Volume, read_volume
from regkit.geometry.transform import Transform
from regkit.registration.pipeline import build_method
from regkit.registration.run import run
from regkit.similarity.point_sample import sample_points
from regkit.testing.phantom_pairs import distance_mm

pytestmark = pytest.mark.registration


def moved(volume: Volume, by: AffineTransform) -> Volume:
    grid = Grid.from_affine(volume.grid.shape_zyx, by.matrix @ volume.grid.affine)
    return volume.with_array(volume.array, grid)


def anywhere(seed: int, centre: tuple[float, float, float]) -> AffineTransform:
    """Any rotation, and up to 100 mm along each axis."""
    rng = np.random.default_rng(seed)
    turn = Rotation.random(rng=rng).as_matrix()
    return AffineTransform.about(turn, rng.uniform(-100, 100, 3), centre)


def error_mm(found: Transform, truth: Transform, fixed: Volume) -> float:
    sample = sample_points(fixed)
    return distance_mm(found, truth, sample.points[sample.foreground])


@pytest.mark.parametrize("method", ["fast-mi", "fast-cr"])
@pytest.mark.parametrize("contrast", ["T2", "PD"])
def test_a_brain_is_found_wherever_it_is(shared_data: Path, method: str, contrast: str) -> None:
    brain = shared_data / "mni2009c_multicontrast"
    fixed = read_volume(brain / "2mm_T1.nii.gz", modality="mr")
    moving = read_volume(brain / f"2mm_{contrast}.nii.gz", modality="mr")
    for seed in range(3):
        truth = anywhere(seed, fixed.grid.centre)
        result = run(build_method(method), Pair(fixed, moved(moving, truth)))
        assert error_mm(result.transform, truth, fixed) < 1.0
        assert result.verdict.status == "OK"


@pytest.mark.parametrize("patient", ["STS_003", "STS_010", "STS_014", "STS_029"])
def test_pet_and_ct_of_a_limb_come_together(shared_data: Path, patient: str) -> None:
    """To about a voxel of PET: the patients lay nearly, not quite, still in between."""
    folder = shared_data / "ibsi_sts" / patient
    fixed = read_volume(folder / "PET_image.nii.gz", modality="pet")
    moving = read_volume(folder / "CT_image.nii.gz", modality="ct")
    turn = Rotation.from_euler("xyz", (12, -18, 15), degrees=True).as_matrix()
    truth = AffineTransform.about(turn, (45.0, -30.0, 35.0), fixed.grid.centre)
    found = build_method("fast-mi").register(Pair(fixed, moved(moving, truth))).transform
    assert error_mm(found, truth, fixed) < 5.5
