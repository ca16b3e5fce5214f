"""Tables of what was measured, from the files that the benchmarks write.

Where a benchmark writes its own table (benchmarks/results/*.md) that is taken as it is; of the
other files, tables are laid out here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from statistics import mean, median
from typing import Any

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
TABLES = (
    *("speed", "cold", "capture", "real_pairs", "refinements", "petct", "ventricles"),
    *("ventricle_networks", "automatic", "point_errors", "domain_guard", "verdict"),
    "verdict_cost",
    *("domain_guard_real", "check_alignment", "start_guard", "fuzz", "kills"),
    *("endurance", "read_speed", "like_for_like", "thread_speed"),
)
# Loss of Dice that counts as worse than not registering.
NOTABLY_LOWER_DICE = 0.02
KINDS = {"motion": "moved", "small_error": "off by 3.3 mm, 0.6 degrees", "truth": "true"}


def records(name: str) -> list[dict[str, Any]]:
    """Return the records of a file of JSON lines in benchmarks/results."""
    text = (RESULTS / f"{name}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def markdown_table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Return a Markdown table; text columns first, so cells are aligned left."""
    columns = list(columns)
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    lines += ["| " + " | ".join(str(c).replace("|", "\\|") for c in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def as_measured(name: str) -> str:
    """Return the table that a benchmark wrote."""
    return (RESULTS / f"{name}.md").read_text(encoding="utf-8")


def paper_tables() -> str:
    """Return the tables of papers, their titles in bold as headings."""
    return re.sub(r"^\*\*(.+)\*\*$", r"## \1", as_measured("tables"), flags=re.MULTILINE)


def whole_body_organs() -> str:
    """Return the tables of Dice by organ, each set under a heading."""
    text = as_measured("petct_organs")
    return re.sub(r"^(Dice of every organ, .+)$", r"### \1", text, flags=re.MULTILINE)


def prostates() -> str:
    """Return Dice and landmark error of methods on real prostates."""
    rows = [row for row in records("mr_trus") if "dice" in row]
    start = {row["patient"]: row["dice"] for row in rows if row["method"] == "identity"}
    lines = []
    for method in dict.fromkeys(row["method"] for row in rows):
        mine = [row for row in rows if row["method"] == method]
        errors = [row["tre_voxels"] for row in mine if "tre_voxels" in row]
        dice = [row["dice"] for row in mine]
        worse = sum(row["dice"] < start[row["patient"]] - NOTABLY_LOWER_DICE for row in mine)
        judged = [row["verdict"] == "OK" for row in mine if "verdict" in row]
        cells = len(mine), f"{mean(dice):.3f}", f"{min(dice):.2f} to {max(dice):.2f}", worse
        told = sum(judged) if judged else "-"
        lines.append((f"`{method}`", *cells, f"{mean(errors):.1f}", told))
    columns = (
        *("method", "patients", "mean Dice", "range", "Dice lower than `identity` by > 0.02"),
        *("mean TRE in voxels", "verdict OK"),
    )
    return markdown_table(columns, lines)


def prostate_folds() -> str:
    """Return Dice of the gland of each patient, by networks that had not seen the patient."""
    rows = {(row["patient"], row["method"]): row for row in records("mr_trus")}
    left_out = sorted(
        (row["fold"], patient) for (patient, method), row in rows.items() if method == "gland"
    )
    lines = [
        (fold, patient, *(f"{rows[patient, m]['dice']:.2f}" for m in ("identity", "gland")))
        for fold, patient in left_out
    ]
    return markdown_table(("fold", "patient", "not registering", "`gland`"), lines)


def learned_cost() -> str:
    """Return seconds per pair of learned methods."""
    columns = ("method", "run", "passes", "s", "CPU s", "threads")
    keys = ("what", "looks", "s", "cpu_s", "threads")
    return markdown_table(columns, _cells("learned_cost", keys, lambda row: "method" in row))


def simulated_errors() -> str:
    """Return the errors of mu-maps and SPECT in the simulated cohort, by kind of misalignment."""
    row = next(r for r in records("simulators") if r["what"] == "scores")
    names = list(row["mean_and_sd"]["motion"])
    lines = [
        (f"`{name}`", *(_mean_sd(row["mean_and_sd"][kind][name]) for kind in KINDS))
        for name in names
    ]
    return markdown_table(("score", *KINDS.values()), lines)


def mu_map_errors() -> str:
    """Return NMSE of the mu-map with one thing changed at a time."""
    row = next(r for r in records("simulators") if r["what"] == "mu_map_errors")
    lines = [
        (what, _mean_sd(by_kind["motion"]), _mean_sd(by_kind["small_error"]))
        for what, by_kind in row["nmse_pct_mean_and_sd"].items()
    ]
    published = row["published"]
    lines.append(("published (DuSFE, Table 2)", published["motion"], published["small_error"]))
    return markdown_table(("NMSE of the mu-map, %", "moved", KINDS["small_error"]), lines)


def simulation_cost() -> str:
    """Return seconds and memory of a simulated case."""
    rows = [r for r in records("simulators") if r["what"] == "cost"]
    lines = [
        (
            f"`{r['cohort']}`",
            r["median_s"]["wall"],
            r["median_s"]["cpu"],
            r["worst_s"]["wall"],
            r["peak_memory_mb"],
            r["threads"],
        )
        for r in rows
    ]
    columns = ("cohort", "median s per case", "median CPU s", "slowest s", "peak memory MB")
    return markdown_table((*columns, "threads"), lines)


def statistics_calibration() -> str:
    """Return coverage of intervals and error rates of tests."""
    columns = (
        *("patients", "errors", "coverage %, regkit", "coverage %, percentile"),
        *("coverage %, BCa", "false positives %, sign flips", "false positives %, Wilcoxon"),
        "false equivalence %",
    )
    keys = (
        *("errors", "coverage_studentised_pct", "coverage_percentile_pct", "coverage_bca_pct"),
        *("false_positives_permutation_pct", "false_positives_wilcoxon_pct"),
        "false_equivalence_pct",
    )
    rows = [row for row in records("statistics_calibration") if "patients" in row]
    lines = [(row["patients"], *(row[key] for key in keys)) for row in rows]
    return markdown_table(columns, lines)


def harness() -> str:
    """Return what the benchmark harness costs and how it survives being killed."""
    rows = {row["what"]: row for row in records("harness")}
    overhead, kills = rows["overhead"], rows["kills"]
    share = f"{100 * overhead['rest_of_compute']:.1f} % of the time in methods"
    lines = [
        (f"time of the harness itself, {overhead['cases']} cases", share),
        ("memory of the harness, MB, at case 50 and 200", _values(overhead["harness_mb"])),
        ("peak memory of a worker, MB, at case 50 and 200", _values(overhead["worker_peak_mb"])),
        ("SIGKILLs at random moments", kills["kills"]),
        ("records lost, doubled, changed", _lost(kills)),
    ]
    return markdown_table(("measured", "value"), lines)


def dask() -> str:
    """Return seconds of a benchmark with one and two workers, on dask and without it."""
    rows = [row for row in records("harness") if row["what"] == "dask"]
    keys = ("dask_1", "dask_2", "here_1", "here_2")
    lines = [
        (row["cases"], *(row["seconds"][key] for key in keys), row["load_average"]["before"])
        for row in rows
    ]
    columns = ("cases", "dask, 1 worker, s", "dask, 2 workers, s", "local, 1 process, s")
    return markdown_table((*columns, "local, 2 processes, s", "load before"), lines)


def start_up() -> str:
    """Return how long the command line takes to answer."""
    columns = ("command", "median s", "times bare Python")
    keys = ("median_s", "ratio_to_bare_python")
    lines = [(f"`{r['command']}`", *(r[key] for key in keys)) for r in records("startup")]
    return markdown_table(columns, lines)


def command_overhead() -> str:
    """Return where the seconds of `regkit register` go."""
    lines = []
    for row in records("overhead"):
        times = row["median"]
        lines.append((f"`{row['method']}`", row["runs"], *(times[key] for key in times)))
    names = list(records("overhead")[0]["median"])
    columns = ("method", "runs", *(name.replace("rest_share", "rest / all") for name in names))
    return markdown_table(columns, lines)


def cost_by_size() -> str:
    """Return time and memory of a registration by the size of its images."""
    rows = [r for r in records("cost") if r["what"] == "size"]
    lines = [
        (r["size"], r["images_mb"], r["wall_s"], r["memory_of_images"], f"{r['tre_mm']:.2f}")
        for r in rows
    ]
    columns = ("voxels per side", "both images MB", "s", "memory / images", "TRE mm")
    return markdown_table(columns, lines)


def cost_by_parameter() -> str:
    """Return time of a registration by one parameter of the method."""
    rows = [r for r in records("cost") if r["what"] == "parameter"]
    lines = [(f"`{r['parameter']}`", r["value"], r["wall_s"], f"{r['tre_mm']:.2f}") for r in rows]
    return markdown_table(("parameter", "value", "s", "TRE mm"), lines)


def gpu_measures() -> str:
    """Return dense similarity measures on a GPU against its memory bandwidth."""
    rows = [r for r in records("gpu") if r["what"] == "measure"]
    lines = [
        (
            f"`{r['measure']}`",
            r["size"],
            f"{1e3 * r['value_s']:.2f}",
            f"{1e3 * r['value_and_gradient_s']:.2f}",
            f"{r['times_floor']:.0f}",
            r["extra_in_images"],
        )
        for r in rows
    ]
    columns = ("measure", "voxels per side", "value ms", "value and gradient ms")
    return markdown_table((*columns, "times the floor", "memory / images"), lines)


def gpu_starts() -> str:
    """Return what many maps in one batch cost beside one map."""
    rows = [r for r in records("gpu") if r["what"] == "starts"]
    lines = [
        (
            f"`{r['measure']}`",
            r["sample"],
            r["starts"],
            f"{1e3 * r['one_s']:.1f}",
            f"{1e3 * r['all_s']:.1f}",
            r["ratio"],
        )
        for r in rows
    ]
    return markdown_table(("measure", "sample", "maps", "one ms", "all ms", "ratio"), lines)


def file_cases() -> str:
    """Return what regkit makes of files with a known right answer."""
    lines = [
        (
            row["group"],
            f"`{row['file']}`",
            row["right_answer"],
            row["found"],
            "yes" if row["right"] else "no",
        )
        for row in records("file_cases")
    ]
    return markdown_table(("group", "file", "right answer", "found", "right"), lines)


def write_speed() -> str:
    """Return speed and size of written images by writer."""
    lines = [
        (
            f"`{row['file']}`",
            row["dtype"],
            row["writer"],
            f"{row['mb_per_cpu_s']:.0f}",
            f"{row['size_ratio']:.2f}",
        )
        for row in records("write_speed")
    ]
    return markdown_table(("file", "voxels", "writer", "MB per CPU s", "size / raw size"), lines)


def _cells(name: str, keys: Iterable[str], wanted: Callable[[dict[str, Any]], bool]) -> Any:
    for row in records(name):
        if wanted(row):
            cells = (row[key] for key in keys)
            yield (
                f"`{row['method']}`",
                *(f"{c:.3f}" if isinstance(c, float) else c for c in cells),
            )


def _mean_sd(values: list[float]) -> str:
    return f"{values[0]:.2f} ± {values[1]:.2f}"


def _values(by_case: dict[str, float]) -> str:
    return ", ".join(str(value) for value in by_case.values())


def _lost(kills: dict[str, Any]) -> str:
    return f"{kills['lost']}, {kills['duplicated']}, {kills['other_scores']}"


def median_of(rows: Iterable[dict[str, Any]], key: str) -> float:
    """Return the median of one number over records."""
    return median(row[key] for row in rows)


PAGES: dict[str, Callable[[], str]] = {
    **{f"{name}.md": partial(as_measured, name) for name in (*TABLES, "training_cost")},
    "paper_tables.md": paper_tables,
    "petct_organs.md": whole_body_organs,
    "mr_trus.md": prostates,
    "prostate_folds.md": prostate_folds,
    "learned_cost.md": learned_cost,
    "simulated_errors.md": simulated_errors,
    "mu_map_errors.md": mu_map_errors,
    "simulation_cost.md": simulation_cost,
    "statistics_calibration.md": statistics_calibration,
    "harness.md": harness,
    "dask.md": dask,
    "start_up.md": start_up,
    "file_cases.md": file_cases,
    "write_speed.md": write_speed,
    "command_overhead.md": command_overhead,
    "cost_by_size.md": cost_by_size,
    "cost_by_parameter.md": cost_by_parameter,
    "gpu_measures.md": gpu_measures,
    "gpu_starts.md": gpu_starts,
}
