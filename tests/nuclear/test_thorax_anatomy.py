"""Laws of the thorax: every patient has plausible organs, in the right place."""

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial import Delaunay

from regkit_nuclear.phantoms.thorax import ORGANS
from thorax_patients import SEEDS, rendered, volumes_ml, where

pytestmark = pytest.mark.simulation

# Generous limits in ml around what anatomy books and CT studies of adults give; organs that the
# field of view cuts (clavicles, humeri) or that only women have are looked at elsewhere.
VOLUMES_ML = {
    "lung_right": (1000, 4000),
    "lung_left": (900, 3800),
    "airways": (10, 70),
    "aorta": (80, 350),
    "vena_cava": (40, 250),
    "pulmonary_artery": (3, 100),
    "pericardial_fat": (30, 700),
    "lv_myocardium": (60, 250),
    "lv_blood_pool": (30, 260),
    "rv_wall": (20, 90),
    "rv_blood_pool": (40, 260),
    "right_atrium": (15, 150),
    "left_atrium": (15, 150),
    "liver": (650, 2800),
    "gallbladder": (5, 60),
    "spleen": (50, 350),
    "stomach": (60, 500),
    "gas": (5, 500),
    "gut": (200, 1500),
    "kidney_right": (50, 260),
    "kidney_left": (50, 260),
    "spine": (350, 1300),
    "ribs": (200, 800),
    "costal_cartilage": (40, 250),
    "sternum": (20, 120),
    "scapulae": (60, 400),
}

each_patient = pytest.mark.parametrize("seed", SEEDS)


@each_patient
def test_organs_have_plausible_volumes(seed):
    _, anatomy = rendered(seed)
    volumes = volumes_ml(anatomy.organs)
    wrong = {
        organ: round(volumes[organ])
        for organ, (low, high) in VOLUMES_ML.items()
        if not low <= volumes[organ] <= high
    }
    assert not wrong


@each_patient
def test_women_have_breasts_and_men_do_not(seed):
    patient, anatomy = rendered(seed)
    glands = volumes_ml(anatomy.organs)["breast"]
    assert 20 <= glands <= 1500 if patient.habitus.female else glands == 0


@each_patient
def test_attenuation_is_that_of_tissue(seed):
    _, anatomy = rendered(seed)
    assert anatomy.mu.modality == "mu"
    assert anatomy.mu.array.min() >= 0
    assert anatomy.mu.array.max() <= 0.3
    expected = {
        "lung_right": (0.030, 0.062),
        "lung_left": (0.030, 0.062),
        "liver": (0.160, 0.164),
        "lv_blood_pool": (0.160, 0.164),
        "fat": (0.138, 0.146),
        "muscle": (0.152, 0.164),
        "ribs": (0.175, 0.235),
        "spine": (0.165, 0.25),
        "gas": (0.0, 0.06),
    }
    for organ, (low, high) in expected.items():
        assert low <= np.median(anatomy.mu.array[anatomy.organs.array == ORGANS[organ]]) <= high


@each_patient
def test_air_around_the_patient_is_empty(seed):
    _, anatomy = rendered(seed)
    outside = ndimage.binary_erosion(anatomy.organs.array == 0, np.ones((3, 3, 3)), 2)
    assert anatomy.mu.array[outside].max() == 0
    assert anatomy.activity.array[outside].max() == 0
    assert anatomy.activity.array.min() >= 0


@each_patient
def test_left_is_left_and_right_is_right(seed):
    patient, anatomy = rendered(seed)
    midline = patient.habitus.origin_mm[0]
    for organ in ("lung_right", "liver", "gallbladder", "kidney_right"):
        assert where(anatomy.organs, organ)[:, 0].mean() < midline
    for organ in ("lung_left", "spleen", "stomach", "kidney_left", "lv_myocardium"):
        assert where(anatomy.organs, organ)[:, 0].mean() > midline
    right, left = (where(anatomy.organs, f"{s}_atrium")[:, 0].mean() for s in ("right", "left"))
    assert right < left


