"""No simulated patient can be in two splits."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regkit.errors import RegkitError
from regkit_nuclear.cohorts.patient_seeds import (
    PATIENTS_PER_SEED,
    SEEDS,
    SPLITS,
    patient_seed,
)

seeds = st.integers(0, SEEDS - 1)
indices = st.integers(0, PATIENTS_PER_SEED - 1)
keys = st.tuples(st.sampled_from(SPLITS), seeds, indices)


@given(keys, keys)
def test_two_patients_share_a_seed_only_if_they_are_the_same_patient(one, other):
    assert (patient_seed(*one) == patient_seed(*other)) == (one == other)


def seeds_of(split):
    """Return the first seed of a split and the last."""
    return patient_seed(split, 0, 0), patient_seed(split, SEEDS - 1, PATIENTS_PER_SEED - 1)


@given(keys)
def test_every_patients_seed_is_in_the_range_of_its_split(key):
    first, last = seeds_of(key[0])
    assert first <= patient_seed(*key) <= last


def test_the_ranges_of_the_splits_do_not_touch():
    ends = [(s, seed, i) for s in SPLITS for seed in (0, SEEDS - 1) for i in (0, 999_999)]
    assert len({patient_seed(*end) for end in ends}) == len(ends)
    ranges = sorted(seeds_of(split) for split in SPLITS)
    assert all(last < first for (_, last), (first, _) in pairwise(ranges))


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
