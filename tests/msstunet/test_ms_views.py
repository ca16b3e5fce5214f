"""What a network sees in training: the same as SimpleITK resamples, where the numbers say."""

import dataclasses
from functools import partial

import numpy as np
import pytest

from lv_phantom import GRIDS, NUMBERS, Phantom, labels_of, points_of, pose_on
from regkit import AffineTransform, Volume
from regkit.errors import ParameterError
from regkit.geometry.resampling import resample
from regkit.learning.case_cache import CaseCache
from regkit.metrics.segmentation import dice_of
from regkit_msstunet.geometry import cube, half_width_mm, pose_numbers, pose_transform
from regkit_msstunet.preprocessing import preprocess_emission
from regkit_msstunet.train.cases import VentricleCase, cache_ventricle, read_ventricle
from regkit_msstunet.train.config import ReorientationConfig
from regkit_msstunet.train.pose_augmentation import (
    HEART_HALF_LENGTH_MM,
    PoseAugmentation,
    native_pose,
    sample_pose,
)
from regkit_msstunet.train.pose_sampler import PoseSampler

CHOICES = ReorientationConfig(grid_size=48, spacing_mm=6.8, intensity_gamma=0.5)
USUAL = np.array(NUMBERS)
PREPARE = partial(cache_ventricle, spacing_mm=6.8, gamma=0.5)


def read_cases(pool: CaseCache) -> list[VentricleCase]:
    return [read_ventricle(*stored) for stored in pool.load()]


class Cases:
    """A dataset of one phantom on each kind of grid."""

    name = "phantoms"

    def __init__(self, *cases) -> None:
        self.cases = cases or [Phantom(g, pose_on(g)).case(kind) for kind, g in GRIDS.items()]

    def __len__(self) -> int:
        return len(self.cases)

    def __iter__(self):
        return iter(self.cases)


@pytest.fixture(scope="module")
def pooled(tmp_path_factory):
    pool = CaseCache(Cases(), tmp_path_factory.mktemp("pool"), PREPARE)
    list(pool.build("cases"))
    return dict(zip(GRIDS, read_cases(pool), strict=True))


@pytest.mark.parametrize("kind", list(GRIDS))
def test_an_image_is_resampled_exactly_once(pooled, kind) -> None:
    views = PoseSampler(CHOICES, [pooled[kind]], ())
    numbers = np.add(NUMBERS, (0.3, 0.1, -0.2, 0.05, 0.1, -0.1))
    seen = views.image(PoseAugmentation(0, numbers)).numpy()
    case = Phantom(GRIDS[kind], pose_on(GRIDS[kind])).case()
    through = case.truth @ pose_transform(numbers, views.grid).inverse()
    ready = preprocess_emission(case.pair.moving, 6.8, 0.5)
    judge = resample(ready, views.grid, through).array
    inside = resample(Volume(np.ones(ready.array.shape), ready.grid), views.grid, through).array
    deep = (inside > 0.999) & (seen > 0)
    assert deep.mean() > 0.1
    # Kept in 255ths; within half a voxel of the border one fades and the other does not.
    close = np.abs(seen - judge)[deep] < 1 / 255
    assert close.mean() > 0.97


@pytest.mark.parametrize("kind", list(GRIDS))
def test_a_drawn_pose_is_where_the_ventricle_then_is(pooled, kind) -> None:
    views = PoseSampler(CHOICES, [pooled[kind]], ())
    numbers = np.add(NUMBERS, (-0.4, 0.2, 0.2, -0.1, -0.1, 0.1))
    seen = views.image(PoseAugmentation(0, numbers)).numpy()
    labels = labels_of(
        pose_transform(numbers, views.grid).inverse().map_points(points_of(views.grid))
    )
    wall, pool, rest = (seen[labels == label].mean() for label in (1, 2, 0))
    assert wall > 1.3 * pool
    assert wall > 2 * rest


