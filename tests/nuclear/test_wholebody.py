"""The whole-body phantom: organs where, as big and as bright as they should be; exact poses."""

import numpy as np
import pytest

from regkit.geometry.grid import Grid
from regkit.geometry.resampling import resample
from regkit.geometry.transform import AffineTransform
from regkit_nuclear.motion import affine_motion
from regkit_nuclear.phantoms.wholebody import (
    LABELS,
    ORGANS,
    draw_whole_body_patient,
    whole_body_grid,
)

pytestmark = pytest.mark.simulation

SEEDS = (1, 4, 6)
COARSE = whole_body_grid(coarser=3)

# Plausible volumes of adults, mL; the arms and thighs may leave the field of view.
VOLUMES = {
    "brain": (1000, 1800),
    "lung_upper_left": (500, 1500),
    "lung_lower_right": (350, 1500),
    "lung_middle_right": (200, 800),
    "left_ventricle": (120, 330),
    "right_ventricle": (50, 250),
    "left_atrium": (30, 150),
    "right_atrium": (40, 180),
    "aorta": (100, 400),
    "inferior_vena_cava": (30, 130),
    "liver": (1000, 2400),
    "gallbladder": (12, 60),
    "spleen": (70, 350),
    "pancreas": (40, 140),
    "adrenal_left": (1, 9),
    "adrenal_right": (1, 9),
    "kidney_left": (100, 260),
    "kidney_right": (100, 260),
    "stomach": (120, 500),
    "small_bowel": (350, 1300),
    "colon": (350, 1300),
    "bladder": (40, 420),
    "lumbar_vertebrae": (200, 600),
    "thoracic_vertebrae": (200, 550),
    "cervical_vertebrae": (25, 130),
}


@pytest.fixture(scope="module", params=SEEDS)
def case(request):
    patient = draw_whole_body_patient(request.param)
    return patient, *patient.render(COARSE, noise=False)


def dice(one, other):
    return 2 * (one & other).sum() / max(one.sum() + other.sum(), 1)


def centroid(labels, organ):
    index = np.argwhere(labels.array == LABELS[organ]).mean(axis=0)
    return labels.grid.to_physical(index)


def test_there_are_forty_organs_with_labels_from_one():
    assert len(ORGANS) == len(set(ORGANS)) == 40
    assert [LABELS[name] for name in ORGANS] == list(range(1, 41))


def test_the_usual_grid_is_that_of_the_literature_and_centred():
    grid = whole_body_grid()
    assert grid.shape_zyx == (256, 192, 192)
    assert grid.spacing == (2.8, 2.8, 3.8)
    np.testing.assert_allclose(grid.centre, 0, atol=1e-9)
    np.testing.assert_allclose(COARSE.centre, 0, atol=1e-9)


def test_all_organs_are_there(case):
    assert case[3].labels == tuple(range(1, 41))


def test_organs_have_plausible_volumes(case):
    labels = case[3]
    millilitres = np.bincount(labels.array.ravel(), minlength=41) * np.prod(COARSE.spacing) / 1000
    for organ, (low, high) in VOLUMES.items():
        assert low <= millilitres[LABELS[organ]] <= high, organ


def test_left_organs_are_on_the_left(case):
    labels = case[3]
    for organ in ORGANS:
        if organ.endswith("_left"):
            right = organ.removesuffix("_left") + "_right"
            if right in LABELS:
                assert centroid(labels, organ)[0] > centroid(labels, right)[0] + 40, organ
    for organ in ("spleen", "stomach", "left_ventricle"):
        assert centroid(labels, organ)[0] > 15
    for organ in ("liver", "gallbladder", "inferior_vena_cava", "right_atrium"):
        assert centroid(labels, organ)[0] < -8


