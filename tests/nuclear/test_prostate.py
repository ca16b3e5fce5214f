"""The prostate phantom: zones, contrasts, exact poses and landmarks, the pushing probe."""

import numpy as np
import pytest

from regkit.errors import RegkitError
from regkit.geometry.interpolation import trilinear
from regkit.geometry.resampling import resample
from regkit.geometry.rigid import rigid
from regkit.geometry.transform import AffineTransform
from regkit_nuclear.phantoms.prostate import (
    GLAND_LABELS,
    LABELS,
    LANDMARKS,
    ZONES,
    draw_prostate_patient,
    prostate_grid,
)
from regkit_nuclear.phantoms.prostate.probe_compression import to_displacement_field

pytestmark = pytest.mark.simulation

GRID = prostate_grid(64, 1.35)
POSE = rigid((6, -8, 12), (5, -4, 7))


@pytest.fixture(scope="module", params=(1, 5, 8))
def case(request):
    patient = draw_prostate_patient(request.param)
    return patient, *patient.render_mr(GRID), *patient.render_us(GRID)


def gland(labels):
    return np.isin(labels.array, GLAND_LABELS)


def median(volume, labels, zone):
    return np.median(volume.array[labels.array == LABELS[zone]])


def value_at(volume, points):
    return trilinear(volume.array, volume.grid.to_index(points))


def test_all_zones_are_there(case):
    assert case[2].labels == tuple(range(1, len(ZONES) + 1))


def test_prostates_have_plausible_sizes():
    volumes = []
    for seed in range(20):
        labels = draw_prostate_patient(seed).render_mr(prostate_grid(40, 2.1), noise=False)[1]
        volumes.append(gland(labels).sum() * 2.1**3 / 1000)
    assert min(volumes) > 12
    assert max(volumes) < 110
    assert 25 < np.mean(volumes) < 60
    assert np.std(volumes) > 6


def test_bladder_is_above_and_rectum_behind(case):
    labels = case[2]
    places = {
        z: GRID.to_physical(np.argwhere(labels.array == n)).mean(0) for z, n in LABELS.items()
    }
    middle = GRID.to_physical(np.argwhere(gland(labels))).mean(axis=0)
    np.testing.assert_allclose(middle, 0, atol=5)
    assert places["bladder"][2] > 20
    assert places["rectum"][1] > 15
    assert places["fibromuscular_stroma"][1] < places["urethra"][1] < places["peripheral_zone"][1]


def test_t2_contrast_is_that_of_radiology(case):
    _, mr, labels, _, _ = case
    dark = median(mr, labels, "fibromuscular_stroma")
    middle = median(mr, labels, "transition_zone")
    bright = median(mr, labels, "peripheral_zone")
    assert dark < 0.8 * middle
    assert middle < 0.85 * bright
    assert median(mr, labels, "rectum") < 0.4 * dark
    assert median(mr, labels, "bladder") > bright


def test_echoes_are_those_of_ultrasound(case):
    patient, _, _, us, labels = case
    seen = patient.sector(GRID).array > 0
    zones = np.where(seen, labels.array, 0)
    peripheral, transition, bladder = (
        np.median(us.array[zones == LABELS[z]])
        for z in ("peripheral_zone", "transition_zone", "bladder")
    )
    assert peripheral > transition + 10
    assert bladder < 0.3 * transition
    assert us.array.min() >= 0
    assert us.array.max() <= 255
    assert not us.array[~seen].any()


def test_the_probe_sees_the_gland(case):
    patient, _, labels, _, _ = case
    seen = patient.sector(GRID).array > 0
    assert seen[gland(labels)].mean() > 0.97
    assert 0.2 < seen.mean() < 0.8


def test_noise_can_be_left_out():
    patient = draw_prostate_patient(2)
    noisy, exact = (patient.render_mr(GRID, noise=n)[0].array for n in (True, False))
    assert (noisy > 0).all()
    assert 0 < np.std(noisy - exact) < 120
    noisy, exact = (patient.render_us(GRID, noise=n)[0].array for n in (True, False))
    assert np.std(noisy - exact) > 5
    assert np.corrcoef(noisy.ravel(), exact.ravel())[0, 1] > 0.9


def test_the_same_seed_gives_the_same_images_and_another_seed_others():
    grid = prostate_grid(24, 3.6)
    for scan in ("render_mr", "render_us"):
        one, again, other = (getattr(draw_prostate_patient(s), scan)(grid) for s in (3, 3, 4))
        np.testing.assert_array_equal(one[0].array, again[0].array)
        np.testing.assert_array_equal(one[1].array, again[1].array)
        assert (one[0].array != other[0].array).any()
        assert (one[1].array != other[1].array).any()


def test_a_seed_means_the_same_patient_on_every_machine():
    patient, grid = draw_prostate_patient(2024), prostate_grid(24, 3.6)
    assert patient.gland.width == pytest.approx(29.607502906763365, rel=1e-9)
    apex = patient.mr_landmarks()[LANDMARKS.index("apex")]
    np.testing.assert_allclose(apex, (0.97231, -0.72888, -16.25859), atol=1e-4)
    mr, us = patient.render_mr(grid)[0], patient.render_us(grid)[0]
    assert mr.array.mean(dtype=float) == pytest.approx(329.98511, rel=1e-5)
    assert us.array.mean(dtype=float) == pytest.approx(67.434068, rel=1e-5)