@pytest.fixture(scope="module")
def from_image(tmp_path_factory):
    """Cases whose planes have other voxels: one each on an oblique and on a plain grid."""
    cases = Cases(*(Phantom(GRIDS[k], pose_on(GRIDS[k])).case(k) for k in ("oblique", "plain")))
    prepare = partial(cache_ventricle, spacing_mm=3.4, gamma=0.5)
    pool = CaseCache(cases, tmp_path_factory.mktemp("pool"), prepare)
    list(pool.build("cases"))
    return read_cases(pool)


def test_labels_of_the_image_are_those_of_the_short_axis_at_every_zoom(from_image) -> None:
    outputs = [(48, 1.0), (24, 0.5), (12, 0.25)]
    views = PoseSampler(CHOICES, [from_image[0]], outputs)
    wide = 2 * half_width_mm(views.grid)
    for found, (size, zoom) in zip(views.labels(0), outputs, strict=True):
        true = labels_of(points_of(cube(size, wide * zoom / (size - 1))))
        for label in (1, 2):
            assert dice_of(found.numpy() == label, true == label) > 0.85, (size, zoom, label)


@pytest.mark.parametrize("size", [32, 33, 34])
def test_labels_of_any_look_are_as_large_as_the_ventricle(from_image, size) -> None:
    """A look's voxels of about twice the labels' own must not see all borders too far out."""
    choices = ReorientationConfig(grid_size=96, spacing_mm=3.4)
    case, zoom = from_image[1], 33 / 95  # 34 of 96 voxels are the cube's own, 32 and 33 larger
    (found,) = PoseSampler(choices, [case], [(size, zoom)]).labels(0)
    voxel = zoom * 95 * 3.4 / (size - 1)
    for label in (1, 2):
        true = float((case.labels == label).sum()) * case.frame.spacing[0] ** 3
        assert float((found == label).sum()) * voxel**3 == pytest.approx(true, rel=0.015)


def test_labels_of_the_planes_are_seen_as_they_are(tmp_path) -> None:
    grid, planes = GRIDS["plain"], cube(64, 3.4, (40.0, -10.0, 7.0))
    cases = Cases(Phantom(grid, pose_on(grid)).case(fixed=planes))
    pool = CaseCache(cases, tmp_path, partial(cache_ventricle, spacing_mm=3.4, gamma=0.5))
    list(pool.build("cases"))
    choices = ReorientationConfig(grid_size=96, spacing_mm=3.4)
    outputs = [(96, 1.0), (64, 63 / 95), (32, 31 / 95)]
    for found, (size, _) in zip(
        PoseSampler(choices, read_cases(pool), outputs).labels(0), outputs, strict=True
    ):
        np.testing.assert_array_equal(found.numpy(), labels_of(points_of(cube(size, 3.4))))


def test_own_numbers_are_the_truth(pooled) -> None:
    for kind, case in pooled.items():
        grid = cube(48, 6.8)
        expected = pose_numbers(pose_on(GRIDS[kind]), cube(48, 6.8, GRIDS[kind].centre))
        np.testing.assert_allclose(native_pose(case, grid, CHOICES), expected, atol=1e-6)


def test_draws_stay_in_their_ranges_with_the_heart_in_view(pooled) -> None:
    grid, cases = cube(48, 6.8), list(pooled.values())
    drawn = [sample_pose(CHOICES, cases, grid, USUAL, (0, step, 0)) for step in range(100)]
    numbers = np.stack([one.numbers for one in drawn])
    half = half_width_mm(grid)
    assert (numbers[:, :3] >= CHOICES.angles_low).all()
    assert (numbers[:, :3] <= CHOICES.angles_high).all()
    assert (numbers[:, 3:] * half >= np.subtract(CHOICES.centre_low, 1e-6)).all()
    assert (numbers[:, 3:] * half <= np.add(CHOICES.centre_high, 1e-6)).all()
    assert (np.abs(numbers[:, 3:]) * half + HEART_HALF_LENGTH_MM <= half + 1e-6).all()
    assert np.ptp(numbers, axis=0).min() > 0.1
    again = sample_pose(CHOICES, cases, grid, USUAL, (0, 7, 0))
    np.testing.assert_array_equal(again.numbers, drawn[7].numbers)


