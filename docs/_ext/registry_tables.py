"""Tables of what regkit offers: methods, scores, datasets, and the weights that come with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

from result_tables import markdown_table

from regkit.registration.measure_descriptions import DECIDING, MEASURES, measure_outcomes
from regkit.registry import default_registry
from regkit.report.method_table import method_table

ROOT = Path(__file__).parents[2]
# Some limits depend on other measures and on the voxels.
EXAMPLE_VOXEL_MM = 2.0
EXAMPLE_VERDICT = {
    **dict.fromkeys(DECIDING, 0.0),
    "measures": {
        **{m.name: 0.0 for m in MEASURES if m.name not in DECIDING},
        "similarity": 1.2,
        "chance_similarity": 1.02,
        "gain_over_start": 0.1,
        "mean_displacement_from_initial_mm": 10.0,
        "determinant": 1.0,
    },
}


def methods() -> str:
    """Return the table of methods that come with regkit."""
    return method_table(default_registry(builtin_only=True).methods)


def scores() -> str:
    """Return the table of scores that a benchmark can compute."""
    metrics = default_registry(builtin_only=True).metrics
    rows = [
        (f"`{m.spec.name}`", m.spec.unit or "-", m.spec.better or "a measurement", m.spec.summary)
        for m in metrics
    ]
    return markdown_table(("score", "unit", "better", "meaning"), rows)


def datasets() -> str:
    """Return the table of datasets that can be simulated."""
    offers = default_registry(builtin_only=True).datasets
    return markdown_table(
        ("dataset", "cases"), [(f"`{d.spec.name}`", d.spec.summary) for d in offers]
    )


def weights() -> str:
    """Return the table of weights that come with regkit, from their cards."""
    columns = ("weights", "trained on", "steps", "MB", "errors in validation")
    return markdown_table(columns, (_weights_row(file) for file in weight_cards()))


def weight_cards() -> list[Path]:
    """Return the cards of all weights that come with regkit."""
    return sorted(ROOT.glob("plugins/*/shipped/*.json"), key=lambda file: file.stem)


def _weights_row(file: Path) -> Iterable[object]:
    card = json.loads(file.read_text(encoding="utf-8"))
    about = card["about"]
    megabytes = file.with_suffix(".safetensors").stat().st_size / 1e6
    errors = "; ".join(f"{k} {v:.3g}" for k, v in about["scores"]["validation"].items())
    return f"`{card['method']}`", f"`{about['data']}`", about["steps"], f"{megabytes:.1f}", errors


def measures() -> str:
    """Return the table of measures of the verdict, with their limits for an example."""
    rows = [
        (f"`{m.name}`", m.meaning, m.check, m.fail)
        for m in measure_outcomes(EXAMPLE_VERDICT, EXAMPLE_VOXEL_MM)
    ]
    return markdown_table(("measure", "meaning", "CHECK", "FAIL"), rows)


PAGES: dict[str, Callable[[], str]] = {
    "methods.md": methods,
    "scores.md": scores,
    "datasets.md": datasets,
    "weights.md": weights,
    "measures.md": measures,
}
