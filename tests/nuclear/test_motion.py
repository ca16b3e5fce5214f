"""Random motions have the ranges and the means their sources state."""

from functools import partial

import numpy as np
import pytest

from regkit.geometry.grid import Grid
from regkit.geometry.rigid import rigid_parameters
from regkit_nuclear.motion import affine_motion, dusfe_motion

CENTRE = (3.0, -20.0, 55.0)


def parameters(draw, count):
    rng = np.random.default_rng(7)
    drawn = [rigid_parameters(draw(rng, centre_mm=CENTRE), CENTRE) for _ in range(count)]
    translations = np.array([p.translation_mm for p in drawn])
    return translations, np.array([p.euler_deg for p in drawn])


def test_dusfe_motions_have_the_papers_mean_misalignment():
    translations, angles = parameters(dusfe_motion, 400)
    assert np.abs(translations).mean() == pytest.approx(22.67, rel=0.02)
    assert np.abs(angles).mean() == pytest.approx(8.33, rel=0.02)


@pytest.mark.simulation
def test_the_means_are_those_of_the_ranges_in_the_long_run():
    translations, angles = parameters(dusfe_motion, 10_000)
    assert np.abs(translations).mean() == pytest.approx(6.8 * 20 / 6, rel=0.01)
    assert np.abs(angles).mean() == pytest.approx(50 / 6, rel=0.01)


def test_dusfe_motions_fill_their_ranges_and_stay_inside():
    translations, angles = parameters(dusfe_motion, 2000)
    limits = np.array([54.4, 54.4, 27.2])
    assert (np.abs(translations) <= limits).all()
    assert (np.abs(angles) <= np.array([10, 10, 30]) + 1e-9).all()
    np.testing.assert_allclose(np.abs(translations).max(axis=0), limits, rtol=0.02)
    np.testing.assert_allclose(translations.std(axis=0), limits / np.sqrt(3), rtol=0.06)
    np.testing.assert_allclose(translations.mean(axis=0) / limits, 0, atol=0.05)


def test_a_dusfe_motion_is_rigid_and_counts_voxels():
    one = dusfe_motion(np.random.default_rng(1), voxel_mm=6.8)
    half = dusfe_motion(np.random.default_rng(1), voxel_mm=3.4)
    assert one.is_rigid
    np.testing.assert_allclose(one.matrix[:3, 3], 2 * half.matrix[:3, 3])
    np.testing.assert_allclose(one.matrix[:3, :3], half.matrix[:3, :3])


def test_the_amount_is_a_fraction_of_the_range():
    translations, angles = parameters(partial(dusfe_motion, amount=0.15), 500)
    assert np.abs(translations).max() <= 0.15 * 54.4
    assert np.abs(angles).max() <= 0.15 * 30
    assert np.abs(translations).max() > 0.14 * 54.4


def test_affine_motions_decompose_into_the_stated_ranges():
    grid = Grid((8, 6, 6), (4.0, 2.0, 3.0), CENTRE)
    rng = np.random.default_rng(3)
    shifts, scales = [], []
    for _ in range(500):
        motion = affine_motion(rng, grid.extent, grid.centre, amount=1.0)
        linear = motion.matrix[:3, :3]
        scales.append(np.linalg.norm(linear, axis=0))
        rotation = linear / scales[-1]
        np.testing.assert_allclose(rotation.T @ rotation, np.eye(3), atol=1e-12)
        shifts.append(motion.map_points(grid.centre) - grid.centre)
    limits = 0.1 * np.divide(grid.extent, 2)
    np.testing.assert_allclose(np.abs(shifts).max(axis=0), limits, rtol=0.02)
    np.testing.assert_allclose(np.min(scales, axis=0), 0.9, atol=0.005)
    np.testing.assert_allclose(np.max(scales, axis=0), 1.1, atol=0.005)


def test_the_amount_scales_all_ranges():
    rng = np.random.default_rng
    still = affine_motion(rng(5), amount=0.0)
    half = affine_motion(rng(5), amount=0.5)
    whole = affine_motion(rng(5), amount=1.0)
    np.testing.assert_allclose(still.matrix, np.eye(4), atol=1e-12)
    np.testing.assert_allclose(half.matrix[:3, 3] * 2, whole.matrix[:3, 3])


def test_the_same_seed_gives_the_same_motion():
    draws = [affine_motion(np.random.default_rng(11)) for _ in range(2)]
    assert draws[0] == draws[1]