def test_own_poses_are_moved_by_little(pooled) -> None:
    choices = ReorientationConfig(
        grid_size=48, spacing_mm=6.8, native_pose_prob=1.0, jitter_deg=5.0, jitter_mm=9.0
    )
    grid, cases = cube(48, 6.8), list(pooled.values())
    for step in range(20):
        one = sample_pose(choices, cases, grid, USUAL, (0, step, 0))
        own = pose_transform(native_pose(cases[one.case], grid, choices), grid)
        left = pose_transform(one.numbers, grid) @ own.inverse()
        shift = np.abs(left.map_points((0.0, 0.0, 0.0)))
        assert shift.max() <= 9.0 + 1e-6
        cosine = (np.trace(left.matrix[:3, :3]) - 1) / 2
        assert np.rad2deg(np.arccos(np.clip(cosine, -1, 1))) <= 5.0 * np.sqrt(3) + 1e-6


def test_what_is_seen_as_it_came_is_not_moved(pooled) -> None:
    grid, cases = cube(48, 6.8), list(pooled.values())
    for step in range(10):
        one = sample_pose(CHOICES, cases, grid, USUAL, (0, step, 0), unaugmented=True)
        own = native_pose(cases[one.case], grid, CHOICES)
        np.testing.assert_array_equal(one.numbers, own)


def test_further_looks_are_of_the_mean_pose_but_for_little(pooled) -> None:
    choices = ReorientationConfig(
        grid_size=48, spacing_mm=6.8, mean_pose_prob=1.0, jitter_deg=5.0, jitter_mm=9.0
    )  # fmt: skip
    grid, cases = cube(48, 6.8), list(pooled.values())
    drawn = [sample_pose(choices, cases, grid, USUAL, (0, step, 0)).numbers for step in range(50)]
    apart = np.abs(np.array(drawn) - USUAL) * [*(180 / np.pi,) * 3, *(half_width_mm(grid),) * 3]
    assert (apart <= [*(5.0,) * 3, *(9.0,) * 3]).all()
    assert (apart.max(axis=0) > [*(4.0,) * 3, *(7.0,) * 3]).all()


def test_intensities_are_drawn_too(pooled) -> None:
    views = PoseSampler(CHOICES, [pooled["plain"]], ())
    plain = views.image(PoseAugmentation(0, np.array(NUMBERS)))
    darker = views.image(PoseAugmentation(0, np.array(NUMBERS), gamma=2.0))
    np.testing.assert_allclose(darker.numpy(), plain.numpy() ** 2, atol=1e-6)
    noisy = views.image(PoseAugmentation(0, np.array(NUMBERS), noise=0.1, seed=5))
    assert (noisy - plain).std().item() == pytest.approx(0.1, rel=0.05)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda c: {"truth": None}, "no rigid truth"),
        (lambda c: {"truth": AffineTransform(np.diag([2.0, 1, 1, 1]))}, "no rigid truth"),
        (lambda c: {"moving_labels": None}, "no labels of its moving image"),
        (
            lambda c: {"moving_labels": c.moving_labels.with_array(0 * c.moving_labels.array)},
            "no labels of myocardium and blood pool",
        ),
    ],
)
def test_cases_that_teach_nothing_are_named(tmp_path, spoil, says) -> None:
    grid = GRIDS["plain"]
    case = Phantom(grid, pose_on(grid)).case("p7")
    broken = dataclasses.replace(case, **spoil(case))
    with pytest.raises(ParameterError, match=f"case p7 has {says}"):
        list(CaseCache(Cases(broken), tmp_path, PREPARE).build("cases"))
