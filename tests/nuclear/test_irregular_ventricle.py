"""Laws of irregular ventricles: whole, of believable size, and in the frame of their labels."""

from functools import cache

import numpy as np
import pytest
from scipy.ndimage import binary_dilation, label

from regkit.geometry.grid import Grid
from regkit.geometry.transform import AffineTransform
from regkit.geometry.volume import LabelMap
from regkit_nuclear.cohorts.lv_hard import SHOWN_MM, LvPetHard, truncated
from regkit_nuclear.painting.shapes import grid_points
from regkit_nuclear.phantoms.thorax.irregular import draw_irregular_ventricle
from regkit_nuclear.phantoms.thorax.patient import draw_thorax_patient
from regkit_nuclear.phantoms.thorax.ventricle import draw_ventricle
from regkit_ventricle.axis import long_axis
from small_cohorts import small

pytestmark = pytest.mark.simulation

SEEDS = range(6)
# Voxels that no fit of the simulation has.
GRID = Grid((68, 68, 68), (2.5, 2.5, 2.5), (-83.9, -83.4, -84.1))

each_seed = pytest.mark.parametrize("seed", SEEDS)


def labels_of(ventricle):
    whole, blood = ventricle.distances(ventricle.straightened(grid_points(GRID)))
    labels = (whole < 0).astype(np.uint8)
    labels[blood < 0] = 2
    return LabelMap(labels, GRID)


@cache
def drawn(seed):
    return labels_of(draw_irregular_ventricle(seed))


def points(mask):
    return GRID.to_physical(np.argwhere(mask))


def share_of_largest_part(mask):
    parts, count = label(mask)
    assert count > 0
    return np.bincount(parts.ravel())[1:].max() / mask.sum()


@each_seed
def test_wall_and_cavity_are_whole_and_the_cavity_opens_at_the_base(seed):
    labels = drawn(seed).array
    assert share_of_largest_part(labels == 1) > 0.99
    assert share_of_largest_part(labels == 2) == 1.0
    opening = points(binary_dilation(labels == 2) & (labels == 0))
    assert len(opening) > 20
    assert opening[:, 2].min() > points(labels > 0)[:, 2].mean()


@each_seed
def test_volumes_are_those_of_adults(seed):
    wall, pool = (np.sum(drawn(seed).array == n) * 2.5**3 / 1000 for n in (1, 2))
    assert 45 < wall < 280
    assert 15 < pool < 320


@each_seed
def test_the_origin_is_the_centre_and_z_the_axis_of_the_labels(seed):
    labels = drawn(seed)
    assert np.linalg.norm(points(labels.array > 0).mean(axis=0)) < 3.0
    axis = long_axis(labels)
    # Of short wide ventricles a fit depends on the voxels by up to 7 degrees.
    assert np.degrees(np.arccos(axis.direction[2])) < 7.0
    assert np.linalg.norm(axis.centre) < 2.5


def test_of_most_ventricles_the_axis_of_the_labels_is_z_within_two_degrees():
    tilts = [np.degrees(np.arccos(long_axis(drawn(s)).direction[2])) for s in SEEDS]
    assert np.median(tilts) < 2.0


@each_seed
def test_sections_of_the_cavity_go_along_the_axis(seed):
    """The axis by another way: a line through the centres of the cavity's sections."""
    pool = points(drawn(seed).array == 2)
    # Sections near the oblique valve are cut off on one side.
    pool = pool[pool[:, 2] < np.quantile(pool[:, 2], 0.7)]
    heights = np.unique(pool[:, 2])
    middles = np.array([pool[pool[:, 2] == z].mean(axis=0)[:2] for z in heights])
    slopes = np.polyfit(heights, middles, 1)[0]
    assert np.degrees(np.arctan(np.hypot(*slopes))) < 12.0


def test_they_are_less_like_a_cup_than_half_ellipsoids():
    cups = [long_axis(drawn(seed)).cup.misfit_mm for seed in SEEDS]
    regular = [long_axis(labels_of(draw_ventricle(s, False))).cup.misfit_mm for s in SEEDS]
    assert np.median(cups) > 1.3 * np.median(regular)


def test_a_seed_gives_one_ventricle_and_leaves_the_patient_else_as_it_was():
    one, again = (draw_thorax_patient(3, "pet", irregular=True) for _ in range(2))
    np.testing.assert_array_equal(labels_of(one.ventricle).array, drawn(3).array)
    np.testing.assert_array_equal(labels_of(again.ventricle).array, drawn(3).array)
    assert not np.array_equal(drawn(3).array, drawn(4).array)
    regular = draw_thorax_patient(3, "pet")
    assert (one.pose, one.breathing, one.abdomen) == (
        regular.pose,
        regular.breathing,
        regular.abdomen,
    )


def test_papillary_muscles_reach_into_the_cavity_and_touch_the_wall():
    ventricle = draw_irregular_ventricle(0)
    straight = ventricle.straightened(grid_points(GRID))
    muscles = ventricle.papillary_muscles(straight) < 0
    labels = drawn(0).array
    inside = muscles & (labels == 2)
    assert inside.sum() * 2.5**3 > 500
    assert (muscles & (labels == 1)).any()
    # Muscle or not, the cavity is labelled through them.
    assert not (inside & (labels == 1)).any()


def test_rendered_labels_are_in_the_frame_of_the_truth():
    for case in LvPetHard(n=2, size=96, split="test"):
        axis, truth = long_axis(case.moving_labels), case.truth.matrix
        assert np.degrees(np.arccos(axis.direction @ truth[:3, 2])) < 5.0
        assert np.linalg.norm(axis.centre - truth[:3, 3]) < 3.5


def test_half_of_the_images_end_in_a_box_that_holds_the_ventricle():
    case = small("lv-pet-hard", n=1).case(0)
    moving = case.pair.moving.with_array(np.ones(case.pair.moving.grid.shape_zyx, np.float32))
    ones = type(case)(case.id, type(case.pair)(case.pair.fixed, moving), truth=case.truth)
    found = [truncated(ones, np.random.default_rng(s)).pair.moving for s in range(60)]
    zeros = [float((image.array == 0).mean()) for image in found]
    assert 15 < sum(share > 0 for share in zeros) < 45
    assert max(zeros) < 0.97
    heart = case.truth.map_points((0.0, 0.0, 0.0))
    voxels = moving.grid.to_physical(np.moveaxis(np.indices(moving.grid.shape_zyx), 0, -1))
    near = (np.abs(voxels - heart) < SHOWN_MM - max(moving.grid.spacing)).all(axis=-1)
    assert all((image.array[near] == 1).all() for image in found)
    assert isinstance(case.truth, AffineTransform)
