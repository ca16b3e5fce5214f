"""Which seed belongs to which simulated patient, so that no patient is in two splits.

Every split owns its own range of whole numbers, and every seed of a cohort its own piece of that
range: train, validation and test patients cannot meet, whatever seeds were chosen for them.
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
        Which cohort of that split, 0 to 999,999,999.
    index
        Which patient of the cohort, 0 to 999,999.

    Returns
    -------
    int
        A number that no other split, seed and index have.

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


def _within(what: str, value: int, end: int) -> None:
    if not 0 <= value < end:
        raise ParameterError(f"{what} must be 0 to {end - 1}, got {value}")
