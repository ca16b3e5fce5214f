"""Figures of what was measured, from the same files as the tables, as SVG.

Every case is a point where there are few enough to show; boxes are quartiles, whiskers the whole
range.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from statistics import mean
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from result_tables import KINDS, RESULTS, median_of, records
from scipy.stats import binomtest

from regkit.benchmark.verdict_quality import PROBABILITY_ENDS
from regkit.registration.error_model import WRONG_TOLERANCES

COLORS = ("#0f6fc6", "#d1611c", "#3a8f5c", "#8a4fa3", "#7a7a7a")
STYLE = {
    "svg.hashsalt": "regkit",  # the same figure, the same file
    "svg.fonttype": "path",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "axes.axisbelow": True,
    "legend.frameon": False,
}
SMOOTHED = (
    20  # parts of a training's log, each of which a point of its smooth curve is the mean of
)
Groups = Mapping[str, Sequence[float]]


def drawn(plot: Callable[[], Figure]) -> str:
    """Return a figure as the text of an SVG file that has no date in it."""
    with mpl.rc_context(STYLE):
        figure = plot()
        stream = io.StringIO()
        figure.savefig(stream, format="svg", metadata={"Date": None}, bbox_inches="tight")
    return stream.getvalue()


def panels(columns: int, height: float = 2.6, rows: int = 1) -> tuple[Figure, list[Axes]]:
    """Return a figure of axes beside each other."""
    figure = Figure(figsize=(8.4, height * rows), layout="constrained")
    return figure, list(figure.subplots(rows, columns, squeeze=False).flat)


def by(rows: Iterable[Mapping[str, Any]], key: str, value: Callable[[Any], float]) -> Groups:
    """Return the values of rows under the values of a key, in their first order."""
    groups: dict[str, list[float]] = {}
    for row in rows:
        groups.setdefault(str(row[key]), []).append(value(row))
    return groups


def boxes(axes: Axes, groups: Groups, label: str, log: bool = False) -> None:
    """Draw a horizontal box for each group, the first on top, with its cases as points."""
    names = list(groups)
    places = np.arange(len(names))[::-1]
    axes.boxplot(
        [groups[name] for name in names],
        positions=places,
        orientation="horizontal",
        whis=(0, 100),
        widths=0.5,
        medianprops={"color": COLORS[1]},
    )
    for place, name in zip(places, names, strict=True):
        spread = place + np.linspace(-0.15, 0.15, len(groups[name]))
        axes.plot(groups[name], spread, ".", color=COLORS[0], markersize=3, alpha=0.5)
    _name_rows(axes, places, names, label)
    if log:
        axes.set_xscale("log")


def bars(axes: Axes, values: Mapping[str, float], label: str, color: str = COLORS[0]) -> None:
    """Draw a horizontal bar for each name, the first on top, with its value beside."""
    places = np.arange(len(values))[::-1]
    drawn_bars = axes.barh(places, list(values.values()), color=color, height=0.6)
    axes.bar_label(drawn_bars, fmt="%.3g", padding=3, fontsize=8)
    _name_rows(axes, places, list(values), label)
    axes.margins(x=0.15)


def _name_rows(axes: Axes, places: Any, names: Sequence[str], label: str) -> None:
    axes.set_yticks(places, names)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.set_xlabel(label)
    axes.grid(visible=False, axis="y")


def speed() -> Figure:
    """Draw errors and CPU seconds of methods on the brain templates."""
    return _errors_and_seconds("2mm")


def speed_large() -> Figure:
    """Draw errors and CPU seconds of methods on the head of 256 x 256 x 204 voxels."""
    return _errors_and_seconds("256")


def _errors_and_seconds(size: str) -> Figure:
    rows = [row for row in records("speed") if row["size"] == size]
    rows = [row for row in rows if row["run"] == rows[-1]["run"] and not row["error"]]
    figure, (errors, seconds) = panels(2)
    boxes(errors, by(rows, "method", lambda row: row["tre_mm"]), "TRE, mm", log=True)
    boxes(seconds, by(rows, "method", lambda row: row["cpu_s"]), "CPU s", log=True)
    return figure


def capture() -> Figure:
    """Draw the share of successes of every method on both sets."""
    figure, axes = panels(2)
    for ax, (kind, limit) in zip(axes, (("brain", 2.0), ("pet-ct", 5.0)), strict=True):
        rows = [row for row in records("capture") if row["set"] == kind]
        won = by(rows, "method", lambda row, limit=limit: row.get("tre_mm", np.inf) < limit)
        bars(ax, {f"{m} ({len(v)})": 100 * mean(v) for m, v in won.items()}, "")
        ax.set_xlabel(f"% of runs below {limit:g} mm")
        ax.set_title(f"{kind} (number of runs)", fontsize=9)
    return figure


def capture_by_start() -> Figure:
    """Draw the error at the end against that at the start."""
    figure, axes = panels(2, 3.0)
    for ax, kind in zip(axes, ("brain", "pet-ct"), strict=True):
        rows = [r for r in records("capture") if r["set"] == kind and not r["error"]]
        for number, method in enumerate(dict.fromkeys(r["method"] for r in rows)):
            mine = [r for r in rows if r["method"] == method]
            start, end = ([r[key] for r in mine] for key in ("start_tre_mm", "tre_mm"))
            marker = "osD^vP"[number % 6]
            ax.plot(start, end, marker, markersize=4, alpha=0.6, label=method)
        ax.set(yscale="log", xlabel="TRE at the start, mm", title=kind)
    axes[0].set_ylabel("TRE at the end, mm")
    axes[1].legend(fontsize=7)
    return figure


def real_pairs() -> Figure:
    """Draw errors of methods on the real pairs, the brain and the thighs."""
    figure, axes = panels(2)
    for ax, kind in zip(axes, ("MNI", "PET/CT"), strict=True):
        rows = [r for r in records("real_pairs") if r["dataset"] == kind and not r["error"]]
        boxes(ax, by(rows, "method", lambda row: row["tre_mm"]), "TRE, mm", log=True)
        ax.set_title(kind, fontsize=9)
    return figure


def whole_bodies() -> Figure:
    """Draw Dice of methods on whole bodies, thighs and an abdomen."""
    figure, axes = panels(3, 3.0)
    titles = {"simulated": "simulated bodies", "sts": "real thighs", "abdomen": "abdomen"}
    for ax, (kind, title) in zip(axes, titles.items(), strict=True):
        rows = [r for r in records("petct") if r["dataset"] == kind and r["status"] == "ok"]
        boxes(ax, by(rows, "method", lambda row: row["scores"]["dice"]), "mean Dice of a case")
        ax.set_title(title, fontsize=9)
        ax.set_xlim(0, 1)
    return figure


def prostates() -> Figure:
    """Draw Dice of methods on real prostates."""
    figure, (dice,) = panels(1, 2.8)
    boxes(dice, by(records("mr_trus"), "method", lambda row: row["dice"]), "Dice of the gland")
    return figure


def paper_errors() -> Figure:
    """Draw errors of DuSFE's Table 1 as published and here."""
    table = next(row for row in records("tables") if row["table"] == "dusfe-1")
    rows = [row for row in table["rows"] if row["status"] == "run"]
    figure, axes = panels(2, 3.0)
    for ax, column in zip(axes, table["columns"], strict=True):
        places = np.arange(len(rows))[::-1]
        here = [row["here"][column["score"]]["mean"] for row in rows]
        theirs = [row["published"].get(column["score"], [np.nan])[0] for row in rows]
        ax.barh(places, here, height=0.6, color=COLORS[0], label="here, simulated patients")
        ax.plot(theirs, places, "D", color=COLORS[1], label="paper, clinical patients")
        _name_rows(ax, places, [row["method"] for row in rows], column["title"])
        ax.set_xlim(0, 9)  # without registration both are far to the right
    axes[1].legend(fontsize=8, loc="lower right")
    return figure


