"""Walls are found where they are, however blurred, whatever the labels said of their thickness."""

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from regkit import AffineTransform, Estimate, LabelMap, Pair, Volume, rigid, run
from regkit.errors import RegistrationError
from regkit.geometry.grid import Grid
from regkit.geometry.resampling import resample
from regkit.metrics.segmentation import dice_of
from regkit.registrar import Refiner
from regkit_ventricle.axis import long_axis
from regkit_ventricle.labels import ventricle_of
from regkit_ventricle.surfaces import surfaces_of
from regkit_ventricle.wall_fit import SURROUNDINGS_MM, fit_walls
from regkit_ventricle.wall_refinement import NO_LABELS, WallRefinement
from ventricle_shells import POSE, Shell, box, cube

pytestmark = pytest.mark.simulation

SHELL = Shell()
FINE = cube(1.5)


def everywhere(x, y, z):
    return np.ones_like(x)


def with_a_scar(x, y, z):
    return np.where((x > 8) & (z < 15), 0.4, 1.0)


def scan(sigma=2.6, along=2.6, *, uptake=everywhere, grid=None, noise=0.0):
    """Return what a scanner of a known resolution shows of a shell in a body."""
    image = resample(_blurred_shell(sigma, along, uptake), grid or cube(3.0))
    rough = np.random.default_rng(5).standard_normal(image.array.shape)
    return image.with_array(image.array + np.float32(noise) * rough.astype(np.float32))


@cache
def _blurred_shell(sigma, along, uptake):
    points = FINE.to_physical(np.moveaxis(np.indices(FINE.shape_zyx), 0, -1))
    activity = np.zeros(FINE.shape_zyx)
    # Eight points of every voxel.
    for part in np.ndindex(2, 2, 2):
        x, y, z = np.moveaxis(
            POSE.inverse().map_points(points + np.subtract(part, 0.5) * 0.75), -1, 0
        )
        whole, cavity = SHELL.inside(x, y, z, 0.0), SHELL.inside(x, y, z, SHELL.wall)
        activity += np.where(cavity, 0.15, np.where(whole, uptake(x, y, z), 0.1)) / 8
    widths = np.divide((along, sigma, sigma), 1.5)
    return Volume(gaussian_filter(activity, widths).astype(np.float32), FINE, "pet")


@cache
def labels_of(shell=SHELL):
    """Return labels of a shell on its own planes, as fine as a network's."""
    planes = box((1.0, 1.0, 1.0), np.eye(3), 120.0, AffineTransform(np.eye(4)))
    _, labels = shell.draw(planes, AffineTransform(np.eye(4)))
    affine = POSE.matrix @ labels.grid.affine
    return LabelMap(labels.array, Grid.from_affine(labels.grid.shape_zyx, affine))


def thicker(by_mm: float) -> Shell:
    """Return a shell whose wall is so much thicker, half of it on either side."""
    return Shell(SHELL.radius + by_mm / 2, SHELL.depth + by_mm / 2, SHELL.wall + by_mm)


@cache
def surfaces(labels):
    ventricle = ventricle_of(labels)
    return surfaces_of(ventricle, long_axis(ventricle), SURROUNDINGS_MM)


def fitted(image, labels, mask=None):
    return fit_walls(image, surfaces(labels), POSE, mask)


def refined(image, labels):
    return WallRefinement().refine(Pair(image, image), Estimate(POSE, labels, {"a": 1}))


@pytest.mark.parametrize("by_mm", [-2.0, 0.0, 2.0])
@pytest.mark.parametrize("uptake", [everywhere, with_a_scar])
def test_the_wall_and_the_blur_are_found(by_mm, uptake) -> None:
    walls = fitted(scan(uptake=uptake), labels_of(thicker(by_mm)))
    assert walls.epicardium_mm == pytest.approx(-by_mm / 2, abs=0.2)
    assert walls.endocardium_mm == pytest.approx(by_mm / 2, abs=0.3)
    assert walls.epicardium_mm - walls.endocardium_mm == pytest.approx(-by_mm, abs=0.4)
    # Reading the image in voxels of 3 mm blurs it a little more.
    assert walls.blur_mm == pytest.approx(2.6, abs=0.35)
    assert not walls.at_bound
    assert walls.thickness_sd_mm < 0.5


