"""What holds for every simulated cohort."""

import itertools

import numpy as np
import pytest

from regkit.datasets.case import Dataset, IndexedDataset
from regkit.datasets.folder import build_dataset
from regkit.errors import ParameterError
from regkit.geometry.resampling import resample
from regkit.registry import default_registry
from regkit_nuclear.cohorts.patient_seeds import PATIENTS_PER_SEED, SEEDS, patient_seed
from small_cohorts import SMALL, small

pytestmark = pytest.mark.simulation

NAMES = sorted(SMALL)


def arrays(case):
    volumes = (case.pair.fixed, case.pair.moving, case.fixed_labels, case.moving_labels)
    return [volume.array for volume in volumes]


@pytest.fixture(scope="module", params=NAMES)
def cohort(request):
    return small(request.param)


@pytest.fixture(scope="module")
def cases(cohort):
    return list(cohort)


def test_it_is_a_dataset_that_the_registry_offers(cohort):
    assert isinstance(cohort, Dataset)
    assert isinstance(cohort, IndexedDataset)
    offered = build_dataset(cohort.name, {"n": 5, "split": "test"}, default_registry())
    assert type(offered) is type(cohort)
    assert (len(offered), offered.split, offered.name) == (5, "test", cohort.name)


def test_cases_come_in_the_order_of_their_ids(cohort, cases):
    assert [case.id for case in cases] == list(cohort.ids)
    assert len(set(cohort.ids)) == len(cohort) == 2
    assert all(case.id.startswith(case.group) for case in cases)


def test_a_case_keeps_its_name_when_there_are_more(cohort):
    more = small(cohort.name, n=30_000)
    assert more.ids[:2] == cohort.ids
    assert len(set(more.ids)) == 30_000
    assert more.ids[12_345] == more.case_id(12_345)


def test_the_same_seed_gives_the_same_case(cohort, cases):
    """Also when cases are made in another order, as workers do."""
    again = small(cohort.name).case(1)
    assert again.truth.map_points((1.0, 2.0, 3.0)) == pytest.approx(
        cases[1].truth.map_points((1.0, 2.0, 3.0))
    )
    for one, other in zip(arrays(cases[1]), arrays(again), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5 * abs(one).max())


def test_other_seeds_and_splits_give_other_patients(cohort, cases):
    for options in ({"seed": 1}, {"split": "test"}, {"split": "validation"}):
        other = small(cohort.name, **options).case(0)
        assert other.extra["patient"] != cases[0].extra["patient"]
        assert not np.array_equal(other.pair.moving.array, cases[0].pair.moving.array)


def test_splits_share_no_patient(cohort):
    seen: dict[str, set[int]] = {}
    for split, seed in itertools.product(("train", "validation", "test"), range(3)):
        some = small(cohort.name, n=40, split=split, seed=seed)
        patients = {some.patient_seed(index) for index in range(40)}
        assert min(patients) >= patient_seed(split, 0, 0)
        assert max(patients) <= patient_seed(split, SEEDS - 1, PATIENTS_PER_SEED - 1)
        seen.setdefault(split, set()).update(patients)
    assert not seen["train"] & seen["validation"] | seen["train"] & seen["test"]
    assert not seen["validation"] & seen["test"]


def test_the_truth_brings_the_labels_together(cases):
    """Labels were rendered independently in both images: only the true map makes them agree."""
    for case in cases:
        fixed, moving = case.fixed_labels, case.moving_labels
        true, wrong = (
            resample(moving, fixed.grid, case.truth).array,
            resample(moving, fixed.grid).array,
        )
        inside = (fixed.array > 0) & (true > 0)
        assert inside.sum() > 20
        agree = (fixed.array == true)[inside].mean()
        assert agree > 0.6
        union = (fixed.array > 0) | (wrong > 0)
        assert agree > (fixed.array == wrong)[union].mean()


def test_images_are_finite_and_hold_something(cases):
    for case in cases:
        for volume in (case.pair.fixed, case.pair.moving):
            assert np.isfinite(volume.array).all()
            assert volume.array.std() > 0


def test_everything_beside_images_and_projections_is_plain(cases):
    plain = {
        key: value
        for key, value in cases[0].extra.items()
        if isinstance(value, str | int | float | list)
    }
    assert {"split", "patient"} <= plain.keys()
    assert set(cases[0].extra) - set(plain) <= {"projections", "ac"}


@pytest.mark.parametrize("name", NAMES)
def test_what_cannot_be_is_refused(name):
    with pytest.raises(ParameterError, match="at least one case"):
        small(name, n=0)
    with pytest.raises(ParameterError, match="unknown split 'dev'"):
        small(name, split="dev")
    with pytest.raises(ParameterError, match="seed must be 0"):
        small(name, seed=-1)
    with pytest.raises(IndexError, match="has 2 cases"):
        small(name).case(2)


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("spect-ct", {"coverage": (0.8, 0.2)}, "coverage takes two fractions"),
        ("spect-ct", {"motions": 0}, "motions takes 1 to 26"),
        ("spect-ct", {"amount": -1.0}, "amount takes 0 to 3"),
        ("spect-ct", {"counts": 0.0}, "counts takes a number above 0"),
        ("pet-ct", {"amount": 50.0}, "amount takes 0 to 3"),
        ("spect-ct", {"extracardiac": (3.0, 2.0)}, "extracardiac takes two factors"),
        ("spect-ct", {"diameter_mm": -1.0}, "diameter_mm takes a length"),
        ("spect-ct", {"size": 4}, "size must be at least 8"),
        ("lv-pet", {"size": 33}, "even number of voxels"),
        ("lv-spect", {"size": 8}, "even number of voxels"),
        ("pet-ct", {"coarser": 0}, "coarser takes"),
        ("mr-us", {"distance_mm": (5.0, 1.0)}, "distance_mm takes"),
        ("mr-us", {"push_mm": 100.0}, "push_mm of the probe takes 0 to 20"),
        ("mr-us", {"size": 2}, "size must be at least 8"),
    ],
)
def test_options_beyond_their_range_are_refused(name, options, words):
    with pytest.raises(ParameterError, match=words):
        small(name, **options)
