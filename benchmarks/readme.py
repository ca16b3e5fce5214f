"""Bring the table of results in README.md up to date, from benchmarks/results.

    python benchmarks/readme.py

It stands between the markers `<!-- results -->` and `<!-- /results -->`; every other table of
what was measured is on the pages under docs/results, which are made when they are built.
"""

from __future__ import annotations

from pathlib import Path
from statistics import mean, median
from typing import Any

from records import markdown, read

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
RESULTS = ROOT / "benchmarks" / "results"
COLUMNS = ("images", "method", "result", "s per pair")
CARDIAC = ("mi", "dusfe+iso")


def headline() -> str:
    """Return the table of the README: real images first, then simulated ones."""
    rows = [
        *(_brain_small(), _brain_any(), _thighs(), _prostates()),
        _cardiac("dusfe-1", "cardiac SPECT/CT"),
        _cardiac("spect-ct-hard", "the same, few counts, bright organs, small CT"),
        *(_bodies(), _ventricles()),
    ]
    return markdown(COLUMNS, rows) + "\n"


def _brain_small() -> tuple[str, ...]:
    rows = _last_run("2mm")
    error = f"median TRE {_median(rows, 'tre_mm'):.2f} mm, {_above(rows, 2)} of {len(rows)} > 2 mm"
    images = "**real:** averaged brains T1/T2 and T1/PD, moved up to 20° and 25 mm"
    return images, "`fast-mi`", error, _seconds(rows, "wall_s")


def _last_run(size: str) -> list[dict[str, Any]]:
    rows = _of("speed", method="fast-mi", size=size)
    return [row for row in rows if row["run"] == rows[-1]["run"]]


def _brain_any() -> tuple[str, ...]:
    rows = _of("capture", set="brain", method="fast-mi")
    error = f"median TRE {_median(rows, 'tre_mm'):.2f} mm, {_above(rows, 2)} of {len(rows)} > 2 mm"
    images = "**real:** the same, any rotation, up to 100 mm"
    return images, "`fast-mi`", error, _seconds(rows, "wall_s")


def _thighs() -> tuple[str, ...]:
    rows = _of("capture", set="pet-ct", method="auto")
    error = f"median TRE {_median(rows, 'tre_mm'):.1f} mm, {_above(rows, 5)} of {len(rows)} > 5 mm"
    images = "**real:** PET/CT of thighs, moved up to 30° and 60 mm"
    return images, "`auto`", error, _seconds(rows, "wall_s")


def _prostates() -> tuple[str, ...]:
    rows, start = (_of("mr_trus", method=name) for name in ("gland", "identity"))
    dice, before = (mean(row["dice"] for row in group) for group in (rows, start))
    images = f"**real:** MR and ultrasound of {len(rows)} prostates, each left out of the training"
    result = f"Dice {dice:.2f}; aligning the image centers {before:.2f}"
    assert dice > before, "the README says better"
    return images, "`gland`", result, "-"  # not timed on a machine of its own


def _cardiac(name: str, what: str) -> tuple[str, ...]:
    table = next(row for row in read(RESULTS / "tables.jsonl") if row["table"] == name)
    rows = [row for method in CARDIAC for row in table["rows"] if row["method"] == method]
    shift, turn = (
        " / ".join(f"{row['here'][score]['mean']:.2f}" for row in rows)
        for score in ("dt_mm", "dr_deg")
    )
    images = f"simulated: {what}, {table['patients']} patients, {rows[0]['cases']} motions"
    fewer = [row for row in rows if row["cases"] < rows[0]["cases"]]
    images += "".join(f" (`{row['method']}`: the first {row['cases']})" for row in fewer)
    methods = " / ".join(f"`{method}`" for method in CARDIAC)
    return images, methods, f"ΔT {shift} mm, ΔR {turn}°", "-"


def _bodies() -> tuple[str, ...]:
    rows = _of("petct", dataset="simulated", method="transmorph-mi-iso")
    dice = mean(row["scores"]["dice"] for row in rows)
    images = (
        f"simulated: whole-body PET/CT, {len(rows)} patients, affine, 0.75 of the paper's motions"
    )
    seconds = _seconds(rows, "runtime_s")
    return images, "`transmorph-mi-iso`", f"Dice of 40 organs {dice:.3f}", seconds


def _ventricles() -> tuple[str, ...]:
    method = "ms-st-unet+lv-walls+lv-axis"
    easy, hard = (_of("ventricles", data=d, row=method) for d in ("lv-pet", "lv-pet-hard"))
    dice = (mean(row["scores"]["lv_my_seg_dice"] for row in rows) for rows in (easy, hard))
    images = (
        f"simulated: PET of the left ventricle, {len(easy)} patients / {len(hard)} with irregular "
        "ventricles"
    )
    scores = " / ".join(f"{score:.3f}" for score in dice)
    return images, f"`{method}`", f"Dice of the wall {scores}", _seconds(easy, "seconds")


def _of(name: str, **wanted: str) -> list[dict[str, Any]]:
    rows = read(RESULTS / f"{name}.jsonl")
    return [row for row in rows if all(row[key] == value for key, value in wanted.items())]


def _seconds(rows: list[dict[str, Any]], key: str) -> str:
    """Return the median with two digits below a tenth of a second, else with one."""
    found = _median(rows, key)
    return f"{found:.2f}" if found < 0.1 else f"{found:.1f}"


def _median(rows: list[dict[str, Any]], key: str) -> float:
    return median(row[key] for row in rows)


def _above(rows: list[dict[str, Any]], limit_mm: float) -> int:
    return sum(row["tre_mm"] > limit_mm for row in rows)


def replace_between(text: str, name: str, content: str) -> str:
    """Return the text with new content between the markers of a name, which it must have."""
    before, begin, rest = text.partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition(f"<!-- /{name} -->")
    if not (begin and end):
        raise SystemExit(f"{README} has no markers of {name}; write them where the table goes")
    return f"{before}<!-- {name} -->\n{content}<!-- /{name} -->{after}"


def main() -> None:
    text = replace_between(README.read_text(encoding="utf-8"), "results", headline())
    README.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
