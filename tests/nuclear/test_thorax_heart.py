"""Laws of the heart: its pose is the six numbers exactly, defects stay in their territory."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from regkit_nuclear.phantoms.thorax import HALF_WIDTH_MM, draw_thorax_patient
from regkit_nuclear.phantoms.thorax.render import render_thorax
from regkit_nuclear.phantoms.thorax.uptake import TERRITORIES
from thorax_patients import GRID, SEEDS, field_of_view, rendered, where

pytestmark = pytest.mark.simulation

each_patient = pytest.mark.parametrize("seed", SEEDS)


def lv_frame(anatomy, points):
    """Points in LPS mm as (lateral, inferior, base), by scipy's intrinsic Y-X-Z angles."""
    alpha, beta, gamma, *t = anatomy.reorientation
    turn = Rotation.from_euler("YXZ", [alpha, beta, gamma])
    return turn.inv().apply(points + np.multiply(t, HALF_WIDTH_MM))


@each_patient
def test_centre_and_axis_of_the_rendered_ventricle_are_the_six_numbers(seed):
    _, anatomy = rendered(seed)
    points = lv_frame(anatomy, where(anatomy.lv, 1))
    blood = lv_frame(anatomy, where(anatomy.lv, 2))
    both = np.vstack([points, blood])
    assert np.linalg.norm(both.mean(axis=0)) < 0.6
    axis = np.linalg.eigh(np.cov(both.T))[1][:, 2]
    # The base is slanted, which turns the axis of short wide ventricles a little.
    assert np.degrees(np.arccos(abs(axis[2]))) < 4
    # The apex is closed, the base is open.
    assert points[:, 2].min() < blood[:, 2].min() - 4
    assert points[:, 2].max() == pytest.approx(blood[:, 2].max(), abs=6)


@each_patient
def test_neighbours_are_on_their_sides_of_the_ventricle(seed):
    _, anatomy = rendered(seed)
    assert lv_frame(anatomy, where(anatomy.organs, "rv_blood_pool")).mean(axis=0)[0] < -15
    assert lv_frame(anatomy, where(anatomy.organs, "left_atrium")).mean(axis=0)[2] > 30
    assert lv_frame(anatomy, where(anatomy.organs, "stomach")).mean(axis=0)[1] > 15


@each_patient
def test_labels_of_the_ventricle_agree_with_the_organs(seed):
    _, anatomy = rendered(seed)
    assert anatomy.lv.labels == (1, 2)
    assert len(where(anatomy.lv, 1)) == len(where(anatomy.organs, "lv_myocardium"))
    assert len(where(anatomy.lv, 2)) == len(where(anatomy.organs, "lv_blood_pool"))


@pytest.mark.parametrize("tracer", ["spect", "pet"])
def test_poses_follow_the_published_table(tracer):
    poses = np.array([draw_thorax_patient(s, tracer).pose for s in range(300)])
    means = {
        "spect": (-0.83, -1.14, 1.22, -0.19, 0.15, -0.29),
        "pet": (-0.79, -0.97, 1.21, -0.18, 0.10, -0.24),
    }[tracer]
    deviations = {
        "spect": (0.22, 0.27, 0.27, 0.06, 0.08, 0.09),
        "pet": (0.18, 0.21, 0.19, 0.05, 0.06, 0.03),
    }[tracer]
    error = np.abs(poses.mean(axis=0) - means) / deviations
    assert error.max() < 4 / np.sqrt(300) + 0.06
    np.testing.assert_allclose(poses.std(axis=0), deviations, rtol=0.2)


def healthy_and_ill():
    for seed in range(100):
        patient = draw_thorax_patient(seed)
        if len(patient.defects) == 1:
            yield patient, replace(patient, defects=())


def test_a_defect_lowers_uptake_in_its_territory_and_nowhere_else():
    pairs = healthy_and_ill()
    for _ in range(3):
        ill, healthy = next(pairs)
        (defect,) = ill.defects
        one, other = render_thorax(ill, GRID), render_thorax(healthy, GRID)
        np.testing.assert_array_equal(one.mu.array, other.mu.array)
        loss = other.activity.array - one.activity.array
        assert loss.min() >= -1e-6
        changed = GRID.to_physical(np.argwhere(loss > 1e-6))
        assert 0.5 * defect.depth < loss.max() <= defect.depth + 1e-6
        u, v, w = lv_frame(one, changed).T
        shape = ill.ventricle
        height = (w - shape.apex) / shape.length
        assert (np.abs(height - defect.height) <= defect.half_height + 1e-3).all()
        away = (np.degrees(np.arctan2(v, u)) - defect.angle_deg + 180) % 360 - 180
        inside = np.abs(away) * np.clip(height / 0.25, 0, 1) <= defect.half_width_deg + 0.1
        assert inside.all()


def test_territories_are_where_cardiologists_say():
    def direction(name):
        angle = np.radians(TERRITORIES[name][0])
        return np.cos(angle), np.sin(angle)  # lateral, inferior

    assert direction("LCx")[0] > 0.9
    assert direction("RCA")[1] > 0.9
    assert direction("LAD")[1] < -0.9


def test_defects_are_as_frequent_as_they_should_be():
    defects = [draw_thorax_patient(s).defects for s in range(400)]
    count = np.array([len(d) for d in defects])
    assert (count > 0).mean() == pytest.approx(0.5, abs=0.1)
    assert (count[count > 0] == 2).mean() == pytest.approx(0.3, abs=0.12)
    drawn = [d for some in defects for d in some]
    assert {d.territory for d in drawn} == set(TERRITORIES)
    assert all(0.15 <= d.depth <= 0.75 and 25 <= d.half_width_deg <= 65 for d in drawn)


def test_the_wall_is_hotter_than_blood_and_than_the_right_ventricle():
    patient, anatomy = rendered(3)
    uptake = patient.uptake
    assert uptake.blood < uptake.right_ventricle < 1
    # Voxels of 3.4 mm see a wall of 10 mm almost undiluted.
    fine = render_thorax(patient, field_of_view(128))
    wall = fine.activity.array[fine.lv.array == 1]
    assert np.percentile(wall, 90) == pytest.approx(1, abs=0.05)
    pool = fine.activity.array[fine.lv.array == 2]
    assert np.median(pool) == pytest.approx(uptake.blood, abs=1e-3)
    assert anatomy.activity.modality == "spect"
