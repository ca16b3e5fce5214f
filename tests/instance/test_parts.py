"""A part of a body is found in the whole: masks of a part, halves and slabs."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from regkit import AffineTransform, Grid, LabelMap, Pair, Volume, read_labels, read_volume
from regkit.geometry.resampling import resample
from regkit.registration.pipeline import build_method
from regkit.similarity.point_sample import sample_points_in_mask
from regkit.testing import phantom_pairs
from regkit.testing.phantom_pairs import distance_mm
from regkit_instance.prepared_pair import PreparedPair, unmasked_pair

pytestmark = pytest.mark.registration
# As far as the head of the issue was moved: 25 mm, and no small turn.
TURN, SHIFT = Rotation.from_euler("xyz", (6, -7, 9), degrees=True).as_matrix(), (14.0, -11.0, 9.0)
CLOSE_MM = 1.0


class Head:
    """T1 and moved T2 of one brain, and the true map."""

    def __init__(self, folder: Path) -> None:
        self.t1 = read_volume(folder / "2mm_T1.nii.gz", modality="mr")
        self.t2 = read_volume(folder / "2mm_T2.nii.gz", modality="mr")
        self.mask = read_labels(folder / "2mm_brainmask.nii.gz")
        self.brain = self.mask.array > 0
        self.points = sample_points_in_mask(self.t1, self.mask, 2000).points
        self.truth = AffineTransform.about(TURN, SHIFT, self.t1.grid.centre)
        self.moved = resample(self.t2, self.t2.grid, self.truth.inverse(), 0.0)

    def ball(self, centre: tuple[int, int, int], radius: int) -> np.ndarray:
        away = np.stack(np.indices(self.brain.shape), -1) - centre
        return (away**2).sum(axis=-1) < radius**2

    def part(self, name: str) -> np.ndarray:
        z, _, x = np.indices(self.brain.shape)
        return {
            "right hemisphere": self.brain & (x < 48),
            "lower half": self.brain & (z < 45),
            "slab": self.brain & (np.abs(z - 55) < 6),
            "right temporal ball": self.ball((35, 60, 25), 15),
            "left ball": self.ball((50, 60, 68), 20),
        }[name]

    def error_mm(self, pair: Pair, **parameters) -> float:
        found = build_method("fast-mi", parameters).register(pair).transform
        return distance_mm(found, self.truth, self.points)


@pytest.fixture(scope="module")
def head(shared_data: Path) -> Head:
    return Head(shared_data / "mni2009c_multicontrast")


PARTS = ("right hemisphere", "lower half", "slab", "right temporal ball", "left ball")


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("init", ["identity", "centre of mass"])
def test_a_masked_part_of_a_head_is_found(head: Head, name: str, init: str) -> None:
    mask = LabelMap(head.part(name).astype(np.uint8), head.t1.grid)
    away = AffineTransform.shift((9.0, -20.0, -14.0)) if init != "identity" else None
    assert head.error_mm(Pair(head.t1, head.moved, mask, initial=away)) < CLOSE_MM


def moved_header(volume: Volume, by: AffineTransform) -> Volume:
    grid = Grid.from_affine(volume.grid.shape_zyx, by.matrix @ volume.grid.affine)
    return volume.with_array(volume.array, grid)


def test_a_mask_of_the_moving_image_that_marks_a_part_is_found(head: Head) -> None:
    moving = moved_header(head.t2, head.truth)
    mask = LabelMap(head.part("lower half").astype(np.uint8), moving.grid)
    assert head.error_mm(Pair(head.t1, moving, None, mask)) < CLOSE_MM


def cropped(volume: Volume, first: int, last: int, axis: int) -> Volume:
    index = np.zeros(3)
    index[axis] = first
    affine = volume.grid.affine.copy()
    affine[:3, 3] = volume.grid.to_physical(index)
    array = np.ascontiguousarray(volume.array.take(range(first, last), axis=axis))
    return volume.with_array(array, Grid.from_affine(array.shape, affine))


@pytest.mark.parametrize("part", [(0, 48, 2), (30, 48, 0)], ids=["half", "slab"])
@pytest.mark.parametrize("role", ["fixed", "moving"])
def test_a_half_and_a_slab_of_a_head_are_found_in_the_whole(head: Head, part, role: str) -> None:
    fixed, moving = head.t1, head.t2
    if role == "fixed":
        fixed = cropped(fixed, *part)
    else:
        moving = cropped(moving, *part)
    assert head.error_mm(Pair(fixed, moved_header(moving, head.truth))) < CLOSE_MM


def test_what_one_start_finds_competes_until_the_end(head: Head) -> None:
    """Of all starts, the finest level finds one at least as similar."""
    mask = LabelMap(head.part("left ball").astype(np.uint8), head.t1.grid)
    pair = Pair(head.t1, head.moved, mask)
    one, all_of_them = (
        build_method("fast-mi", {"starts": starts}).register(pair).diagnostics["similarity"]
        for starts in (1, "auto")
    )
    assert all_of_them > one - 0.01


def half(volume: Volume, axis: int) -> LabelMap:
    """The half of a field of view at the high end of an axis, z, y or x."""
    array = np.zeros(volume.grid.shape_zyx, np.uint8)
    array[tuple(slice(n // 2 if k == axis else 0, n) for k, n in enumerate(array.shape))] = 1
    return LabelMap(array, volume.grid)


@pytest.mark.parametrize("marked", ["none", "fixed z", "fixed x", "moving z", "moving y"])
@pytest.mark.parametrize(
    "problem",
    [phantom_pairs.two_contrasts, phantom_pairs.oblique, phantom_pairs.table_in_fixed],
    ids=lambda make: make.__name__,
)
def test_many_starts_are_never_worse_than_one(problem, marked: str) -> None:
    """The place that one start leads to competes, so that many find it or one as similar."""
    known = problem()
    role, _, axis = marked.partition(" ")
    image = known.pair.moving if role == "moving" else known.pair.fixed
    masks = {} if role == "none" else {f"{role}_mask": half(image, "zyx".index(axis))}
    pair = replace(known.pair, **masks)
    one, many = (
        build_method("fast-mi", {"starts": starts}).register(pair) for starts in (1, "auto")
    )
    similar = [found.diagnostics["similarity"] for found in (one, many)]
    assert similar[1] > 0.98 * similar[0]
    close = phantom_pairs.VOXEL_MM / 4
    assert known.error_mm(many.transform) < max(known.error_mm(one.transform), close) + 0.5


def test_a_mask_of_all_that_is_shown_is_the_field_of_view(head: Head) -> None:
    stripped = head.t1.with_array(np.where(head.brain, head.t1.array, 0))
    assert unmasked_pair(Pair(stripped, head.t2, head.mask)) is None
    half = LabelMap(head.part("lower half").astype(np.uint8), head.t1.grid)
    without = unmasked_pair(Pair(stripped, head.t2, half))
    assert without is not None
    assert without.fixed_mask is None


@pytest.mark.parametrize("swapped", [False, True])
def test_a_correction_is_the_same_map_in_either_direction(head: Head, swapped: bool) -> None:
    start = AffineTransform.about(TURN.T, (3.0, 4.0, 5.0), head.t1.grid.centre)
    pair = Pair(head.t1, head.t2, initial=start)
    images = PreparedPair.prepare(pair, 1, 0, 8.0, swapped=swapped)
    peak = np.concatenate([TURN, np.reshape(SHIFT, (3, 1))], axis=1)
    correction = images.to_correction(peak)
    assert images.to_map(correction) == pytest.approx(peak, abs=1e-9)
    expected = images.to_transform(peak).map_points(head.points)
    assert (correction @ start).map_points(head.points) == pytest.approx(expected, abs=1e-6)
