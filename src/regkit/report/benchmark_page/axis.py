"""Axis of a plot: map values to pixels and choose ticks."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

# Values that span more than this factor get a logarithmic axis; chosen by hand.
LOGARITHMIC_RATIO = 30.0


@dataclass(frozen=True)
class Axis:
    """Map from values to pixels.

    Parameters
    ----------
    low, high
        The values at the ends.
    start, end
        The pixels there.
    logarithmic
        Choice of a logarithmic scale.
    """

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    @classmethod
    def over(cls, values: Iterable[float], start: float, end: float) -> Axis:
        """Choose an axis for values: from 0 or logarithmic if that suits them."""
        known = sorted(v for v in values if math.isfinite(v))
        if not known:
            return cls(0.0, 1.0, start, end)
        low, high = known[0], known[-1]
        typical_low, typical_high = known[len(known) // 20], known[-1 - len(known) // 20]
        if low > 0 and typical_high > LOGARITHMIC_RATIO * typical_low:
            return cls(low / 1.15, high * 1.15, start, end, True)
        if low >= 0 and low < 0.5 * high:
            low = 0.0
        room = 0.04 * (high - low) or 0.5 * abs(high) or 0.5
        return cls(low if low == 0 else low - room, high + room, start, end)

    def at(self, value: float) -> float:
        """Return the pixel of a value; values beyond an end are clamped to it."""
        value = min(max(value, self.low), self.high)
        if self.logarithmic:
            fraction = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            fraction = (value - self.low) / (self.high - self.low)
        return self.start + fraction * (self.end - self.start)

    def ticks(self) -> list[tuple[float, str]]:
        """Return round values with their labels."""
        values = self._log_ticks() if self.logarithmic else self._linear_ticks(5)
        return [(value, f"{value:g}") for value in values]

    def _linear_ticks(self, about: int) -> list[float]:
        rough = (self.high - self.low) / about
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(s * power for s in (1, 2, 5, 10) if s * power >= rough * (1 - 1e-9))
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [round(i * step, 12) for i in range(first, last + 1)]

    def _log_ticks(self) -> list[float]:
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        steps = (1, 2, 5) if last - first <= 3 else (1,)
        every = 1 + (last - first) // 8
        values = [s * 10.0**power for power in range(first, last + 1, every) for s in steps]
        return [value for value in values if self.low <= value <= self.high]
