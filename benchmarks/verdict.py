"""Whether the verdict knows right answers from wrong ones, and by how many millimeters.

    python benchmarks/verdict.py [--families heads,thighs,...] [--limit N] [--cohorts DIR]
    python benchmarks/verdict.py --again RECORDS -o OUT
    python benchmarks/verdict.py --table

Every family has pairs with a known truth, whole and in part, and pairs that have none; see
verdict_pairs.py. On each, methods answer, and answers are made: the truth moved by 0 to 100 mm.
Patients in turn are for fitting and for reporting. Simulated cohorts are read from DIR, and made
there once if they are missing.

An answer is good within the tolerance, max(3 mm, coarsest voxel), and wrong beyond twice that.
Hopeless are all answers to pairs without a truth and those more than 50 mm off. One line per
answer goes to benchmarks/results/verdict.jsonl; a line that is there is not made again. Records
hold the answers, so `--again` judges them anew without running a method.
"""

from __future__ import annotations

import argparse
import logging
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

import pairs
import verdict_pairs
from records import append, markdown, read, write_table
from regkit import AffineTransform, Estimate, RegkitError, Transform
from regkit.benchmark.answerable_pairs import motion_of_size
from regkit.benchmark.judged_answer import JudgedAnswer
from regkit.benchmark.verdict_quality import verdict_quality
from regkit.registrar import Judge, Registrar
from regkit.registration.error_model import ErrorEstimate
from regkit.registration.judgement import judge, own_judgement
from regkit.registration.pipeline import build_method
from regkit.registration.point_error import point_errors
from regkit.registration.witness import Witness, search_witness
from verdict_pairs import Known

HERE = Path(__file__).parent
METHODS = "identity,iso,fast-mi,auto"
Given: TypeAlias = dict[str, Estimate | str]
# Those that are made for the images of a family.
SPECIALISTS = {
    "thighs": ("transmorph-cr",),
    "painted-pet": ("transmorph-cr",),
    "pet-ct": ("transmorph-cr",),
    "spect-ct": ("dusfe", "densenet"),
    "spect-ct-hard": ("dusfe", "densenet"),
    "mr-us": ("attention-reg",),
    "prostates": ("attention-reg",),
    "lv-spect": ("ms-st-unet",),
    "lv-pet": ("ms-st-unet",),
}
POINTS = 40  # of the body, at which the interval is asked for
# Errors of the answers that are made, mm; each is drawn between two neighbors.
ERRORS_MM = (0.0, 0.0, 3.0, 8.0, 20.0, 100.0)
REPORTED = ("brains",)  # one person, the average of many; the head of another is for fitting
COLUMNS = (
    "patients",
    "family",
    "answers",
    "good",
    "wrong OK",
    "good that pass",
    "hopeless that FAIL",
    "interval covers",
    "at points",
    "Spearman",
)


def pairs_of(family: str, options: argparse.Namespace) -> Iterator[tuple[Known, str]]:
    """Yield every variant of every patient of a family, and the use of the patient."""
    found = list(verdict_pairs.patients(family, options.data, options.cohorts))
    thigh = next(verdict_pairs.patients("thighs", options.data, options.cohorts))
    head = next(verdict_pairs.patients("heads", options.data, options.cohorts))
    wanted = tuple(options.variants.split(","))
    for number, here in enumerate(found[: options.patients]):
        others = {"other organ": head if family == "thighs" else thigh}
        if here.person != found[number - 1].person:
            others["other patient"] = found[number - 1]
        use = options.use
        if use == "alternate":
            use = "reporting" if number % 2 or family in REPORTED else "fitting"
        for variant in verdict_pairs.variants(here, others, wanted):
            yield variant, use


def made_answers(known: Known) -> Iterator[tuple[str, Transform]]:
    """Yield answers that are wrong by so many mm, drawn between those of `ERRORS_MM`."""
    if known.truth is None:
        return
    rng = np.random.default_rng([*f"{known.patient} {known.variant}".encode()])
    for least, most in pairwise(ERRORS_MM):
        wrong_mm = (
            most
            if least == most
            else float(np.exp(rng.uniform(np.log(max(least, 0.5)), np.log(most))))
        )
        yield (
            f"made {least:g} to {most:g} mm",
            known.truth @ motion_of_size(known.points, rng, wrong_mm),
        )


