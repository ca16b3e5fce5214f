"""Laws of rendering: the same patient on any grid, at any phase of breathing, every time."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from regkit.errors import GeometryError, ParameterError
from regkit.geometry.grid import Grid
from regkit.geometry.rotation import rotation_matrix
from regkit.geometry.volume import Volume
from regkit_nuclear.phantoms.thorax import ORGANS, Breathing, draw_thorax_patient, heart_shift
from regkit_nuclear.phantoms.thorax.render import render_thorax
from thorax_patients import GRID, field_of_view, rendered, where

pytestmark = pytest.mark.simulation


def test_the_same_seed_gives_the_same_patient_and_another_seed_another():
    patient, anatomy = rendered(5)
    again = draw_thorax_patient(5)
    assert again == patient
    picture = render_thorax(again, GRID)
    for name in ("mu", "activity", "organs", "lv"):
        np.testing.assert_array_equal(getattr(picture, name).array, getattr(anatomy, name).array)
    other = rendered(6)[1]
    assert np.abs(other.mu.array - anatomy.mu.array).mean() > 0.005
    assert np.abs(other.activity.array - anatomy.activity.array).mean() > 0.001


def test_a_patient_stays_as_it_was_drawn_first():
    patient = draw_thorax_patient(7)
    drawn = (*patient.pose, patient.habitus.scale, patient.ventricle.radius, patient.uptake.liver)
    expected = (-0.7535804108947051, -1.2314916149005823, 1.0355660187844473)
    expected += (-0.150224402675169, 0.15381566671645705, -0.23420921216222435)
    expected += (0.9515228765499618, 26.756297319446656, 0.4125453765636726)
    np.testing.assert_allclose(drawn, expected, rtol=1e-9)


@pytest.mark.parametrize("offset", [(0, 0, 0), (7, 20, 31)])
def test_a_part_of_the_grid_shows_the_same_as_the_whole(offset):
    patient, anatomy = rendered(8)
    shape = (40, 30, 50)
    part = render_thorax(patient, replace(GRID, shape_zyx=shape, origin=GRID.to_physical(offset)))
    box = tuple(slice(o, o + n) for o, n in zip(offset, shape, strict=True))
    np.testing.assert_allclose(part.mu.array, anatomy.mu.array[box], atol=1e-4)
    np.testing.assert_allclose(part.activity.array, anatomy.activity.array[box], atol=1e-4)
    assert (part.organs.array != anatomy.organs.array[box]).mean() < 1e-4


def test_an_oblique_grid_shows_the_same_anatomy_at_the_same_points():
    patient = draw_thorax_patient(9)
    centre = np.array(patient.pose.centre_mm)
    turn = tuple(rotation_matrix((20, -35, 50)).ravel().tolist())
    voxel = (3.4,) * 3
    oblique = Grid((30, 30, 30), voxel, tuple(centre - [20, 60, 40]), turn)
    picture = render_thorax(patient, oblique)
    for index in np.random.default_rng(0).integers(0, 30, size=(12, 3)):
        single = render_thorax(patient, Grid((1, 1, 1), voxel, tuple(oblique.to_physical(index))))
        at = tuple(index)
        assert single.mu.array.item() == pytest.approx(picture.mu.array[at], abs=1e-4)
        assert single.activity.array.item() == pytest.approx(picture.activity.array[at], abs=1e-4)


def test_a_grid_far_from_the_patient_is_empty():
    anatomy = render_thorax(draw_thorax_patient(1), Grid((4, 5, 6), (3, 3, 3), (900, 900, 0)))
    assert anatomy.mu.array.max() == anatomy.activity.array.max() == 0
    assert anatomy.organs.labels == anatomy.lv.labels == ()


def test_coarse_voxels_are_binned_from_finer_ones():
    patient = draw_thorax_patient(2)
    fine, coarse = render_thorax(patient, GRID), render_thorax(patient, field_of_view(48))
    blocks = fine.mu.array.reshape(48, 2, 48, 2, 48, 2).mean(axis=(1, 3, 5))
    np.testing.assert_allclose(coarse.mu.array, blocks, atol=1e-5)
    assert coarse.activity.array.sum() * 8 == pytest.approx(fine.activity.array.sum(), rel=1e-4)
    sharp = render_thorax(patient, field_of_view(48), supersampling=1)
    np.testing.assert_array_equal(sharp.organs.array, coarse.organs.array)
    assert np.abs(sharp.mu.array - coarse.mu.array).max() > 0.02


@pytest.mark.parametrize("diaphragm_mm", [-12.0, 16.0])
def test_the_heart_moves_three_quarters_of_the_diaphragm(diaphragm_mm):
    patient, rest = rendered(10)
    moved = render_thorax(patient, GRID, diaphragm_mm)

    def shift(organs, part):
        return where(getattr(moved, organs), part).mean(0) - where(
            getattr(rest, organs), part
        ).mean(0)

    np.testing.assert_allclose(shift("lv", 1), [0, 0, -0.75 * diaphragm_mm], atol=0.5)
    np.testing.assert_allclose(
        np.subtract(moved.reorientation.centre_mm, rest.reorientation.centre_mm),
        heart_shift(diaphragm_mm),
        atol=1e-9,
    )
    assert shift("organs", "gallbladder")[2] == pytest.approx(-diaphragm_mm, abs=2)
    assert shift("organs", "kidney_left")[2] == pytest.approx(-0.6 * diaphragm_mm, abs=2)
    assert shift("organs", "sternum")[2] == pytest.approx(0, abs=0.5)
    lungs = [(len(where(a.organs, "lung_right")), a) for a in (rest, moved)]
    assert (lungs[1][0] > lungs[0][0]) == (diaphragm_mm > 0)


def test_the_liver_moves_as_it_is_with_the_diaphragm():
    patient, rest = rendered(4)
    below = replace(GRID, origin=tuple(np.add(GRID.origin, (0, 0, -9.0))))
    moved = render_thorax(patient, below, 9.0)
    inside = ndimage.binary_erosion(rest.organs.array == ORGANS["liver"], iterations=6)
    inside &= GRID.to_physical(np.moveaxis(np.indices(GRID.shape_zyx), 0, -1))[..., 0] < -40
    assert inside.sum() > 100
    assert rest.activity.array[inside].std() > 0.02 * patient.uptake.liver
    np.testing.assert_allclose(
        moved.activity.array[inside], rest.activity.array[inside], rtol=1e-3
    )


def test_in_the_reference_pose_the_hearts_match():
    patient, rest = rendered(11)
    reference = render_thorax(patient, GRID, 14.0, match_heart=True)
    assert reference.reorientation == rest.reorientation
    assert reference.mu.grid == GRID
    assert (reference.lv.array != rest.lv.array).sum() < 0.01 * (rest.lv.array > 0).sum()
    assert np.abs(reference.mu.array - rest.mu.array).max() > 0.05


def test_blurring_keeps_counts_and_widens_along_z():
    array = np.zeros((61, 5, 5), np.float32)
    array[30, 2, 2] = 1
    point = Volume(array, Grid(array.shape, (3, 3, 2)), "spect")
    blurred = Breathing(amplitude_mm=18, ct_phase_mm=0).blur(point)
    profile = blurred.array[:, 2, 2]
    assert profile.sum() == pytest.approx(1, abs=1e-5)
    z = 2 * (np.arange(61) - 30)
    # A box as wide as the heart's excursion has this standard deviation.
    assert np.sqrt((profile * z**2).sum()) == pytest.approx(0.75 * 18 / np.sqrt(12), rel=0.05)


def test_blurring_refuses_an_oblique_image():
    direction = tuple(rotation_matrix((30, 0, 0)).ravel().tolist())
    oblique = Volume(np.zeros((3, 3, 3)), Grid((3, 3, 3), direction=direction), "spect")
    with pytest.raises(GeometryError, match="axis along z"):
        Breathing(10, 0).blur(oblique)


def test_wrong_seeds_and_tracers_are_refused():
    with pytest.raises(ParameterError, match="0 or more, got -1"):
        draw_thorax_patient(-1)
    with pytest.raises(ParameterError, match="unknown tracer 'fdg'"):
        draw_thorax_patient(0, "fdg")


def test_the_population_is_as_drawn():
    patients = [draw_thorax_patient(s) for s in range(400)]
    builds = [p.habitus for p in patients]
    assert np.mean([b.female for b in builds]) == pytest.approx(0.42, abs=0.09)
    assert np.mean([b.arms_up for b in builds]) == pytest.approx(0.92, abs=0.05)
    assert np.mean([p.abdomen.gut_near_heart for p in patients]) == pytest.approx(0.45, abs=0.09)
    assert np.mean([b.fatness for b in builds]) == pytest.approx(0.64, abs=0.08)
    assert all(b.dome_right > b.dome_left for b in builds)
    phases = [p.breathing.ct_phase_mm for p in patients]
    assert np.std(phases) == pytest.approx(9, abs=1.2)
    assert np.abs(phases).max() <= 22
