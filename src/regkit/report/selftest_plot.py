"""Plot of the error of every run of a self-test against the size of its motion."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from regkit.benchmark.known_motions import Kind
from regkit.benchmark.selftest_result import KnownMotionRun, SelfTest
from regkit.report.benchmark_page.axis import Axis
from regkit.report.benchmark_page.drawing import Drawing
from regkit.report.selftest_text import KIND_NAMES, length_text, size_text

# Layout in pixels; chosen by hand.
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 860, 300, 64, 16, 40, 52
# Height, from the top, at which runs are drawn that found nothing.
FAILED = 24
# Smaller errors are drawn as this, mm.
LEAST_MM = 0.01


def selftest_plot(test: SelfTest, kind: Kind) -> Markup:
    """Draw the runs from motions of one kind: size to the right, error up, colored by verdict.

    Parameters
    ----------
    test
        The self-test.
    kind
        Kind of the motions.
    """
    picture = Drawing(WIDTH, HEIGHT, f"error against size: {KIND_NAMES[kind]}")
    up, sizes = _error_axis(test), test.sizes(kind)
    column = (WIDTH - LEFT - RIGHT) / max(len(sizes), 1)
    captured = test.captured_size(kind)
    if captured is not None:
        number = [size_text(size) for size in sizes].index(size_text(captured)) + 1
        picture.rectangle(LEFT, TOP, number * column, HEIGHT - BOTTOM - TOP, "captured")
    _draw_grid(picture, up)
    picture.line(LEFT, up.at(test.tolerance_mm), WIDTH - RIGHT, up.at(test.tolerance_mm), "margin")
    for position, size in enumerate(sizes):
        middle = LEFT + (position + 0.5) * column
        picture.text(middle, HEIGHT - BOTTOM + 18, size_text(size), "faint", "middle")
        _draw_runs(picture, size.runs, up, middle, column)
    picture.text(LEFT - 50, 14, "error (mm)", "faint")
    name = f"size of the {KIND_NAMES[kind]}"
    picture.text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, name, "faint", "middle")
    return picture.markup()


def _draw_runs(
    picture: Drawing, runs: Sequence[KnownMotionRun], up: Axis, middle: float, column: float
) -> None:
    for number, run in enumerate(runs):
        x = middle + 0.7 * column * ((number + 0.5) / len(runs) - 0.5)
        y = FAILED if run.judgement == "failed" else up.at(run.error_mm)
        words = "; ".join((f"{length_text(run.error_mm)}, {run.judgement}", *run.reasons))
        picture.disc(x, y, 5, f"run {run.judgement}", words)


def _draw_grid(picture: Drawing, up: Axis) -> None:
    for value, words in up.ticks():
        picture.line(LEFT, up.at(value), WIDTH - RIGHT, up.at(value), "grid")
        picture.text(LEFT - 8, up.at(value) + 4, words, "faint", "end")


def _error_axis(test: SelfTest) -> Axis:
    """Return one logarithmic axis for the plots of all kinds."""
    errors = [run.error_mm for run in test.runs if run.judgement != "failed"]
    low = max(min([*errors, test.tolerance_mm]), LEAST_MM)
    high = max([*errors, 2 * test.tolerance_mm])
    return Axis(low / 1.3, high * 1.3, HEIGHT - BOTTOM, TOP, logarithmic=True)
