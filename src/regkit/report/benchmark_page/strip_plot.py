"""Box and strip plot of a score: dots for cases, boxes for quartiles, means with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from regkit.geometry.grid import FloatArray
from regkit.report.benchmark_page.axis import Axis
from regkit.report.benchmark_page.drawing import Drawing, color_class
from regkit.statistics.summary import MethodRow

# Layout in pixels; chosen by hand.
WIDTH, ROW, TOP, BOTTOM = 860, 46, 12, 46
# Widths in pixels of a letter (those of "moments+mi" in DejaVu Sans have 8.1), and of the column
# with the number of failures.
LETTER, FAILED = 8.4, 74
# More dots hide each other; the extremes are always drawn. Chosen by hand.
MAX_DOTS = 250


@dataclass(frozen=True, eq=False)
class MethodStrip:
    """One method.

    Parameters
    ----------
    row
        Statistics of the method.
    values
        The score of every case that did not fail, shape (n,).
    colour
        Number of the method's color on the page.
    """

    row: MethodRow
    values: FloatArray
    colour: int


def strip_plot(
    rows: Sequence[MethodStrip], title: str, unit: str, margin: float | None = None
) -> Markup:
    """Draw the methods below each other.

    Parameters
    ----------
    rows
        The methods, from top to bottom.
    title, unit
        Name and unit of the score.
    margin
        A clinical margin to mark.
    """
    left = 14 + LETTER * min(26, max((len(strip.row.method) for strip in rows), default=0))
    bottom = TOP + ROW * len(rows)
    picture = Drawing(WIDTH, bottom + BOTTOM, f"{title} of every case by method")
    axis = Axis.over(_all_values(rows, margin), left, WIDTH - FAILED - 8)
    _grid(picture, axis, bottom)
    picture.text((left + WIDTH - FAILED) / 2, bottom + 38, _name(title, unit), "faint", "middle")
    if margin is not None:
        picture.line(axis.at(margin), TOP, axis.at(margin), bottom, "margin")
    for number, strip in enumerate(rows):
        _draw(picture, strip, axis, TOP + ROW * (number + 0.5))
    return picture.markup()


def _draw(picture: Drawing, strip: MethodStrip, axis: Axis, y: float) -> None:
    picture.text(axis.start - 10, y + 4, shortened_name(strip.row.method), "", "end")
    style = color_class(strip.colour)
    if strip.values.size:
        ordered = _thinned(np.sort(strip.values))
        picture.dots(
            [(axis.at(v), y + _jitter(i)) for i, v in enumerate(ordered)], f"dots {style}"
        )
        low, middle, high = np.quantile(strip.values, (0.25, 0.5, 0.75)).tolist()
        picture.rectangle(axis.at(low), y - 9, axis.at(high) - axis.at(low), 18, f"box {style}")
        picture.line(axis.at(middle), y - 9, axis.at(middle), y + 9, f"median {style}")
    row = strip.row
    if row.low is not None and row.high is not None:
        picture.line(axis.at(row.low), y + 15, axis.at(row.high), y + 15, f"interval {style}")
    if row.mean is not None:
        picture.disc(axis.at(row.mean), y + 15, 3.2, f"mean {style}", f"mean {row.mean:.4g}")
    if row.failed:
        picture.text(WIDTH - 4, y + 4, f"{row.failed} failed", "bad", "end")


def _grid(picture: Drawing, axis: Axis, bottom: float) -> None:
    for value, words in axis.ticks():
        picture.line(axis.at(value), TOP, axis.at(value), bottom, "grid")
        picture.text(axis.at(value), bottom + 18, words, "faint", "middle")


def _all_values(rows: Sequence[MethodStrip], margin: float | None) -> list[float]:
    values = [float(v) for strip in rows for v in strip.values]
    ends = [e for s in rows for e in (s.row.low, s.row.mean, s.row.high) if e is not None]
    return values + ends + ([] if margin is None else [margin])


def _thinned(ordered: FloatArray) -> FloatArray:
    if ordered.size <= MAX_DOTS:
        return ordered
    return np.asarray(ordered[np.linspace(0, ordered.size - 1, MAX_DOTS).round().astype(int)])


def _jitter(number: int) -> float:
    """Spread dots evenly but without a pattern (golden ratio), within +-8 pixels."""
    return 16 * ((number * 0.6180339887498949) % 1) - 8


def _name(title: str, unit: str) -> str:
    return f"{title} ({unit})" if unit else title


def shortened_name(name: str, letters: int = 26) -> str:
    """Return a name shortened to fit beside a plot."""
    return name if len(name) <= letters else name[: letters - 1] + "…"
