"""Critical-difference diagram: mean ranks on a line; bars join methods not separated by it.

Demsar 2006, Journal of Machine Learning Research 7, 1-30.
"""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from regkit.report.benchmark_page.axis import Axis
from regkit.report.benchmark_page.drawing import Drawing, color_class
from regkit.report.benchmark_page.strip_plot import shortened_name
from regkit.statistics.ranking import Ranking

# Layout in pixels; chosen by hand.
WIDTH, SIDE, LINE, BAR = 860, 230, 26, 12
SCALE_Y = 62


def critical_difference_diagram(ranking: Ranking, colours: Mapping[str, int]) -> Markup:
    """Draw a ranking.

    Parameters
    ----------
    ranking
        The methods, best first.
    colours
        Number of each method among those of the page.
    """
    count = len(ranking.methods)
    axis = Axis(1, count, SIDE, WIDTH - SIDE)
    under = SCALE_Y + 14 + BAR * len(ranking.groups) + 14
    height = under + LINE * ((count + 1) // 2)
    picture = Drawing(WIDTH, height, "mean ranks of the methods and the critical difference")
    _scale(picture, axis, count)
    _yardstick(picture, axis, ranking.critical_difference)
    for number, method in enumerate(ranking.methods):
        _method(picture, axis, ranking, number, under=under, style=color_class(colours[method]))
    ranks = dict(zip(ranking.methods, ranking.mean_rank, strict=True))
    for number, group in enumerate(ranking.groups):
        y = SCALE_Y + 14 + BAR * number
        picture.line(axis.at(ranks[group[0]]) - 4, y, axis.at(ranks[group[-1]]) + 4, y, "group")
    return picture.markup()


def _scale(picture: Drawing, axis: Axis, count: int) -> None:
    picture.line(axis.start, SCALE_Y, axis.end, SCALE_Y, "scale")
    every = 1 + count // 16
    for rank in range(1, count + 1, every):
        picture.line(axis.at(rank), SCALE_Y - 6, axis.at(rank), SCALE_Y, "scale")
        picture.text(axis.at(rank), SCALE_Y - 11, str(rank), "faint", "middle")
    picture.text(axis.start - 12, SCALE_Y + 4, "best", "faint", "end")
    picture.text(axis.end + 12, SCALE_Y + 4, "worst", "faint")


def _yardstick(picture: Drawing, axis: Axis, length: float) -> None:
    """Draw the critical difference itself, above the scale."""
    end = axis.start + length * (axis.end - axis.start) / (axis.high - axis.low)
    shown = min(end, picture.width - 8)
    picture.line(axis.start, 20, shown, 20, "scale")
    for x in (axis.start, shown):
        picture.line(x, 15, x, 25, "scale")
    beyond = " (longer than drawn)" if end > shown else ""
    picture.text(axis.start - 12, 24, f"critical difference {length:.2f}{beyond}", "faint", "end")


def _method(
    picture: Drawing, axis: Axis, ranking: Ranking, number: int, *, under: float, style: str
) -> None:
    """Draw a line from a method's rank down to its name, the better half at the left."""
    count = len(ranking.methods)
    left = number < (count + 1) // 2
    y = under + LINE * (number if left else count - 1 - number)
    x = axis.at(ranking.mean_rank[number])
    end = axis.start - 14 if left else axis.end + 14
    picture.path([(x, SCALE_Y), (x, y), (end, y)], f"leader {style}")
    picture.disc(x, SCALE_Y, 4, f"mean {style}", f"mean rank {ranking.mean_rank[number]:.3f}")
    words = shortened_name(ranking.methods[number], 22)
    rank = f"{ranking.mean_rank[number]:.2f}"
    if left:
        picture.text(end - 6, y + 4, f"{words}  {rank}", "", "end")
    else:
        picture.text(end + 6, y + 4, f"{rank}  {words}")