def test_organs_are_in_order_from_head_to_thigh_and_front_to_back(case):
    labels = case[3]
    downwards = (
        "brain",
        "cervical_vertebrae",
        "trachea",
        "left_atrium",
        "liver",
        "pancreas",
        "lumbar_vertebrae",
        "sacrum",
        "bladder",
    )
    heights = [centroid(labels, organ)[2] for organ in downwards]
    assert all(np.diff(heights) < 0)
    backwards = ("right_ventricle", "left_atrium", "thoracic_vertebrae")
    assert all(np.diff([centroid(labels, organ)[1] for organ in backwards]) > 0)


@pytest.mark.parametrize(
    ("organ", "low", "high"),
    [
        ("liver", 50, 68),
        ("spleen", 28, 60),
        ("brain", 22, 45),
        ("bladder", 0, 25),
        ("lung_upper_left", -900, -720),
        ("trachea", -1001, -700),
        ("left_ventricle", 30, 60),
        ("femur_left", 100, 1000),
        ("skull", 300, 1000),
        ("sacrum", 100, 500),
        ("gluteus_right", 35, 60),
        ("kidney_left", 10, 45),
    ],
)
def test_organs_have_their_hounsfield_units(case, organ, low, high):
    ct, labels = case[1], case[3]
    assert low <= np.median(ct.array[labels.array == LABELS[organ]]) <= high


def test_uptake_is_that_drawn_for_the_patient(case):
    patient, _, pet, labels = case
    for organ in ("liver", "spleen"):
        median = np.median(pet.array[labels.array == LABELS[organ]])
        assert median == pytest.approx(patient.uptake[organ], rel=0.15)
    median = np.median(pet.array[labels.array == LABELS["gluteus_left"]])
    assert median == pytest.approx(patient.uptake["muscle"], rel=0.1)


def test_fdg_goes_where_physicians_expect_it(case):
    _, _, pet, labels = case
    suv = {name: np.median(pet.array[labels.array == number]) for name, number in LABELS.items()}
    assert suv["brain"] > 1.5 * suv["liver"]
    assert suv["bladder"] > 1.5 * suv["liver"]
    assert suv["liver"] > 0.9 * suv["aorta"] > suv["gluteus_left"] > 0
    assert suv["lung_upper_left"] < 1
    assert pet.array.min() >= 0


def test_air_surrounds_the_body(case):
    _, ct, pet, labels = case
    assert ct.array[:, 0].max() < -950
    assert pet.array[:, 0].max() < 0.05
    assert not labels.array[:, 0].any()


def test_the_same_seed_gives_the_same_images_and_another_seed_others():
    grid = whole_body_grid(coarser=6)
    one, again, other = (draw_whole_body_patient(seed).render(grid) for seed in (9, 9, 10))
    for a, b, c in zip(one, again, other, strict=True):
        np.testing.assert_array_equal(a.array, b.array)
        assert (a.array != c.array).any()


def test_a_seed_means_the_same_patient_on_every_machine():
    patient = draw_whole_body_patient(2024)
    assert patient.habitus.height_mm == pytest.approx(1848.515202440269, rel=1e-9)
    assert patient.uptake["liver"] == pytest.approx(2.267119341074337, rel=1e-9)
    ct, pet, labels = patient.render(whole_body_grid(coarser=6))
    assert ct.array.mean(dtype=float) == pytest.approx(-793.70880, rel=1e-5)
    assert pet.array.std(dtype=float) == pytest.approx(0.62645074, rel=1e-5)
    assert labels.array.mean() == pytest.approx(1.0722429, rel=1e-3)


def test_each_scan_alone_is_that_of_both():
    grid, patient = whole_body_grid(coarser=6), draw_whole_body_patient(3)
    ct, pet, labels = patient.render(grid)
    for image, (alone, alone_labels) in (
        (ct, patient.render_ct(grid)),
        (pet, patient.render_pet(grid)),
    ):
        np.testing.assert_array_equal(image.array, alone.array)
        np.testing.assert_array_equal(labels.array, alone_labels.array)
    assert (ct.modality, pet.modality) == ("ct", "pet")


