"""Fit the coefficients of the verdict to answers with known truth that verdict.py has judged.

    python benchmarks/verdict_fit.py [RECORDS] [--card FILE]
    python benchmarks/verdict_fit.py [RECORDS] --report [-o RECORDS]

Patients for fitting only count, of families that a similarity can judge. The fit itself is
regkit.benchmark.error_model_fit, as of `regkit calibrate`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import verdict
from records import append, read
from regkit.benchmark.error_model_fit import card_of, fit_error_model
from regkit.registration import error_model
from regkit.registration.error_model import ErrorModel

CARD = Path(error_model.__file__).with_name(error_model.SHIPPED_CARD)
# A similarity cannot judge these: the middle of a prostate is not distinct in ultrasound, and an
# average ventricle is not this patient's. They are reported only.
NOT_FITTED = ("prostates", "lv-spect", "lv-pet")


def fit(found: list[dict[str, Any]]) -> ErrorModel:
    """Fit a model to the records of patients for fitting."""
    able = (r for r in found if "witness_mm" in r.get("measures", {}))
    chosen = (r for r in able if r["use"] == "fitting" and r["family"] not in NOT_FITTED)
    return fit_error_model([verdict.judged_answer(r) for r in chosen])


def with_estimates(found: list[dict[str, Any]], model: ErrorModel) -> list[dict[str, Any]]:
    """Return records with what a model says of them."""
    return [_estimated(record, model) for record in found]


def _estimated(record: dict[str, Any], model: ErrorModel) -> dict[str, Any]:
    """Return a record with the estimate and the status by a model; what a judge said stays."""
    if "probability_bad" not in record:
        return record
    answer = verdict.judged_answer(record).estimated_by(model)
    if answer.error is None:
        return record
    return {**record, **answer.error.as_data(), "status": answer.status_by_estimate, "reasons": []}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "records", nargs="?", type=Path, default=verdict.HERE / "results" / "verdict.jsonl"
    )
    parser.add_argument("--card", type=Path, default=CARD)
    parser.add_argument("--report", action="store_true", help="print the table of a card only")
    parser.add_argument(
        "-o", "--out", type=Path, help="also write the records, judged by the card"
    )
    options = parser.parse_args()
    found = read(options.records)
    if not options.report:
        text = json.dumps(card_of(fit(found)), indent=1)
        options.card.write_text(f"{text}\n", encoding="utf-8")
    model = ErrorModel.from_card(json.loads(options.card.read_text(encoding="utf-8")))
    judged = with_estimates(found, model)
    if options.out:
        options.out.unlink(missing_ok=True)
        for record in judged:
            append(options.out, record)
    print(verdict.table(judged))


if __name__ == "__main__":
    main()
