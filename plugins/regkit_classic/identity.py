"""The identity transform: the baseline of comparisons."""

from __future__ import annotations

from dataclasses import dataclass

from regkit.registrar import Estimate, Pair


@dataclass(frozen=True)
class Identity:
    """Returns the initial transform unchanged."""

    def register(self, pair: Pair) -> Estimate:
        """Return `pair.initial`, or the identity transform without one."""
        return Estimate(pair.start)
