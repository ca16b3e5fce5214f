"""Write the files of a self-test: the record, a line for each run, and the page."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from regkit.benchmark.selftest_result import (
    KnownMotionRun,
    SelfTest,
    SizeResult,
    finite_or_none,
)
from regkit.io.atomic_output import OutputStage, atomic_output
from regkit.registration.saved import Saved
from regkit.report.description import linear_fit
from regkit.report.record import Inputs, registration_record, to_plain_data
from regkit.report.selftest_page import selftest_page

SELFTEST_ENDINGS = (".json", ".jsonl", ".html")
# Keys of the record of a registration that hold for the reference alone, and for all runs.
OF_REFERENCE = ("transform", "verdict", "parameters", "device", "start", "diagnostics")
OF_ALL = ("regkit", "inputs", "run_id", "versions", "config")


def save_selftest(test: SelfTest, prefix: str | os.PathLike[str]) -> Saved:
    """Write the record, the runs and the page of a self-test; all of the files appear, or none.

    Parameters
    ----------
    test
        The self-test.
    prefix
        Folder and beginning of the names of the files, which are replaced.
    """
    path = Path(prefix)
    with atomic_output(path.parent) as stage:
        return write_selftest(test, path.name, stage, Inputs())


def write_selftest(test: SelfTest, prefix: str, stage: OutputStage, inputs: Inputs) -> Saved:
    """Write PREFIX.json, PREFIX.jsonl and PREFIX.html.

    Parameters
    ----------
    test
        The self-test.
    prefix
        Beginning of the file names.
    stage
        Output folder; see `regkit.io.atomic_output`.
    inputs
        Sources of the pair.

    Returns
    -------
    Saved
        The record, and the files written.
    """
    record = selftest_record(test, inputs)
    lines = "".join(json.dumps(run_record(run, test)) + "\n" for run in test.runs)
    texts = (json.dumps(record, indent=2) + "\n", lines, selftest_page(test, record))
    for ending, text in zip(SELFTEST_ENDINGS, texts, strict=True):
        stage.path(f"{prefix}{ending}").write_text(text, encoding="utf-8")
    files = tuple(stage.target / f"{prefix}{ending}" for ending in SELFTEST_ENDINGS)
    return Saved(record, files)


def selftest_record(test: SelfTest, inputs: Inputs) -> dict[str, Any]:
    """Return a self-test as plain data; the first keys are those of `SelfTest.results`."""
    of_reference = registration_record(test.reference, "", inputs, 0.0)
    both = test.captured_size("both")
    return {
        **test.results,
        "capture_both": None
        if both is None
        else {"shift_mm": both.shift_mm, "rotation_deg": both.rotation_deg},
        "tolerance_mm": test.tolerance_mm,
        "seed": test.seed,
        "sizes": [_size_record(size) for size in test.graded],
        "agreement": test.agreement,
        "expected_error_mm": test.expected_mm,
        "notes": list(test.notes),
        "reference": {key: of_reference[key] for key in OF_REFERENCE},
        **{key: of_reference[key] for key in OF_ALL if key in of_reference},
    }


def run_record(run: KnownMotionRun, test: SelfTest) -> dict[str, Any]:
    """Return one run as plain data."""
    centre = test.reference.pair.fixed.grid.centre
    answer = None if run.answer is None else linear_fit(run.answer, centre).matrix.tolist()
    record = {
        "kind": run.motion.kind,
        "shift_mm": run.motion.shift_mm,
        "rotation_deg": run.motion.rotation_deg,
        "motion": run.motion.transform.matrix.tolist(),
        "seed": run.seed,
        "error_mm": run.error_mm,
        "judgement": run.judgement,
        "reasons": list(run.reasons),
        "expected_error_mm": run.expected_mm,
        "answer": answer,
        "compute_s": run.compute_s,
    }
    return {key: to_plain_data(value) for key, value in record.items()}


def _size_record(size: SizeResult) -> dict[str, Any]:
    return {
        "kind": size.kind,
        "shift_mm": size.shift_mm,
        "rotation_deg": size.rotation_deg,
        "runs": len(size.runs),
        "within_tolerance": size.within_tolerance,
        "captured": size.captured,
        "median_error_mm": finite_or_none(size.median_error_mm),
        "largest_error_mm": finite_or_none(size.largest_error_mm),
        "judgements": size.judgements,
    }