def test_noise_is_that_of_scanners():
    grid, patient = whole_body_grid(coarser=3), draw_whole_body_patient(3)
    (ct, pet, labels), (exact_ct, exact_pet, _) = (
        patient.render(grid, noise=n) for n in (True, False)
    )
    liver = labels.array == LABELS["liver"]
    assert 1 < (ct.array - exact_ct.array)[liver].std() < 20
    relative = (pet.array - exact_pet.array)[liver].std() / exact_pet.array[liver].mean()
    assert 0.01 < relative < 0.15
    assert abs((pet.array - exact_pet.array)[liver].mean()) < 0.02 * exact_pet.array[liver].mean()


def test_a_pose_of_whole_voxels_shifts_the_arrays_exactly():
    patient = draw_whole_body_patient(2)
    sx, sy, sz = COARSE.spacing
    pose = AffineTransform.shift((3 * sx, -2 * sy, 4 * sz))
    still, still_labels = patient.render_ct(COARSE, noise=False)
    moved, moved_labels = patient.render_ct(COARSE, pose, noise=False)
    np.testing.assert_allclose(moved.array[:-4, 2:, :-3], still.array[4:, :-2, 3:], atol=0.5)
    same = moved_labels.array[:-4, 2:, :-3] == still_labels.array[4:, :-2, 3:]
    assert same.mean() > 0.9999


def test_a_pose_is_resampling_up_to_interpolation():
    patient, rng = draw_whole_body_patient(5), np.random.default_rng(2)
    pose = affine_motion(rng, COARSE.extent)
    still = patient.render(COARSE, noise=False)
    moved = patient.render(COARSE, pose, noise=False)
    for image, posed, outside in zip(still[:2], moved[:2], (-1000.0, 0.0), strict=True):
        resampled = resample(image, COARSE, pose, outside).array[8:-8]
        correlation = np.corrcoef(resampled.ravel(), posed.array[8:-8].ravel())[0, 1]
        assert correlation > 0.97
    resampled, posed = resample(still[2], COARSE, pose).array, moved[2].array
    for organ in ("liver", "brain", "gluteus_left", "lung_upper_left"):
        a, b = resampled == LABELS[organ], posed == LABELS[organ]
        assert dice(a, b) > 0.9, organ


def test_a_part_of_the_grid_shows_a_part_of_the_picture():
    patient = draw_whole_body_patient(7)
    whole, labels = patient.render_ct(COARSE, noise=False)
    z, y, x = start = (33, 10, 15)
    origin = tuple(COARSE.to_physical(start).tolist())
    part, part_labels = patient.render_ct(Grid((21, 30, 25), COARSE.spacing, origin), noise=False)
    np.testing.assert_allclose(
        part.array, whole.array[z : z + 21, y : y + 30, x : x + 25], atol=0.5
    )
    same = part_labels.array == labels.array[z : z + 21, y : y + 30, x : x + 25]
    assert same.mean() > 0.9995


def test_unregistered_scans_overlap_as_little_as_published():
    """Mean Dice over the organs is 0.20 with many more patients than the six of this test."""
    grid, rng, scores = whole_body_grid(coarser=4), np.random.default_rng(5), []
    for seed in range(100, 106):
        labels = draw_whole_body_patient(seed).render_ct(grid, noise=False)[1]
        for _ in range(6):
            one, other = (
                resample(labels, grid, affine_motion(rng, grid.extent)).array for _ in range(2)
            )
            scores.append([dice(one == n, other == n) for n in LABELS.values()])
    assert np.mean(scores) == pytest.approx(0.20, abs=0.04)


def test_patients_differ_as_people_do():
    patients = [draw_whole_body_patient(seed) for seed in range(300)]
    assert 0.35 < np.mean([p.habitus.female for p in patients]) < 0.55
    assert 0.7 < np.mean([p.habitus.arms_up for p in patients]) < 0.9
    heights = [p.habitus.height_mm for p in patients]
    assert min(heights) >= 1500
    assert max(heights) <= 1900
    assert np.std(heights) > 50
    assert 0.15 < np.mean([not p.lesions for p in patients]) < 0.5
    assert all(3 <= lesion.suv <= 20 for p in patients for lesion in p.lesions)
