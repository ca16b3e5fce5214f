"""The seeds of simulated patients: no patient is in two splits.

Every split has a range of whole numbers of its own, and every cohort a part of it: whatever the
seeds of the cohorts, train, validation and test never have a patient in common.
"""

from __future__ import annotations

from regkit.errors import ParameterError

SPLITS = ("train", "validation", "test")
PATIENTS_PER_SEED = 1_000_000
SEEDS = 1_000_000_000
# Three splits of 1e15 seeds stay below 2**53: JSON readers keep such whole numbers exactly.
SEEDS_PER_SPLIT = PATIENTS_PER_SEED * SEEDS


def patient_seed(split: str, seed: int, index: int) -> int:
    """Return the seed of one simulated patient.

    Parameters
    ----------
    split
        ``train``, ``validation`` or ``test``.
    seed
        Number of the cohort within that split, 0 to 999,999,999.
    index
        Number of the patient within the cohort, 0 to 999,999.

    Returns
    -------
    int
        Seed that no other patient has.

    Raises
    ------
    ParameterError
        An unknown split, or a seed or index beyond its range.
    """
    if split not in SPLITS:
        raise ParameterError(f"unknown split '{split}'; use one of {', '.join(SPLITS)}")
    _within("seed", seed, SEEDS)
    _within("patient index", index, PATIENTS_PER_SEED)
    return SPLITS.index(split) * SEEDS_PER_SPLIT + seed * PATIENTS_PER_SEED + index


def _within(name: str, value: int, end: int) -> None:
    if not 0 <= value < end:
        raise ParameterError(f"{name} must be 0 to {end - 1}, got {value}")