@pytest.mark.parametrize("by_mm", [-2.0, 2.0])
def test_volumes_become_those_of_the_shell(by_mm) -> None:
    wrong = labels_of(thicker(by_mm))
    found = ventricle_of(refined(scan(noise=0.03), wrong).labels)
    off = abs(ventricle_of(wrong).myocardium_ml / SHELL.myocardium_ml - 1)
    assert off > 0.15
    assert found.myocardium_ml == pytest.approx(SHELL.myocardium_ml, rel=0.05)
    assert found.cavity_ml == pytest.approx(SHELL.cavity_ml, rel=0.06)
    # The cavity stays open at the base, and the axis where it is.
    assert long_axis(found).direction @ POSE.matrix[:3, 2] > np.cos(np.deg2rad(2))


@pytest.mark.parametrize("sigma", [2.0, 3.5])
def test_a_blur_that_is_wider_is_no_thicker_wall(sigma) -> None:
    walls = fitted(scan(sigma=sigma, along=sigma), labels_of())
    assert walls.blur_mm == pytest.approx(sigma, abs=0.35)
    assert abs(walls.epicardium_mm - walls.endocardium_mm) < 0.35


@pytest.mark.parametrize("turned", [False, True])
def test_breathing_blurs_along_the_body_whatever_the_order_of_axes(turned) -> None:
    axes = np.eye(3)[:, [2, 0, 1]] if turned else np.eye(3)
    grid = box((3.0, 3.0, 3.0), axes)
    walls = fitted(scan(sigma=2.2, along=4.4, grid=grid), labels_of())
    assert walls.blur_along_mm == pytest.approx(4.4, abs=0.4)
    assert walls.blur_mm == pytest.approx(2.2, abs=0.4)


def test_the_unit_of_the_image_does_not_matter() -> None:
    image, labels = scan(noise=0.02), labels_of(thicker(1.0))
    one = fitted(image, labels)
    for factor in (1e-6, 3e5):
        other = fitted(image.with_array(image.array * np.float32(factor)), labels)
        assert other.epicardium_mm == pytest.approx(one.epicardium_mm, abs=0.02)
        assert other.thickness_sd_mm == pytest.approx(one.thickness_sd_mm, rel=0.05)


def test_voxels_much_finer_than_the_blur_say_the_same() -> None:
    labels = labels_of(thicker(-1.0))
    fine, usual = (fitted(scan(grid=cube(s)), labels) for s in (1.5, 3.0))
    assert fine.epicardium_mm == pytest.approx(usual.epicardium_mm, abs=0.2)
    assert fine.endocardium_mm == pytest.approx(usual.endocardium_mm, abs=0.2)


def test_outside_the_mask_and_the_image_nothing_counts() -> None:
    image, labels = scan(), labels_of(thicker(1.5))
    spoilt = image.array.copy()
    spoilt[:, :, :22] = 40.0
    mask = np.ones(image.array.shape, np.uint8)
    mask[:, :, :22] = 0
    walls = fitted(image.with_array(spoilt), labels, LabelMap(mask, image.grid))
    assert walls.endocardium_mm == pytest.approx(0.75, abs=0.4)
    half = Grid((image.grid.shape_zyx[0], 55, 30), image.grid.spacing, image.grid.origin)
    cut = resample(image, half)
    assert fitted(cut, labels).endocardium_mm == pytest.approx(0.75, abs=0.4)
    with pytest.raises(RegistrationError, match="shows nothing of the ventricle"):
        fitted(Volume(image.array, replace(image.grid, origin=(900.0, 0.0, 0.0))), labels)


