"""Calibrate the verdict to one's own data: a card fitted to answers with known errors."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from regkit.arguments import checked
from regkit.benchmark.answerable_pairs import AnswerablePair, answerable_pairs, made_answers
from regkit.benchmark.calibration_summary import calibration_summary
from regkit.benchmark.case_source import CaseReader, DatasetRef
from regkit.benchmark.error_model_fit import card_of, cross_validated, fit_error_model
from regkit.benchmark.judged_answer import JudgedAnswer
from regkit.benchmark.records import Record, RecordFile, new_record
from regkit.datasets.case import Case
from regkit.errors import BenchmarkError, RegkitError
from regkit.io.atomic_output import atomic_output
from regkit.metrics.evaluation import NotKnownError
from regkit.registrar import Estimate, Registrar
from regkit.registration.calibration_card import CARD_FILE
from regkit.registration.error_model import ErrorModel, shipped_error_model
from regkit.registration.judgement import judge
from regkit.registration.pipeline import build_method
from regkit.registration.result_measures import tolerance_mm
from regkit.registration.run import run
from regkit.registration.witness import Witness, search_witness
from regkit.registry import DEFAULT_METHOD, Registry, default_registry

# The headers as they are, and the default; errors that are made lie between them.
METHODS = ("identity", DEFAULT_METHOD)
# Patients, of whom a fit, its table and its test must each see others; answers of a table; and
# good and wrong ones, without which there is no probability. Chosen by hand.
MIN_PERSONS, MIN_ANSWERS, MIN_OF_EACH = 5, 60, 10
SUMMARY_FILE = "summary.md"
# Function that is told how many of how many cases are done.
OnCase: TypeAlias = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class VerdictCalibration:
    """A model of the error fitted to answers, and what it says of patients not seen.

    Parameters
    ----------
    model
        Model fitted to all answers, as in the card.
    answers
        Answers with estimates by models that have not seen their patients.
    folder
        Folder of the card.
    """

    model: ErrorModel
    answers: tuple[JudgedAnswer, ...]
    folder: Path


@checked
def calibrate(
    datasets: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    folder: str | os.PathLike[str],
    *,
    methods: Sequence[str] = METHODS,
    cases: int = 0,
    split: str = "",
    seed: int = 0,
    on_case: OnCase | None = None,
) -> VerdictCalibration:
    """Fit the coefficients of the verdict to pairs with a known truth.

    On every pair, and on it mirrored and with the moving image of another patient, the methods
    answer; further answers are the truth with known errors. What the verdict measures of all of
    them, and how wrong they are, is fitted. Answers that `folder` holds are not made again.

    Parameters
    ----------
    datasets
        Dataset folders or tables of pairs whose cases have a ``truth`` or landmarks, or names of
        simulated cohorts; one or several.
    folder
        Output: ``records.jsonl``, the card ``error_model.json`` and ``summary.md``.
    methods
        Expressions of methods.
    cases
        Number of cases of each dataset, the first ones; 0 for all.
    split
        Part of the datasets; empty for all.
    seed
        Seed of the methods and of the errors that are made.
    on_case
        Function that is called with the number of cases done and the number of all.

    Returns
    -------
    VerdictCalibration
        The model, and the answers with estimates by models that have not seen their patients.

    Raises
    ------
    BenchmarkError
        No truth, too few patients or answers, no witness, or a folder with other answers.
    """
    registry, target = default_registry(), Path(folder)
    datasets = [datasets] if isinstance(datasets, str | os.PathLike) else datasets
    registrars = {name: build_method(name, {}, registry, {"seed": seed}) for name in methods}
    _check_witness(registry)
    readers = [DatasetRef(os.fspath(d), split=split, limit=cases).open(registry) for d in datasets]
    _check_names(readers)
    _check_persons(sum(len(reader.ids) for reader in readers))  # there are no more than cases
    with RecordFile(target) as file:
        _check_seed(file.read(), seed, target)
        _answer_all(readers, registrars, file, seed, on_case or (lambda _done, _all: None))
        answers = [_of_record(record) for record in file.read() if record["status"] == "ok"]
    return _fitted([answer for answer in answers if answer.has_evidence], target)


def _answer_all(
    readers: Sequence[CaseReader],
    registrars: Mapping[str, Registrar],
    file: RecordFile,
    seed: int,
    report: OnCase,
) -> None:
    """Add the records that the file lacks."""
    known = {_key(record) for record in file.read()}
    total, done = sum(len(reader.ids) for reader in readers), 0
    for reader in readers:
        for case, other in _with_others(reader):
            for pair in _pairs(case, other, reader.name):
                for record in pair_records(pair, reader.name, registrars, seed, known):
                    file.append(record)
            done += 1
            report(done, total)


def _with_others(reader: CaseReader) -> Iterator[tuple[Case, Case | None]]:
    """Yield every case and the last one before it of another patient."""
    previous: list[Case] = []
    for index in range(len(reader.ids)):
        case = reader.case(index)
        yield case, next((c for c in reversed(previous) if c.group != case.group), None)
        previous = [c for c in previous[-1:] if c.group != case.group] + [case]


def _pairs(case: Case, other: Case | None, dataset: str) -> Iterator[AnswerablePair]:
    try:
        yield from answerable_pairs(case, other)
    except NotKnownError as error:
        raise BenchmarkError(
            f"{dataset}: {error}; a calibration needs the truth of every case, or landmarks of "
            "both images"
        ) from error


def pair_records(
    pair: AnswerablePair,
    dataset: str,
    registrars: Mapping[str, Registrar],
    seed: int,
    known: set[tuple[str, ...]],
) -> Iterator[Record]:
    """Yield the records of a pair that are not known, all judged with one witness.

    Parameters
    ----------
    pair
        The pair.
    dataset
        Name of its dataset.
    registrars
        Methods by name.
    seed
        Seed of the methods, and of the errors that are made.
    known
        Dataset, case, variant and method of the records that there are.
    """
    answers: dict[str, Registrar] = dict(registrars)
    answers |= {name: _Made(found) for name, found in made_answers(pair, seed)}
    about: dict[str, Any] = {"group": pair.person, "variant": pair.variant, "seed": seed}
    wanted = [n for n in answers if (dataset, pair.case, pair.variant, n) not in known]
    witness = search_witness(pair.pair) if wanted else None
    for name in wanted:
        facts = about | _judged(pair, name, answers[name], witness)
        yield new_record(dataset, pair.case, name, facts.pop("status"), **facts)


@dataclass(frozen=True)
class _Made:
    """A method whose answer is given."""

    answer: Any

    def register(self, pair: Any) -> Estimate:  # noqa: ARG002
        return Estimate(self.answer)


def _judged(
    pair: AnswerablePair, name: str, registrar: Registrar, witness: Witness | None
) -> dict[str, Any]:
    """Run a method, and judge its answer; a failure is a fact as well."""
    try:
        result = run(registrar, pair.pair, name, judge=False)
        verdict = judge(pair.pair, result.estimate, witness)
    except RegkitError as error:
        return {"status": "failed", "error": str(error)}
    return {
        "status": "ok",
        "verdict": verdict.status,
        "reasons": list(verdict.reasons),
        "tolerance_mm": tolerance_mm(pair.pair),
        "error_mm": pair.error_mm(result.transform),
        "measures": dict(verdict.measures),
        "runtime_s": round(result.compute_s, 4),
        **(verdict.error.as_data() if verdict.error else {}),
    }


def _fitted(answers: list[JudgedAnswer], folder: Path) -> VerdictCalibration:
    """Fit and test a model, and write its card."""
    _check_answers(answers)
    prior = shipped_error_model()
    try:
        judged = cross_validated(answers, prior)
        model = fit_error_model(answers, prior)
    except KeyError as error:
        raise BenchmarkError(
            f"{folder} holds answers of another version of regkit, without the measure {error}; "
            "choose another folder"
        ) from error
    with atomic_output(folder) as stage:
        text = json.dumps(card_of(model), indent=1)
        stage.path(CARD_FILE).write_text(f"{text}\n", encoding="utf-8")
        summary = calibration_summary(judged, model)
        stage.path(SUMMARY_FILE).write_text(summary, encoding="utf-8")
    return VerdictCalibration(model, tuple(judged), folder)


def _of_record(record: Record) -> JudgedAnswer:
    return JudgedAnswer(
        record["dataset"],
        record["group"],
        record["method"],
        record["tolerance_mm"],
        record["error_mm"],
        record["verdict"],
        record["measures"],
        record["variant"],
    )


def _key(record: Record) -> tuple[str, ...]:
    return record["dataset"], record["case"], record.get("variant", ""), record["method"]


def _check_witness(registry: Registry) -> None:
    if not any("search" in m.spec.witness and not m.problem for m in registry.methods):
        raise BenchmarkError(
            "no method that serves as a witness is usable, so that there is no evidence to "
            "calibrate; `regkit methods` says why"
        )


def _check_names(readers: Sequence[CaseReader]) -> None:
    names = [reader.name for reader in readers]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BenchmarkError(
            f"two datasets are called '{twice[0]}'; name one differently in its dataset.json"
        )


def _check_seed(records: Sequence[Record], seed: int, folder: Path) -> None:
    others = [record for record in records if record.get("seed") != seed]
    if others:
        raise BenchmarkError(
            f"{folder} holds other records (seed {others[0].get('seed')}, not {seed}); choose "
            "another folder"
        )


def _check_persons(number: int) -> None:
    if number < MIN_PERSONS:
        raise BenchmarkError(
            f"a calibration needs {MIN_PERSONS} patients at least, got {number}: each is left out "
            "once, to test a fit to the others, and those must differ as well; give more cases, "
            "with their patients as 'group'"
        )


def _check_answers(answers: Sequence[JudgedAnswer]) -> None:
    _check_persons(len({answer.person for answer in answers}))
    if len(answers) < MIN_ANSWERS:
        raise BenchmarkError(
            f"a calibration needs {MIN_ANSWERS} answers at least, got {len(answers)}: each row "
            "of its table is made of the nearest ones; give more cases or methods (-m)"
        )
    good, wrong = sum(a.is_good for a in answers), sum(a.is_wrong for a in answers)
    if min(good, wrong) < MIN_OF_EACH:
        raise BenchmarkError(
            f"a calibration needs {MIN_OF_EACH} good and {MIN_OF_EACH} wrong answers at least, "
            f"got {good} and {wrong}; give more cases or other methods (-m)"
        )