@dataclass(frozen=True, eq=False)
class Answer:
    """An answer to a pair, and the method that can judge its kind, if there is one."""

    name: str
    estimate: Estimate | None
    error: str = ""
    judging: object = None


def answers(
    known: Known, methods: list[str], wanted: Callable[[str], bool], given: Given
) -> Iterator[Answer]:
    """Yield each wanted answer, or why there is none; what is given is not made again.

    The answers that are made have the labels of a method with a judge of its own, which judges
    them too.
    """
    labels, judging = None, None
    made = [(name, transform) for name, transform in made_answers(known) if wanted(name)]
    for name in methods:
        method = build_method(name)
        judges = isinstance(method, Judge)
        if not wanted(name) and not (judges and made):
            continue
        if name in given and not judges:
            told = given[name]
            found = Answer(name, None, told) if isinstance(told, str) else Answer(name, told)
        else:
            found = _registered(known, name, method)
        if judges and found.estimate is not None:
            labels, judging = found.estimate.labels, method
        if wanted(name):
            yield found
    for name, transform in made:
        yield Answer(name, Estimate(transform, labels), judging=judging)


def _registered(known: Known, name: str, method: Registrar) -> Answer:
    try:
        return Answer(name, method.register(known.pair), judging=method)
    except RegkitError as error:
        return Answer(name, None, str(error))


def judged(
    known: Known, answer: Estimate, judging: object, witness: Witness | None
) -> dict[str, Any]:
    """Judge an answer as regkit does; the witness is the same for a whole pair."""
    started = time.process_time()
    own = own_judgement(judging, known.pair, answer)
    told = judge(known.pair, answer, witness, own=own)
    record = {
        "error_mm": known.error_mm(answer.transform),
        "matrix": np.round(answer.transform.matrix, 7).tolist(),
        "warnings": answer.diagnostics.get("warnings", []),
        "status": told.status,
        "reasons": list(told.reasons),
        "measures": {name: float(f"{value:.6g}") for name, value in told.measures.items()},
        "verdict_s": time.process_time() - started,
    }
    if told.error is not None:
        record["expected_error_mm"] = told.error.expected_mm
        record["interval_mm"] = list(told.error.interval_mm)
        record["probability_bad"] = told.error.probability_bad
        if known.truth is not None and known.targets is None:
            record["points_covered"] = points_covered(known, answer.transform, told.error)
    return record


