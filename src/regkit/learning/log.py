"""The log of a training: a table, facts, and a plot of the curve."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from regkit.io.atomic_output import atomic_output

Row: TypeAlias = Mapping[str, float]
# Size of the plot and its margin, in pixels.
WIDTH, HEIGHT, MARGIN = 720, 320, 48
COLORS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd")


def write_log(
    folder: Path, rows: Sequence[Row], facts: Mapping[str, Any], plotted: Sequence[str]
) -> None:
    """Write ``log.csv``, ``log.json`` and ``curve.svg``, all or none of them.

    Parameters
    ----------
    folder
        Folder of the three files.
    rows
        One row for every logged step; a row need not have every column.
    facts
        Further facts of the training, as plain data.
    plotted
        Columns in the plot.
    """
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with atomic_output(folder) as stage:
        with stage.path("log.csv").open("w", encoding="utf-8", newline="") as stream:
            table = csv.DictWriter(stream, columns)
            table.writeheader()
            table.writerows(rows)
        text = json.dumps({**facts, "curve": list(rows)}, indent=1) + "\n"
        stage.path("log.json").write_text(text, encoding="utf-8")
        stage.path("curve.svg").write_text(plot_curve(rows, plotted), encoding="utf-8")


def plot_curve(rows: Sequence[Row], names: Sequence[str]) -> str:
    """Return a plot of columns of a log against the step, with a logarithmic axis, as SVG."""
    lines = {n: [(r["step"], r[n]) for r in rows if r.get(n, 0) > 0] for n in names}
    lines = {name: points for name, points in lines.items() if points}
    values = [v for points in lines.values() for _, v in points] or [1.0]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)) + 1e-9)
    last = max((row["step"] for row in rows), default=1) or 1

    def position(step: float, value: float) -> str:
        x = MARGIN + (WIDTH - 2 * MARGIN) * step / last
        fraction = (math.log10(value) - low) / max(high - low, 1)
        return f"{x:.1f},{HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * fraction:.1f}"

    parts = [
        _rule(position(0, 10.0**n), position(last, 10.0**n), 10.0**n) for n in range(low, high + 1)
    ]
    for color, (name, points) in zip(COLORS, lines.items(), strict=False):
        path = " ".join(position(*point) for point in points)
        parts.append(f'<polyline fill="none" stroke="{color}" points="{path}"/>')
        y = 16 * (1 + list(lines).index(name))
        parts.append(f'<text x="{WIDTH - 110}" y="{y}" fill="{color}">{name}</text>')
    parts.append(f'<text x="{WIDTH / 2}" y="{HEIGHT - 12}">step (of {last:.0f})</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'font-family="sans-serif" font-size="12">\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _rule(left: str, right: str, value: float) -> str:
    (x, y), (end, _) = left.split(","), right.split(",")
    return (
        f'<line x1="{x}" y1="{y}" x2="{end}" y2="{y}" stroke="#ddd"/>'
        f'<text x="4" y="{y}">{value:g}</text>'
    )
