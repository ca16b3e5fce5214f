"""The methods `fast-mi` and `fast-cr`: multi-start search over all rotations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from regkit.errors import ParameterError
from regkit.registrar import Estimate, Pair
from regkit.registration.parameters import check_ranges

MAX_SEED = 2**31 - 2


@dataclass(frozen=True)
class FastRegistration:
    """Multi-start registration that maximizes the similarity of sampled intensities.

    About two thousand starts (all rotations, several positions of the body) are scored at a coarse
    level. The best are optimized, and those with a good score go on to the finer levels. Points
    outside the moving image (or a mask) are unknown and do not count.

    Parameters
    ----------
    measure
        Similarity measure: ``mi`` mutual information, ``nmi`` normalized mutual information,
        ``cr`` correlation ratio in both directions.
    model
        Transform model: ``rigid``, ``similarity``, ``anisotropic`` (a scale along each fixed axis)
        or ``affine``. All but ``rigid`` follow a rigid search and have a prior on stretches.
    starts
        Number of starts: ``auto`` for all; 1 for the initial transform only; else that many of
        them, evenly chosen.
    levels
        Largest number of resolution levels of the search, each twice as coarse as the next; a
        finer one follows in large images.
    samples
        Number of sample points of the fixed image at the finest level; ``auto`` grows with the
        number of voxels, from 40,000.
    bins
        Number of histogram bins of either image; ``auto`` grows with the number of voxels, from
        20.
    seed
        Seed of the positions of the sample points, 0 or more.
    threads
        Number of threads; the result is exactly the same with any number of them.
    """

    measure: Literal["mi", "nmi", "cr"] = "mi"
    model: Literal["rigid", "similarity", "anisotropic", "affine"] = "rigid"
    starts: Literal["auto"] | int = "auto"
    levels: int = 3
    samples: Literal["auto"] | int = "auto"
    bins: Literal["auto"] | int = "auto"
    seed: int = 0
    threads: int = 1

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        numbers = {"samples": (1000.0, 1e7), "bins": (5.0, 250.0)}
        told = {name: limits for name, limits in numbers.items() if getattr(self, name) != "auto"}
        check_ranges(self, levels=(1, 8), seed=(0, MAX_SEED), threads=(1, 1024), **told)
        if self.starts != "auto" and self.starts < 1:
            raise ParameterError(f"starts must be auto, or at least 1, got {self.starts}")

    def register(self, pair: Pair) -> Estimate:
        """Return the initial transform followed by the correction found, with its uncertainty."""
        from regkit_instance.multistart import MultiStartSettings, multistart_registration  # noqa: PLC0415 - loads numba

        settings = MultiStartSettings(
            measure=self.measure,
            model=self.model,
            starts=None if self.starts == "auto" else self.starts,
            levels=self.levels,
            samples=0 if self.samples == "auto" else self.samples,
            bins=0 if self.bins == "auto" else self.bins,
            seed=self.seed,
            threads=self.threads,
        )
        return multistart_registration(pair, settings)
