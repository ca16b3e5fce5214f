"""The methods `fast-mi` and `fast-cr`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from regkit.errors import ParameterError
from regkit.registrar import Estimate, Pair
from regkit.registration.parameters import check_ranges

LARGEST_SEED = 2**31 - 2


@dataclass(frozen=True)
class FastRegistration:
    """Finds the linear map under which a measure of sampled intensities is highest.

    Some two thousand starts (every rotation, the body in several places) are scored at a
    coarse level, the best climb, and what is good enough goes on to the finer levels. What lies
    outside the moving image (or a mask) is unknown and does not count.

    Parameters
    ----------
    measure
        ``mi`` mutual information, ``nmi`` the normalised one, ``cr`` correlation ratio.
    model
        ``rigid``, or ``similarity``, ``anisotropic`` (a scale along each fixed axis) or
        ``affine``, which follow a rigid search and are held by a prior on their stretches.
    starts
        ``auto``; 1 begins at the initial map only; another number takes so many of the starts.
    levels
        Most resolutions, each twice as coarse as the next.
    samples
        Points of the fixed image at which it is compared at the finest level.
    bins
        Bins of either image.
    seed
        Of where the points lie, 0 or more.
    threads
        That share the starts; the result does not depend on them.
    """

    measure: Literal["mi", "nmi", "cr"] = "mi"
    model: Literal["rigid", "similarity", "anisotropic", "affine"] = "rigid"
    starts: Literal["auto"] | int = "auto"
    levels: int = 3
    samples: int = 40_000
    bins: int = 20
    seed: int = 0
    threads: int = 1

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        check_ranges(
            self,
            levels=(1, 8),
            samples=(1000, 1e7),
            bins=(5, 250),
            seed=(0, LARGEST_SEED),
            threads=(1, 1024),
        )
        if self.starts != "auto" and self.starts < 1:
            raise ParameterError(f"starts must be auto, or at least 1, got {self.starts}")

    def register(self, pair: Pair) -> Estimate:
        """Return the initial map followed by the motion found, and how sure it is."""
        from regkit_instance.multistart import MultiStartSettings, search  # noqa: PLC0415 - loads numba

        settings = MultiStartSettings(
            measure=self.measure,
            model=self.model,
            starts=None if self.starts == "auto" else self.starts,
            levels=self.levels,
            samples=self.samples,
            bins=self.bins,
            seed=self.seed,
            threads=self.threads,
        )
        return search(pair, settings)
