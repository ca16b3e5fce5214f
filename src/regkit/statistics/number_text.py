"""Numbers of a summary as text."""

from __future__ import annotations

from regkit.statistics.summary import MethodRow


def format_value(value: float | None, nothing: str = "-") -> str:
    """Return a number with three significant digits."""
    if value is None:
        return nothing
    value += 0.0  # turns -0 into 0
    if value == 0 or 0.001 <= abs(value) < 1000:
        return f"{value:#.3g}".rstrip(".")
    return f"{value:.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.1e}"


def counted(number: int, what: str) -> str:
    """Return a number with its noun, singular or plural: ``1 case`` or ``2 cases``."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def format_p(p: float | None) -> str:
    """Return a p-value; tiny ones as a bound."""
    if p is None:
        return "-"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def format_mean(mean: float | None, low: float | None, high: float | None) -> str:
    """Return a mean with its interval."""
    interval = (
        "" if low is None or high is None else f" [{format_value(low)}, {format_value(high)}]"
    )
    return format_value(mean) + interval


def format_quantile(row: MethodRow, name: str) -> str:
    """Return a quantile, or ``failed`` where it is a failure."""
    return format_value(getattr(row, name), "failed" if row.failed else "-")
