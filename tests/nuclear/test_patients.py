"""No simulated patient can be in two splits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regkit.errors import RegkitError
from regkit_nuclear.cohorts.patient_seeds import (
    PATIENTS_PER_SEED,
    SEEDS,
    SPLITS,
    patient_seed,
    split_of,
)

seeds = st.integers(0, SEEDS - 1)
indices = st.integers(0, PATIENTS_PER_SEED - 1)
keys = st.tuples(st.sampled_from(SPLITS), seeds, indices)


@given(keys, keys)
def test_two_patients_share_a_seed_only_if_they_are_the_same_patient(one, other):
    assert (patient_seed(*one) == patient_seed(*other)) == (one == other)


@given(keys)
def test_a_patients_seed_tells_its_split(key):
    assert split_of(patient_seed(*key)) == key[0]


def test_the_ends_of_the_ranges_do_not_touch_another_split():
    ends = [(s, seed, i) for s in SPLITS for seed in (0, SEEDS - 1) for i in (0, 999_999)]
    assert len({patient_seed(*end) for end in ends}) == len(ends)
    assert [split_of(patient_seed(*end)) for end in ends] == [end[0] for end in ends]


def test_seeds_survive_readers_that_know_only_double_precision():
    last = patient_seed("test", SEEDS - 1, PATIENTS_PER_SEED - 1)
    assert int(float(last)) == last


@pytest.mark.parametrize(
    ("split", "seed", "index", "complaint"),
    [
        ("tset", 0, 0, "unknown split 'tset'; use one of train, validation, test"),
        ("train", -1, 0, "seed must be 0 to 999999999, got -1"),
        ("train", SEEDS, 0, "seed must be 0 to 999999999, got 1000000000"),
        ("test", 0, PATIENTS_PER_SEED, "patient index must be 0 to 999999, got 1000000"),
        ("test", 0, -1, "patient index must be 0 to 999999, got -1"),
    ],
)
def test_what_is_beyond_a_range_is_refused(split, seed, index, complaint):
    with pytest.raises(RegkitError, match=complaint):
        patient_seed(split, seed, index)


def test_a_seed_of_no_split_is_refused():
    with pytest.raises(RegkitError, match="patient seed must be 0 to"):
        split_of(3 * SEEDS * PATIENTS_PER_SEED)