@each_patient
def test_the_heart_is_in_the_left_front_of_the_chest(seed):
    _, anatomy = rendered(seed)
    heart = where(anatomy.lv, 1).mean(axis=0)
    lungs = np.vstack([where(anatomy.organs, f"lung_{side}") for side in ("left", "right")])
    assert heart[0] > 0
    assert heart[1] < where(anatomy.organs, "spine")[:, 1].min()
    assert heart[1] < lungs[:, 1].mean()
    assert where(anatomy.organs, "sternum")[:, 1].mean() < heart[1]


@each_patient
def test_the_abdomen_is_below_the_chest_and_the_liver_under_the_right_dome(seed):
    _, anatomy = rendered(seed)
    heart = where(anatomy.lv, 1).mean(axis=0)
    for organ in ("liver", "spleen", "stomach", "gut", "kidney_left", "kidney_right"):
        assert where(anatomy.organs, organ)[:, 2].mean() < heart[2]
    top = {organ: where(anatomy.organs, organ)[:, 2].max() for organ in ("liver", "spleen")}
    assert top["liver"] > top["spleen"]
    # Looking up from the top of the liver one sees the right lung.
    number = ORGANS["liver"]
    z, y, x = max(np.argwhere(anatomy.organs.array == number).tolist())
    assert ORGANS["lung_right"] in anatomy.organs.array[z + 1 : z + 6, y, x]


@each_patient
def test_no_organ_leaves_the_body_and_no_lung_leaves_the_ribs(seed):
    _, anatomy = rendered(seed)
    organs = anatomy.organs.array
    body = (organs > 0) & (organs != ORGANS["table"])
    depth = ndimage.distance_transform_edt(np.pad(body, 1, mode="edge"))[1:-1, 1:-1, 1:-1]
    depth = depth * anatomy.organs.grid.spacing[0]
    inner = ("lung_right", "lung_left", "liver", "spleen", "lv_myocardium", "rv_wall", "stomach")
    for organ in inner:
        assert depth[organs == ORGANS[organ]].min() > 8
    bones = np.vstack(
        [where(anatomy.organs, part) for part in ("ribs", "costal_cartilage", "spine", "sternum")]
    )
    lungs = np.vstack([where(anatomy.organs, f"lung_{side}") for side in ("left", "right")])
    assert (Delaunay(bones[::5]).find_simplex(lungs[::3]) >= 0).mean() > 0.97


@each_patient
def test_every_solid_organ_is_in_one_piece(seed):
    _, anatomy = rendered(seed)
    for organ in ("lung_right", "lung_left", "liver", "spleen", "lv_myocardium", "lv_blood_pool"):
        pieces, count = ndimage.label(anatomy.organs.array == ORGANS[organ], np.ones((3, 3, 3)))
        sizes = np.bincount(pieces.ravel())[1:] if count else [0]
        assert max(sizes) > 0.97 * sum(sizes)


@each_patient
def test_the_table_is_behind_the_patient(seed):
    _, anatomy = rendered(seed)
    table = where(anatomy.organs, "table")
    middle = np.abs(table[:, 0] - where(anatomy.organs, "spine")[:, 0].mean()) < 20
    assert table[middle][:, 1].min() >= where(anatomy.organs, "spine")[:, 1].max()


@each_patient
def test_hounsfield_units_look_like_a_ct(seed):
    _, anatomy = rendered(seed)
    hu, organs = anatomy.hu, anatomy.organs.array
    assert hu.modality == "ct"
    assert hu.array.min() == pytest.approx(-1000, abs=1)
    for organ, (low, high) in {
        "lung_right": (-820, -600),
        "fat": (-110, -40),
        "liver": (30, 100),
        "ribs": (150, 1000),
    }.items():
        assert low <= np.median(hu.array[organs == ORGANS[organ]]) <= high


def test_the_table_of_organs_cannot_be_changed():
    assert sorted(ORGANS.values()) == list(range(1, len(ORGANS) + 1))
    with pytest.raises(TypeError, match="does not support item assignment"):
        ORGANS["liver"] = 1
