"""Bland-Altman plot: differences of measured and true values against their means."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from regkit.report.benchmark_page.axis import Axis
from regkit.report.benchmark_page.drawing import Drawing, color_class
from regkit.statistics.agreement import Agreement

# Layout in pixels; chosen by hand.
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 860, 320, 64, 140, 22, 50


def bland_altman(agreement: Agreement, colours: Mapping[str, int]) -> Markup:
    """Draw how a method's measurements agree with the true values.

    Parameters
    ----------
    agreement
        The measurements.
    colours
        Number of each method among those of the page.
    """
    title = f"{agreement.measure} of {agreement.method}: differences against means"
    picture = Drawing(WIDTH, HEIGHT, title)
    across = _across(agreement)
    up = Axis.over(_heights(agreement), HEIGHT - BOTTOM, TOP)
    style = color_class(colours[agreement.method])
    _grid(picture, across, up, agreement)
    _lines(picture, across, up, agreement, style=style)
    points = zip(agreement.means.tolist(), agreement.differences.tolist(), strict=True)
    picture.dots([(across.at(mean), up.at(off)) for mean, off in points], f"dots {style}")
    return picture.markup()


def _across(agreement: Agreement) -> Axis:
    """Return an axis over the means only, without zero, since no measurement is near it."""
    low, high = float(agreement.means.min()), float(agreement.means.max())
    room = 0.05 * (high - low) or 0.5 * high
    return Axis(low - room, high + room, LEFT, WIDTH - RIGHT)


def _heights(agreement: Agreement) -> list[float]:
    """Return the values that must fit; symmetric limits keep zero in the plot."""
    ends = [end for interval in agreement.intervals or () for end in interval]
    largest = max(map(abs, [*agreement.differences.tolist(), *ends, 1e-3]))
    return [-largest, *agreement.differences.tolist(), *ends, largest]


def _grid(picture: Drawing, across: Axis, up: Axis, agreement: Agreement) -> None:
    for value, words in across.ticks():
        picture.line(across.at(value), TOP, across.at(value), HEIGHT - BOTTOM, "grid")
        picture.text(across.at(value), HEIGHT - BOTTOM + 18, words, "faint", "middle")
    for value, words in up.ticks():
        style = "scale" if value == 0 else "grid"
        picture.line(across.start, up.at(value), across.end, up.at(value), style)
        picture.text(LEFT - 8, up.at(value) + 4, words, "faint", "end")
    unit = f" ({agreement.unit})" if agreement.unit else ""
    middle = (across.start + across.end) / 2
    name = f"mean of {agreement.measure} and its true value{unit}"
    picture.text(middle, HEIGHT - 8, name, "faint", "middle")
    picture.text(LEFT - 50, TOP - 8, "measured less true, % of the mean", "faint")


def _lines(picture: Drawing, across: Axis, up: Axis, agreement: Agreement, *, style: str) -> None:
    """Draw the bias and the limits of agreement with their intervals and figures."""
    if agreement.intervals is None:
        return
    lines = (
        (agreement.low, "limit", "−1.96 SD"),  # noqa: RUF001 - a minus sign
        (agreement.bias, "interval", "bias"),
        (agreement.high, "limit", "+1.96 SD"),
    )
    for (value, kind, name), (low, high) in zip(lines, agreement.intervals, strict=True):
        if value is None:
            continue
        top = up.at(high)
        picture.rectangle(
            across.start, top, across.end - across.start, up.at(low) - top, f"band {style}"
        )
        picture.line(across.start, up.at(value), across.end, up.at(value), f"{kind} {style}")
        picture.text(across.end + 8, up.at(value) + 4, f"{name} {value:.2f} %")