@pytest.mark.parametrize("scan", ["render_mr", "render_us"])
def test_a_pose_of_whole_voxels_shifts_the_arrays_exactly(scan):
    patient = draw_prostate_patient(6)
    pose = AffineTransform.shift((3 * 1.35, -2 * 1.35, 4 * 1.35))
    still, still_labels = getattr(patient, scan)(GRID, noise=False)
    moved, moved_labels = getattr(patient, scan)(GRID, pose, noise=False)
    inner = np.s_[6:-10, 8:-6, 6:-9]
    shifted, fixed = moved.array[inner], still.array[10:-6, 6:-8, 9:-6]
    assert np.mean(np.abs(shifted - fixed) < 0.5) > 0.999
    same = moved_labels.array[inner] == still_labels.array[10:-6, 6:-8, 9:-6]
    assert same.mean() > 0.9995


@pytest.mark.parametrize(("scan", "least"), [("render_mr", 0.97), ("render_us", 0.9)])
def test_a_pose_is_resampling_up_to_interpolation(scan, least):
    patient = draw_prostate_patient(7)
    still, still_labels = getattr(patient, scan)(GRID, noise=False)
    moved, moved_labels = getattr(patient, scan)(GRID, POSE, noise=False)
    inner = np.s_[12:-12, 12:-12, 12:-12]
    resampled = resample(still, GRID, POSE).array[inner]
    assert np.corrcoef(resampled.ravel(), moved.array[inner].ravel())[0, 1] > least
    a, b = gland(resample(still_labels, GRID, POSE)), gland(moved_labels)
    assert 2 * (a & b).sum() / (a.sum() + b.sum()) > 0.97


def test_speckle_moves_with_the_tissue():
    patient = draw_prostate_patient(7)
    still, moved = patient.render_us(GRID)[0], patient.render_us(GRID, POSE)[0]
    inner = np.s_[14:-14, 14:-14, 14:-14]
    resampled = resample(still, GRID, POSE).array[inner].ravel()
    right = np.corrcoef(resampled, moved.array[inner].ravel())[0, 1]
    wrong = np.corrcoef(still.array[inner].ravel(), moved.array[inner].ravel())[0, 1]
    assert right > 0.85 > wrong


def test_landmarks_are_thirteen_points_that_move_with_the_patient(case):
    patient = case[0]
    for points_in in (patient.mr_landmarks, patient.us_landmarks):
        points = points_in(POSE)
        assert points.shape == (len(LANDMARKS), 3)
        np.testing.assert_allclose(POSE.map_points(points), points_in(), atol=1e-9)
        apart = np.linalg.norm(points[:, None] - points, axis=-1)
        assert apart[~np.eye(len(points), dtype=bool)].min() > 0.5


def test_landmarks_are_where_the_pictures_show_them(case):
    patient = case[0]
    grid = prostate_grid(88, 1.0)
    mr, labels = patient.render_mr(grid, POSE, noise=False)
    us, _ = patient.render_us(grid, POSE, noise=False)
    inside = gland(labels)
    stones = [LANDMARKS.index(f"{n} calcification") for n in ("first", "second")]
    cysts = [LANDMARKS.index(f"{n} cyst") for n in ("first", "second")]
    in_mr, in_us = patient.mr_landmarks(POSE), patient.us_landmarks(POSE)
    typical_mr, typical_us = np.median(mr.array[inside]), np.median(us.array[inside])
    assert (value_at(mr, in_mr[stones]) < typical_mr).all()
    assert value_at(us, in_us[stones]).max() > typical_us + 40
    assert value_at(us, in_us[cysts]).min() < typical_us - 25


def test_edges_of_the_gland_are_on_its_surface(case):
    patient, _, labels, _, _ = case
    points = patient.mr_landmarks()
    middle = GRID.to_physical(np.argwhere(gland(labels))).mean(axis=0)
    for name in ("left edge", "right edge", "front edge", "back edge", "apex"):
        point = points[LANDMARKS.index(name)]
        outward = (point - middle) / np.linalg.norm(point - middle)
        inside, outside = (GRID.to_index(point + d * outward) for d in (-3.0, 3.0))
        zones = [labels.array[tuple(np.rint(i).astype(int))] for i in (inside, outside)]
        assert zones[0] in GLAND_LABELS, name
        assert zones[1] not in GLAND_LABELS, name
    left, right = (points[LANDMARKS.index(f"{side} edge")] for side in ("left", "right"))
    assert left[0] > 12 > -12 > right[0]


def test_a_pose_moves_landmarks_by_its_inverse():
    patient = draw_prostate_patient(9)
    np.testing.assert_allclose(POSE.map_points(patient.mr_landmarks(POSE)), patient.mr_landmarks())


def test_without_a_push_both_scans_show_the_same_tissue(case):
    patient, _, mr_labels, _, us_labels = case
    np.testing.assert_array_equal(mr_labels.array, us_labels.array)
    np.testing.assert_array_equal(patient.mr_landmarks(), patient.us_landmarks())


def test_a_push_flattens_the_gland_and_its_map_is_exact():
    patient = draw_prostate_patient(3, push_mm=8.0)
    _, before = patient.render_mr(GRID, noise=False)
    _, after = patient.render_us(GRID, noise=False)

    def depth(labels):
        rows = np.flatnonzero(gland(labels)[32].any(axis=1))
        return (rows[-1] - rows[0] + 1) * 1.35

    assert depth(after) < depth(before) - 2
    np.testing.assert_allclose(
        patient.deformation.map_points(patient.us_landmarks()), patient.mr_landmarks(), atol=1e-6
    )
    mapped = resample(before, GRID, to_displacement_field(patient.deformation, GRID))
    a, b = gland(mapped), gland(after)
    assert 2 * (a & b).sum() / (a.sum() + b.sum()) > 0.97
    assert np.abs(patient.us_landmarks() - patient.mr_landmarks()).max() > 3


def test_a_push_that_would_fold_the_tissue_is_refused():
    with pytest.raises(RegkitError, match="push_mm of the probe takes 0 to 20, got 25"):
        draw_prostate_patient(3, push_mm=25.0).render_us(GRID)
