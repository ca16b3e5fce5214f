"""Plot of accuracy against time: mean score and median run time of every method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from regkit.report.benchmark_page.axis import Axis
from regkit.report.benchmark_page.drawing import Drawing, color_class
from regkit.report.benchmark_page.strip_plot import shortened_name
from regkit.statistics.summary import MethodRow

# Layout in pixels; chosen by hand.
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 860, 340, 64, 170, 16, 52
# Least distance of two labels in pixels.
LABEL_DISTANCE = 15


@dataclass(frozen=True)
class MethodPoint:
    """One method: its statistics, its median run time in seconds, its color number."""

    row: MethodRow
    seconds: float
    colour: int


def time_score_plot(points: Sequence[MethodPoint], title: str, unit: str, better: str) -> Markup:
    """Draw every method as a point: run time to the right, score up.

    Parameters
    ----------
    points
        The methods.
    title, unit, better
        Name, unit and direction of the score.
    """
    picture = Drawing(WIDTH, HEIGHT, f"run time against {title}")
    fastest = max(min((p.seconds for p in points), default=0), 1e-3)
    across = Axis.over([max(p.seconds, fastest / 10) for p in points], LEFT, WIDTH - RIGHT)
    ends = [e for p in points for e in (p.row.low, p.row.mean, p.row.high) if e is not None]
    up = Axis.over(ends, HEIGHT - BOTTOM, TOP)
    _grid(picture, across, up)
    arrow = "higher" if better == "higher" else "lower"
    name = f"{title} ({unit})" if unit else title
    picture.text(LEFT - 50, TOP - 4, f"mean {name}, {arrow} is better", "faint")
    middle = (LEFT + WIDTH - RIGHT) / 2
    picture.text(middle, HEIGHT - 8, "median run time (s)", "faint", "middle")
    labels = _apart({p.row.method: up.at(p.row.mean) for p in points if p.row.mean is not None})
    for point in points:
        _draw(picture, point, across, up, labels)
    return picture.markup()


def _draw(
    picture: Drawing, point: MethodPoint, across: Axis, up: Axis, labels: dict[str, float]
) -> None:
    row, style = point.row, color_class(point.colour)
    if row.mean is None:
        return
    x, y = across.at(point.seconds), up.at(row.mean)
    if row.low is not None and row.high is not None:
        picture.line(x, up.at(row.low), x, up.at(row.high), f"interval {style}")
    picture.disc(x, y, 6, f"mean {style}", f"{row.method}: {point.seconds:.3g} s, {row.mean:.4g}")
    label = labels[row.method]
    picture.path([(x + 8, y), (x + 14, label), (x + 18, label)], f"leader {style}")
    picture.text(x + 22, label + 4, shortened_name(row.method, 20))


def _grid(picture: Drawing, across: Axis, up: Axis) -> None:
    for value, words in across.ticks():
        picture.line(across.at(value), TOP, across.at(value), HEIGHT - BOTTOM, "grid")
        picture.text(across.at(value), HEIGHT - BOTTOM + 18, words, "faint", "middle")
    for value, words in up.ticks():
        picture.line(LEFT, up.at(value), WIDTH - RIGHT, up.at(value), "grid")
        picture.text(LEFT - 8, up.at(value) + 4, words, "faint", "end")


def _apart(wanted: dict[str, float]) -> dict[str, float]:
    """Move labels down until none lies on another."""
    placed: dict[str, float] = {}
    last = -1e9
    for name, y in sorted(wanted.items(), key=lambda item: item[1]):
        last = max(y, last + LABEL_DISTANCE)
        placed[name] = last
    return placed
