"""A reoriented ventricle as plain data: for the JSON record and the table of segments."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from regkit.report.record import to_plain_data
from regkit_ventricle.polar_map import PolarMap, SegmentValue, angles_deg
from regkit_ventricle.reorientation import Reorientation
from regkit_ventricle.segments import LEVELS

COLUMNS = (
    "segment",
    "name",
    "territory",
    "mean_percent",
    "lowest_percent",
    "mean",
    "lowest",
    "sampled_fraction",
)
TERRITORIES = ("LAD", "LCX", "RCA")


def ventricle_record(reoriented: Reorientation) -> dict[str, Any]:
    """Return all measurements as plain data; values without myocardium are null."""
    axis, polar = reoriented.axis, reoriented.polar
    return {
        "myocardium_ml": round(reoriented.ventricle.myocardium_ml, 3),
        "cavity_ml": round(reoriented.ventricle.cavity_ml, 3),
        "long_axis": {
            "apex_mm": axis.apex.tolist(),
            "base_mm": axis.base.tolist(),
            "length_mm": axis.length_mm,
        },
        "polar_map": {
            "rings": [level for level in LEVELS for _ in range(len(polar.values) // len(LEVELS))],
            "angles_deg": angles_deg().tolist(),
            "percent": to_plain_data(polar.percent.round(3)),
            "maximum": polar.maximum,
        },
        "segments": [_segment(value) for value in polar.segments],
        "territories_percent": {
            name: to_plain_data(round(polar.territory_percent(name), 3)) for name in TERRITORIES
        },
    }


def summary_sentences(reoriented: Reorientation) -> list[str]:
    """Return the main results as sentences."""
    ventricle, polar = reoriented.ventricle, reoriented.polar
    arteries = ", ".join(
        f"{name} {_whole(polar.territory_percent(name))} %" for name in TERRITORIES
    )
    weakest = min(
        (value for value in polar.segments if math.isfinite(value.mean_percent)),
        key=lambda value: value.mean_percent,
    )
    segment = weakest.segment
    size = (
        f"myocardium {ventricle.myocardium_ml:.0f} ml, cavity {ventricle.cavity_ml:.0f} ml, "
        f"long axis {reoriented.axis.length_mm:.0f} mm"
    )
    uptake = (
        f"mean uptake in percent of the maximum: {arteries}; lowest in segment {segment.number}, "
        f"{segment.name}, {weakest.mean_percent:.0f} %"
    )
    return [size, uptake]


def write_segments(polar: PolarMap, path: Path) -> None:
    """Write a CSV table with a row for each of the 17 segments; unknown values are empty."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(_row(value) for value in polar.segments)


def _segment(value: SegmentValue) -> dict[str, Any]:
    return dict(zip(COLUMNS, map(to_plain_data, _cells(value)), strict=True))


def _row(value: SegmentValue) -> Iterable[Any]:
    return ("" if to_plain_data(cell) is None else cell for cell in _cells(value))


def _cells(value: SegmentValue) -> tuple[Any, ...]:
    segment = value.segment
    numbers = (
        value.mean_percent,
        value.lowest_percent,
        value.mean,
        value.lowest,
        value.sampled_fraction,
    )
    return (
        segment.number,
        segment.name,
        segment.territory,
        *(float(f"{number:.6g}") for number in numbers),
    )


def _whole(percent: float) -> str:
    return f"{percent:.0f}" if math.isfinite(percent) else "-"
