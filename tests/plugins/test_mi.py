"""Mutual information finds exact motions of a phantom in two contrasts."""

from collections.abc import Iterator

import numpy as np
import pytest
import SimpleITK as sitk

from phantoms import MOTION, SMALL, small_pair
from regkit import (
    AffineTransform,
    DisplacementField,
    Grid,
    LabelMap,
    Pair,
    Transform,
    Volume,
    read_volume,
    rigid,
    run,
)
from regkit.errors import RegistrationError
from regkit.similarity.point_sample import sample_points
from regkit.testing.phantom import thorax
from regkit_classic.mi import MutualInformation

pytestmark = pytest.mark.registration

BODY = np.random.default_rng(0).uniform(-70, 70, (200, 3))


def _error_mm(found: Transform, truth: Transform) -> float:
    return float(np.linalg.norm(found.map_points(BODY) - truth.map_points(BODY), axis=1).mean())


@pytest.mark.parametrize("seed", range(3))
def test_a_motion_is_found_within_a_fraction_of_a_voxel(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rigid(rng.uniform(-15, 15, 3), rng.uniform(-20, 20, 3))
    found = MutualInformation().register(small_pair(truth)).transform
    assert found.is_rigid
    assert _error_mm(found, truth) < 1.5


def test_a_turn_about_a_centre_that_agrees_is_found_without_a_leap() -> None:
    fixed = thorax(SMALL, "pet")
    sample = sample_points(fixed)
    truth = rigid((0, 25, 0), centre_mm=sample.points[sample.foreground].mean(axis=0))
    found = MutualInformation().register(Pair(fixed, thorax(SMALL, "ct", truth))).transform
    assert _error_mm(found, truth) < 1.5


def test_an_affine_motion_is_found() -> None:
    linear = rigid((5, -4, 6)).matrix[:3, :3] @ np.diag([1.08, 0.94, 1.05])
    truth = AffineTransform.about(linear, (6, -5, 8), (0, 0, 0))
    pair = small_pair(truth)
    turned, stretched = (
        MutualInformation(model=model).register(pair).transform for model in ("rigid", "affine")
    )
    assert _error_mm(stretched, truth) < 2 < _error_mm(turned, truth)


def test_a_few_thick_slices_are_enough() -> None:
    slab = Grid((6, 48, 48), (7.0, 7.0, 12.0), (-164.5, -164.5, -30.0))
    truth = rigid((0, 0, 8), (12, -9, 4))
    pair = Pair(thorax(slab, "pet"), thorax(SMALL, "ct", truth))
    found = MutualInformation().register(pair).transform
    points = BODY * (1, 1, 0.3)
    miss = np.linalg.norm(found.map_points(points) - truth.map_points(points), axis=1)
    assert miss.mean() < 6  # half a slice


def test_the_total_map_includes_a_non_linear_initial_map() -> None:
    grid = Grid((9, 9, 9), (60.0, 60.0, 60.0), (-240.0, -240.0, -240.0))
    index = np.stack(np.meshgrid(*map(np.arange, grid.shape_zyx), indexing="ij"), axis=-1)
    bend = np.sin(grid.to_physical(index)[..., ::-1] / 60) * 8
    initial = DisplacementField(bend, grid)
    found = MutualInformation().register(small_pair(initial, initial=initial)).transform
    # The images are aligned at the start: what was bent stays bent.
    assert _error_mm(found, initial) < 3 < _error_mm(rigid(), initial)


def test_outside_of_the_moving_image_is_unknown_not_air() -> None:
    covered = Grid((18, 36, 36), (9.0, 9.0, 9.0), (-157.5, -157.5, -85.5))
    pair = Pair(thorax(SMALL, "pet"), thorax(covered, "ct", MOTION))
    assert _error_mm(MutualInformation().register(pair).transform, MOTION) < 3


def test_the_same_seed_gives_the_same_answer_on_any_number_of_threads() -> None:
    pair = small_pair()
    one, again, two = (MutualInformation(threads=n).register(pair).transform for n in (1, 1, 2))
    assert one == again
    assert _error_mm(one, two) < 1e-3
    other = MutualInformation(seed=1).register(pair).transform
    assert 1e-6 < _error_mm(one, other) < 1.5


@pytest.fixture
def two_threads_of_itk() -> Iterator[None]:
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(2)
    yield
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)


@pytest.mark.usefixtures("two_threads_of_itk")
def test_by_default_the_answer_is_the_same_to_the_last_digit() -> None:
    pair = small_pair()
    first, *more = (MutualInformation(levels=2).register(pair).transform for _ in range(4))
    assert all(np.array_equal(first.matrix, other.matrix) for other in more)


def test_a_search_that_loses_its_way_ends_where_it_began_and_says_so() -> None:
    grid = Grid((8, 8, 8))
    images = (Volume(np.random.default_rng(seed).random(grid.shape_zyx), grid) for seed in (0, 1))
    initial = rigid((3, 2, 1), (0.3, 0.2, 0.1), grid.centre)
    result = run(MutualInformation(), Pair(*images, initial=initial))
    assert result.transform == initial
    assert result.verdict.status == "FAIL"
    assert any(
        "less similar than the initial transform" in reason for reason in result.verdict.reasons
    )


def test_what_happened_on_each_level_is_told() -> None:
    levels = MutualInformation(levels=2).register(small_pair()).diagnostics["levels"]
    assert [level["spacing_mm"] for level in levels] == pytest.approx([18, 9])
    assert all(level["mutual_information"] > 0 < level["iterations"] for level in levels)
    assert all("step" in level["stop"].lower() for level in levels)


def test_no_overlap_in_the_masks_is_told() -> None:
    pair = small_pair()
    here, there = np.zeros((2, *SMALL.shape_zyx), dtype=np.uint8)
    here[2:10], there[-10:-2] = 1, 1
    pair = Pair(pair.fixed, pair.moving, LabelMap(here, SMALL), LabelMap(there, SMALL))
    with pytest.raises(RegistrationError, match="maps inside the moving"):
        MutualInformation().register(pair)


def test_a_patch_without_contrast_is_refused() -> None:
    pair = small_pair()
    corner = np.zeros(SMALL.shape_zyx, dtype=np.uint8)
    corner[:3, :3, :3] = 1
    with pytest.raises(RegistrationError, match="constant in its mask"):
        MutualInformation().register(
            Pair(pair.fixed, pair.moving, moving_mask=LabelMap(corner, SMALL))
        )


def test_mr_contrasts_of_a_brain(shared_data) -> None:
    folder = shared_data / "mni2009c_multicontrast"
    t1, t2 = (read_volume(folder / f"2mm_{name}.nii.gz", modality="mr") for name in ("T1", "T2"))
    truth = rigid((9, -6, 12), (10, -15, 8), t1.grid.centre)
    grid = Grid.from_affine(t2.grid.shape_zyx, truth.matrix @ t2.grid.affine)
    found = MutualInformation().register(Pair(t1, t2.with_array(t2.array, grid))).transform
    points = BODY + t1.grid.centre
    miss = np.linalg.norm(found.map_points(points) - truth.map_points(points), axis=1)
    assert miss.mean() < 1


def test_simpleitk_is_asked_for_no_more_threads_than_given() -> None:
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    MutualInformation(threads=1).register(small_pair())
    assert sitk.ProcessObject.GetGlobalDefaultNumberOfThreads() == before