def ventricle_volumes() -> Figure:
    """Draw volumes found against true ones, in PET and SPECT."""
    figure, axes = panels(2, 3.2)
    chain = "ms-st-unet+lv-walls+lv-axis"
    for ax, data in zip(axes, ("lv-pet", "lv-spect"), strict=True):
        rows = [r for r in records("ventricles") if (r["row"], r["data"]) == (chain, data)]
        for number, key in enumerate(("myocardium_ml", "blood_pool_ml")):
            true, found = zip(*(row[key] for row in rows if key in row), strict=True)
            label = key.removesuffix("_ml").replace("_", " ")
            ax.plot(true, found, ".", color=COLORS[number], label=label)
        ax.axline((100, 100), slope=1, color="#999999", linewidth=0.8)
        ax.set(title=f"{data}, simulated", xlabel="true volume, ml")
    axes[0].set_ylabel("volume found, ml")
    axes[0].legend()
    return figure


def ventricle_networks() -> Figure:
    """Draw Dice of the myocardium of every network trained with one budget."""
    figure, axes = panels(2, 3.2)
    for ax, data in zip(axes, ("lv-pet", "lv-spect"), strict=True):
        rows = [
            {"name": f"{r['network']} ({r['learnt']}, {r['steps']})", **r["scores"]}
            for r in records("ventricle_networks")
            if r["data"] == data and "lv_my_seg_dice" in r["scores"]
        ]
        boxes(ax, by(rows, "name", lambda row: row["lv_my_seg_dice"]), "Dice, myocardium")
        ax.set_title(f"{data}, simulated", fontsize=9)
    return figure


