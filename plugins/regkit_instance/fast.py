"""The methods `fast-mi` and `fast-cr`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from regkit.parameters import check_ranges
from regkit.registrar import Estimate, Pair


@dataclass(frozen=True)
class FastRegistration:
    """Finds the linear map under which a sampled measure is highest, from many starts.

    Parameters
    ----------
    measure
        Similarity measure.
    model
        ``rigid``, ``similarity`` or ``affine``.
    """

    measure: Literal["mi", "nmi", "cr"] = "mi"
    model: Literal["rigid", "similarity", "affine"] = "rigid"
    starts: Literal["auto"] | int = "auto"
    levels: int = 3
    samples: int = 20_000
    bins: int = 24
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse values out of range."""
        check_ranges(self, levels=(1, 8), samples=(100, 1e8), bins=(5, 250), seed=(0, 2**31))

    def register(self, pair: Pair) -> Estimate:
        """Return the initial map after the motion found."""
        from regkit_instance.engine import Settings, search  # noqa: PLC0415 - numba is slow to load

        starts = None if self.starts == "auto" else int(self.starts)
        return search(
            pair,
            Settings(
                self.measure, self.model, self.levels, self.samples, self.bins, starts, self.seed
            ),
        )
