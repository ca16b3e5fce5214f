"""Summary of a calibration as Markdown, by models that have not seen the patients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from regkit.benchmark.judged_answer import JudgedAnswer
from regkit.benchmark.verdict_quality import VerdictQuality, reliability, verdict_quality
from regkit.registration.error_model import ErrorModel

HEAD = (
    "| answers | number | good that are OK | wrong that are OK | hopeless that FAIL "
    "| interval holds | Spearman | AUC | Brier score |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|"
)
INTRODUCTION = """# Calibration of the verdict

Fitted to {answers} answers of {persons} patients, {bad} of them wrong (off by more than twice the
tolerance of 3 mm, or of the coarsest voxel; or to a pair that no answer is right for). All numbers
below are of patients that the model behind them has not seen. OK and FAIL follow from the
measures and the estimated error, as in a verdict.
"""


def calibration_summary(answers: Sequence[JudgedAnswer], model: ErrorModel) -> str:
    """Return the summary of a calibration.

    Parameters
    ----------
    answers
        Answers with estimates by models that have not seen their patients.
    model
        Model fitted to all of them.
    """
    told = [replace(answer, status=answer.status_by_estimate) for answer in answers]
    datasets, variants = (
        list(dict.fromkeys(getattr(answer, key) for answer in told))
        for key in ("dataset", "variant")
    )
    lines = [
        INTRODUCTION.format(**model.about),
        HEAD,
        *(_line(name, [a for a in told if a.dataset == name]) for name in datasets),
        *(_line(f"*{name}*", [a for a in told if a.variant == name]) for name in variants),
        _line("**all**", told),
        "\n## Reliability\n",
        "| probability told | answers | wrong |",
        "|--:|--:|--:|",
        *(
            f"| {row.told:.0%} | {row.answers} | {row.wrong} ({row.wrong / row.answers:.0%}) |"
            for row in reliability(told)
        ),
    ]
    return "\n".join(lines) + "\n"


def _line(name: str, answers: Sequence[JudgedAnswer]) -> str:
    quality = verdict_quality(answers)
    cells = (name.replace("|", "\\|"), str(quality.answers), *quality_cells(quality))
    return f"| {' | '.join(cells)} |"


def quality_cells(quality: VerdictQuality) -> tuple[str, ...]:
    """Return the cells of a row: shares of good, wrong, hopeless and covered, and measures."""
    return (
        _share(quality.good_ok, quality.good),
        _share(quality.wrong_ok, quality.wrong),
        _share(quality.hopeless_fail, quality.hopeless),
        _share(quality.covered, quality.told),
        *map(_number, (quality.rank_correlation, quality.auc, quality.brier)),
    )


def _share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({part / whole:.1%})" if whole else "-"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