def training_curves() -> Figure:
    """Draw the loss of every training, smoothed over a twentieth of its log."""
    files = sorted((RESULTS / "training").glob("*.csv"))
    figure, axes = panels(4, 1.6, rows=-(-len(files) // 4))
    for ax, file in zip(axes, files, strict=False):
        with file.open(encoding="utf-8") as stream:
            rows = [row for row in csv.DictReader(stream) if row.get("loss")]
        steps, loss = (np.array([float(row[key]) for row in rows]) for key in ("step", "loss"))
        width = max(1, len(loss) // SMOOTHED)
        smooth = np.convolve(loss, np.ones(width) / width, mode="valid")
        ax.plot(steps, loss, color="#c9dcef", linewidth=0.6)
        ax.plot(steps[width - 1 :], smooth, color=COLORS[0], linewidth=1)
        ax.set_title(file.stem, fontsize=8)
        ax.tick_params(labelsize=7)
        ax.set_ylim(min(0.0, loss.min()), np.percentile(loss, 99))
    for ax in axes[len(files) :]:
        ax.set_visible(False)
    return figure


def learned_cost() -> Figure:
    """Draw seconds per pair of the weights that come with regkit."""
    rows = [r for r in records("learned_cost") if r["what"].startswith("shipped")]
    figure, (axes,) = panels(1, 1.8)
    bars(axes, {row["method"]: row["s"] for row in rows}, "s per pair, 2 threads")
    return figure


def training_cost() -> Figure:
    """Draw seconds per step of the published sizes."""
    rows = records("training_cost")
    figure, (axes,) = panels(1, 2.0)
    bars(axes, {row["method"]: row["s_per_step"] for row in rows}, f"s per step, {rows[0]['on']}")
    return figure


def mu_map_errors() -> Figure:
    """Draw NMSE of the mu-map with one thing changed at a time, beside the published value."""
    row = next(r for r in records("simulators") if r["what"] == "mu_map_errors")
    figure, axes = panels(2, 2.8)
    for ax, kind in zip(axes, ("motion", "small_error"), strict=True):
        values = {what: kinds[kind][0] for what, kinds in row["nmse_pct_mean_and_sd"].items()}
        bars(ax, values, f"NMSE, %: {KINDS[kind]}")
        ax.axvline(row["published"][kind], color=COLORS[1])
    axes[1].set_yticklabels([])
    return figure


def coverage() -> Figure:
    """Draw how often 95 % intervals hold the truth, by the number of patients."""
    rows = [row for row in records("statistics_calibration") if "patients" in row]
    errors = list(dict.fromkeys(row["errors"] for row in rows))
    figure, axes = panels(len(errors), 2.4)
    for ax, kind in zip(axes, errors, strict=True):
        mine = [row for row in rows if row["errors"] == kind]
        for key in ("studentised", "percentile", "bca"):
            values = [row[f"coverage_{key}_pct"] for row in mine]
            ax.plot([row["patients"] for row in mine], values, ".-", label=key)
        ax.axhline(95, color="#999999", linewidth=0.8)
        ax.set(xscale="log", xlabel="patients", title=f"{kind} errors")
    axes[0].set_ylabel("coverage, %")
    axes[-1].legend(fontsize=8)
    return figure


def cost() -> Figure:
    """Draw seconds of a registration against the size of its images."""
    rows = [row for row in records("cost") if row["what"] == "size"]
    figure, (axes,) = panels(1, 2.4)
    axes.plot([row["size"] for row in rows], [row["wall_s"] for row in rows], "o-")
    axes.set(xlabel="voxels per side", ylabel="s", xscale="log", ylim=(0, None))
    axes.set_xticks([row["size"] for row in rows], [str(row["size"]) for row in rows])
    return figure


def simulation_cost() -> Figure:
    """Draw seconds of a simulated case by cohort."""
    rows = [row for row in records("simulators") if row["what"] == "cost"]
    seconds = {row["cohort"]: row["median_s"]["wall"] for row in rows}
    figure, (axes,) = panels(1, 1.8)
    bars(axes, seconds, "median s per case")
    return figure


def harness() -> Figure:
    """Draw how many times longer the command line takes to answer than bare Python."""
    rows = records("startup")
    figure, (axes,) = panels(1, 1.5)
    bars(axes, {row["command"]: median_of([row], "median_s") for row in rows}, "s to answer")
    return figure


def write_speed() -> Figure:
    """Draw how fast images are written, by file and writer."""
    rows = [row for row in records("write_speed") if row["dtype"] == "int16"]
    names = {f"{row['file']}, {row['writer']}": row["mb_per_cpu_s"] for row in rows}
    figure, (axes,) = panels(1, 2.2)
    bars(axes, names, "MB per CPU s, int16")
    return figure


def file_cases() -> Figure:
    """Draw how many files with a known right answer are right, by group."""
    groups = by(records("file_cases"), "group", lambda row: row["right"])
    figure, (axes,) = panels(1, 2.4)
    bars(axes, {f"{name} ({len(g)})": 100 * mean(g) for name, g in groups.items()}, "% right")
    return figure


def gpu() -> Figure:
    """Draw milliseconds of dense measures on a GPU."""
    rows = [row for row in records("gpu") if row["what"] == "measure"]
    figure, (axes,) = panels(1, 2.0)
    label = f"ms for value and gradient, {rows[0]['size']} voxels per side, {rows[0]['device']}"
    bars(axes, {row["measure"]: 1e3 * row["value_and_gradient_s"] for row in rows}, label)
    return figure


def verdict_reliability() -> Figure:
    """Draw the probability told against the fraction that is wrong, and expected errors."""
    figure, (diagram, scatter) = panels(2, 3.2)
    rows = [r for r in _told_verdicts() if r["use"] == "reporting"]
    told = np.array([r["probability_bad"] for r in rows])
    wrong = np.array([_tolerances_off(r) > WRONG_TOLERANCES for r in rows])
    groups = np.digitize(told, PROBABILITY_ENDS, right=True)
    for group in np.unique(groups):
        of_group = wrong[groups == group]
        fraction = of_group.mean()
        ends = binomtest(int(of_group.sum()), len(of_group)).proportion_ci(method="wilson")
        bar = [[fraction - ends.low], [ends.high - fraction]]
        diagram.errorbar(told[groups == group].mean(), fraction, bar, fmt="o", color=COLORS[0])
    diagram.axline((0, 0), slope=1, color="#999999", linewidth=0.8)
    diagram.set(xlabel="probability told of being wrong", ylabel="fraction that is wrong")
    rows = [r for r in rows if r["error_mm"] is not None]
    true, expected = (
        np.array([r[key] for r in rows]) for key in ("error_mm", "expected_error_mm")
    )
    scatter.plot(np.maximum(true, 0.05), np.maximum(expected, 0.05), ".", alpha=0.4)
    scatter.axline((1, 1), slope=1, color="#999999", linewidth=0.8)
    scatter.set(xscale="log", yscale="log", xlabel="error, mm", ylabel="expected error, mm")
    return figure


def verdict_detection() -> Figure:
    """Draw the shares of statuses against the error, of patients for reporting."""
    rows = [r for r in records("verdict") if r.get("use") == "reporting" and "status" in r]
    ends = (0, 0.25, 0.5, 1, 2, 4, 8, 16, np.inf)
    names = [f"{low:g} to {high:g}" for low, high in pairwise(ends[:-1])]
    names += [f"over {ends[-2]}", "no answer\nis right"]
    group = np.digitize([_tolerances_off(r) for r in rows], ends) - 1
    statuses, bottom = np.array([r["status"] for r in rows]), np.zeros(len(names))
    figure, (axes,) = panels(1, 3.0)
    for status, color in (("OK", COLORS[2]), ("CHECK", "#e3b04b"), ("FAIL", COLORS[1])):
        shares = np.array(
            [
                100 * (statuses[group == g] == status).mean() if (group == g).any() else 0
                for g in range(len(names))
            ]
        )
        axes.bar(names, shares, bottom=bottom, color=color, label=status)
        bottom += shares
    axes.set(xlabel="error, tolerances", ylabel="% of the answers")
    axes.tick_params(labelsize=7)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def _told_verdicts() -> list[dict[str, Any]]:
    """Return the answers whose error the verdict has estimated."""
    return [row for row in records("verdict") if row.get("probability_bad") is not None]


def _tolerances_off(row: Mapping[str, Any]) -> float:
    """Return the error of an answer in tolerances; infinite where no answer is right."""
    return np.inf if row["error_mm"] is None else row["error_mm"] / row["tolerance_mm"]


PLOTS = (
    *(speed, speed_large, capture, capture_by_start, real_pairs),
    *(whole_bodies, prostates, paper_errors),
    *(ventricle_volumes, ventricle_networks, training_curves, learned_cost, training_cost),
    *(mu_map_errors, coverage, cost, simulation_cost, harness, gpu),
    *(file_cases, write_speed, verdict_reliability, verdict_detection),
)
FIGURES: dict[str, Callable[[], str]] = {f"{p.__name__}.svg": partial(drawn, p) for p in PLOTS}