def points_covered(known: Known, found: Transform, error: ErrorEstimate) -> float:
    """Return the fraction of some points of the body whose error lies in its own interval."""
    points = known.points[:: max(len(known.points) // POINTS, 1)]
    named = {str(number): (x, y, z) for number, (x, y, z) in enumerate(points.tolist())}
    low, high = np.transpose(
        [at.interval_mm for at in point_errors(known.pair, found, error, named)]
    )
    missed = np.linalg.norm(found.map_points(points) - known.truth.map_points(points), axis=1)
    return float(((low <= missed) & (missed <= high)).mean())


def measure(options: argparse.Namespace) -> None:
    """Add the lines that the file lacks, at most `--limit`."""
    known_lines = {key(r) for r in read(options.out)}
    again = answers_of(read(options.again)) if options.again else {}
    made = 0
    for family in options.families.split(","):
        specialists = () if options.alone else SPECIALISTS.get(family, ())
        methods = [*options.methods.split(","), *specialists]
        for known, use in pairs_of(family, options):
            about = {"family": family, "patient": known.patient, "variant": known.variant}

            def wanted(name: str, about: dict[str, Any] = about) -> bool:
                made = options.alone and name not in options.methods.split(",")
                return not made and key({**about, "answer": name}) not in known_lines

            names = [*methods, *(name for name, _ in made_answers(known))]
            if not any(map(wanted, names)):
                continue
            started = time.process_time()
            witness = search_witness(known.pair)
            about |= {"person": known.person, "use": use, "tolerance_mm": known.tolerance_mm}
            about["witness_s"] = time.process_time() - started
            about["witness_error_mm"] = witness and known.error_mm(witness.transform)
            given = again.get((family, known.patient, known.variant), {})
            for answer in answers(known, methods, wanted, given):
                record = {**about, "answer": answer.name}
                if answer.estimate is None:
                    record["error"] = answer.error
                else:
                    record |= judged(known, answer.estimate, answer.judging, witness)
                append(options.out, record)
                made += 1
            print(f"{family} {known.patient} {known.variant}: {made} answers", flush=True)
            if made >= options.limit:
                return


def answers_of(records: list[dict[str, Any]]) -> dict[tuple[str, ...], Given]:
    """Return the answers that records hold, by family, patient and variant, and by name."""
    found: dict[tuple[str, ...], Given] = {}
    for record in records:
        *pair, name = key(record)
        if "matrix" in record:
            told = Estimate(
                AffineTransform(record["matrix"]), None, {"warnings": record["warnings"]}
            )
        else:
            told = record["error"]
        found.setdefault(tuple(pair), {})[name] = told
    return found


def key(record: dict[str, Any]) -> tuple[str, ...]:
    return tuple(record[part] for part in ("family", "patient", "variant", "answer"))


def judged_answer(record: dict[str, Any]) -> JudgedAnswer:
    """Return the answer of a record."""
    return JudgedAnswer(
        record["family"],
        record["person"],
        record["answer"],
        record["tolerance_mm"],
        record["error_mm"],
        record["status"],
        record["measures"],
        record["variant"],
        ErrorEstimate.from_data(record),
    )


def row(rows: list[dict[str, Any]]) -> list[object]:
    """Return what the table says of some answers."""
    found = verdict_quality([judged_answer(r) for r in rows])
    order = found.rank_correlation
    at_points = [r["points_covered"] for r in rows if "points_covered" in r]
    return [
        found.answers,
        found.good,
        share(found.wrong_ok, found.wrong),
        share(found.good_ok, found.good),
        share(found.hopeless_fail, found.hopeless),
        share(found.covered, found.told),
        f"{np.mean(at_points):.1%}" if at_points else "",
        "" if order is None else f"{order:.2f}",
    ]


def share(part: int, whole: int) -> str:
    return f"{part} of {whole} ({part / whole:.1%})" if whole else ""


def table(found: list[dict[str, Any]]) -> str:
    """Return a row for each family and one for all, for both uses of patients."""
    found = [r for r in found if "status" in r]
    lines = []
    for use in ("fitting", "reporting"):
        of_use = [r for r in found if r["use"] == use]
        for part, shown in (("family", "{}"), ("variant", "*{}*")):
            for name in dict.fromkeys(r[part] for r in of_use):
                rows = [r for r in of_use if r[part] == name]
                lines.append([use, shown.format(name), *row(rows)])
        if of_use:
            lines.append([use, "**all**", *row(of_use)])
    return markdown(COLUMNS, lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--families", default=",".join(verdict_pairs.NAMES))
    parser.add_argument("--variants", default=",".join(verdict_pairs.VARIANTS))
    parser.add_argument("-m", "--methods", default=METHODS)
    parser.add_argument(
        "--alone", action="store_true", help="no specialists, and no answers that are made"
    )
    parser.add_argument("--patients", type=int, default=8, help="at most so many of a family")
    uses = ("alternate", "fitting", "reporting")
    parser.add_argument("--use", choices=uses, default="alternate", help="use of the patients")
    parser.add_argument("--limit", type=int, default=10**9, help="stop after so many answers")
    parser.add_argument("--data", type=Path, default=pairs.SHARED)
    parser.add_argument("--cohorts", type=Path, default=HERE / "cohorts", metavar="DIR")
    parser.add_argument("--again", type=Path, metavar="RECORDS", help="take the answers of these")
    parser.add_argument("-o", "--out", type=Path, default=HERE / "results" / "verdict.jsonl")
    parser.add_argument("--table", action="store_true", help="print the table of the file only")
    options = parser.parse_args()
    if not options.table:
        logging.disable(logging.WARNING)
        warnings.simplefilter("ignore")
        measure(options)
    write_table(options.out, table(read(options.out)))


if __name__ == "__main__":
    main()