def test_what_is_refined_is_said_and_the_pose_stays() -> None:
    found = refined(scan(), labels_of(thicker(2.0)))
    assert found.transform is POSE
    own = found.diagnostics["lv-walls"]
    assert own["accepted"] is True
    assert own["endocardium_mm"] == pytest.approx(1.0, abs=0.3)
    assert json.dumps(dict(found.diagnostics), allow_nan=False)
    assert found.diagnostics["a"] == 1
    right = labels_of()
    there = resample(found.labels, right.grid)
    for label in (1, 2):
        assert dice_of(there.array == label, right.array == label) > 0.95


def test_walls_that_an_image_does_not_show_stay() -> None:
    labels = labels_of()
    image = scan()
    noise = np.random.default_rng(1).random(image.array.shape).astype(np.float32)
    for shown in (
        noise,
        image.array + 3 * noise,
        gaussian_filter(image.array, 5),
        np.full_like(noise, 3.0),
        np.zeros_like(noise),
    ):
        found = refined(image.with_array(shown), labels)
        assert found.labels is labels
        assert found.diagnostics["lv-walls"]["accepted"] is False
        assert json.dumps(dict(found.diagnostics), allow_nan=False)


def test_walls_far_from_their_labels_are_not_believed() -> None:
    labels = labels_of(thicker(7.0))
    found = refined(scan(), labels)
    assert found.labels is labels
    assert found.diagnostics["lv-walls"]["at_bound"] is True


def test_a_wall_is_not_torn_where_it_is_thin() -> None:
    """One number moves a surface everywhere: a thin apex would go where the rest shrinks."""
    labels = labels_of(thicker(2.0))
    points = POSE.inverse().map_points(
        labels.grid.to_physical(np.moveaxis(np.indices(labels.array.shape), 0, -1))
    )
    array = np.array(labels.array)
    # The very apex has a wall of 1.5 mm, in the labels only.
    thin = Shell(thicker(2.0).radius, thicker(2.0).depth, 1.5)
    x, y, z = np.moveaxis(points, -1, 0)
    array[(z < -53) & thin.inside(x, y, z, 1.5)] = 2
    found = refined(scan(), labels.with_array(array))
    own = found.diagnostics["lv-walls"]
    assert own["accepted"] is False
    assert own["reason"] == "the wall would get a hole"
    np.testing.assert_array_equal(found.labels.array, array)


def test_a_large_change_is_doubted() -> None:
    found = refined(scan(), labels_of(thicker(-3.0)))
    assert found.diagnostics["lv-walls"]["accepted"] is True
    (words,) = found.diagnostics["warnings"]
    assert "changed the volume of the myocardium by +" in words
    assert "warnings" not in refined(scan(), labels_of(thicker(1.0))).diagnostics


@pytest.mark.parametrize("offset", [1e4, -1e4])
def test_a_constant_more_or_less_does_not_matter(offset) -> None:
    image, labels = scan(noise=0.02), labels_of(thicker(1.0))
    one, other = fitted(image, labels), fitted(image.with_array(image.array + offset), labels)
    assert other.epicardium_mm == pytest.approx(one.epicardium_mm, abs=0.05)


def test_few_or_coarse_voxels_say_nothing() -> None:
    image, labels = scan(), labels_of()
    with pytest.raises(RegistrationError, match="too coarse"):
        fitted(resample(image, cube(7.0)), labels)
    few = np.zeros(image.array.shape, np.uint8)
    few[24:30, 24:30, 24:30] = 1
    with pytest.raises(RegistrationError, match="voxels only"):
        fitted(image, labels, LabelMap(few, image.grid))


def test_without_a_ventricle_nothing_changes() -> None:
    image, labels = scan(), labels_of()
    result = run(WallRefinement(), Pair(image, image, initial=rigid((1.0, 2.0, 3.0))))
    np.testing.assert_array_equal(result.transform.matrix, rigid((1.0, 2.0, 3.0)).matrix)
    assert NO_LABELS in result.verdict.reasons
    wall = labels.with_array((labels.array == 1).astype(np.uint8))
    found = refined(image, wall)
    assert found.labels is wall
    assert "show no left ventricle" in found.diagnostics["lv-walls"]["reason"]
    assert isinstance(WallRefinement(), Refiner)
