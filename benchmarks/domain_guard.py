"""The domain guard of the learned methods: how images look in training, and what it tells.

    regkit simulate NAME --split train -o TRAIN ...
    regkit simulate NAME --split validation -o VALIDATION ...
    python benchmarks/domain_guard.py learn METHOD... --train TRAIN... --validation VALIDATION...
    python benchmarks/domain_guard.py measure METHOD... --test TEST... [--cases N] [--only WORD]
    python benchmarks/domain_guard.py table

`learn` measures the look of the images of training on dataset folders, simulated with the options
of the weights' own training (`about.command` on the card), and writes it into the cards that come
with regkit; nothing is trained. `measure` registers the cases as they are, which is inside, and
with the changes of `domain_changes.py`, which are outside, and counts those with a warning of the
guard; lines go to benchmarks/results/domain_guard.jsonl.
"""

from __future__ import annotations

import argparse
import json
import shlex
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, replace
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import torch

from domain_changes import ANOTHER_PATIENT, BOTH, CHANGES, INSIDE
from records import append, drop, markdown, read, write_table
from regkit.datasets.case import Case
from regkit.datasets.folder import read_dataset
from regkit.learning.case_cache import CaseCache
from regkit.learning.task import Task
from regkit.learning.training_config import read_training_config
from regkit.learning.training_job import TrainingJob
from regkit.registrar import Estimate
from regkit.registration.parameters import parse_assignment
from regkit.registration.pipeline import build_method
from regkit.registry import default_registry
from regkit.similarity.point_sample import sample_points
from regkit.weights import CARD_SUFFIX, open_weights
from regkit_msstunet.train.task import ReorientationTask
from regkit_pairnets.train.task import MotionTask
from regkit_transmorph.train.task import UnsupervisedTask
from verdict_pairs import Known

HERE = Path(__file__).parent
OUT = HERE / "results" / "domain_guard.jsonl"
UPPER_HALF = "upper half only, moving"
TASKS: dict[str, type[Task[Any]]] = {
    task.card_class.package: task for task in (MotionTask, UnsupervisedTask, ReorientationTask)
}


def learn(methods: list[str], train: list[Path], validation: list[Path]) -> None:
    """Write the look of the images of a training into the cards of shipped weights.

    Parameters
    ----------
    methods
        Methods with the same images; the look is measured as the training of the first saw them.
    train, validation
        Dataset folders.
    """
    registry = default_registry()
    files = [open_weights(name, registry.method(name).spec.weights) for name in methods]
    task = TASKS[registry.method(methods[0]).spec.weights]
    changes = _changes(files[0].card)
    job = TrainingJob(methods[0], "", Path(), registry, changes=changes)
    config, _ = read_training_config(task.config_class, task.card_class.package, job)
    with tempfile.TemporaryDirectory() as folder:
        cases, held_out = (
            list(_prepared(task, config, paths, Path(folder) / part))
            for part, paths in (("train", train), ("validation", validation))
        )
    found = task(methods[0], config, cases, held_out, torch.device("cpu")).appearance()
    about = {"patients": len(cases), "held_out": len(held_out)}
    for weights in files:
        card = {k: v for k, v in weights.card.items() if k != "appearance"}
        card["about"] = {**card["about"], "appearance": about}
        card["appearance"] = asdict(found)
        file = weights.file.with_suffix(CARD_SUFFIX)
        file.write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    print(*methods, {name: round(limit, 3) for name, limit in found.limits.items()})


def _changes(card: dict[str, Any]) -> dict[str, Any]:
    """Return what the training of weights changed of its preset."""
    words = shlex.split(card["about"]["command"].split(", broken off")[0])
    return dict(parse_assignment(value) for name, value in pairwise(words) if name == "--set")


def _prepared(
    task: type[Task[Any]], config: Any, paths: list[Path], folder: Path
) -> Iterator[Any]:
    for number, path in enumerate(paths):
        cache = CaseCache(
            read_dataset(path), folder / str(number), lambda c: task.prepare_case(c, config)
        )
        for _ in cache.build(path.name):
            pass
        yield from (task.load_case(*stored) for stored in cache.load())


def measure(method: str, cases: list[Case], data: str, only: str, out: Path) -> None:
    """Register cases as they are and changed, and count warnings of the guard.

    Parameters
    ----------
    method
        Name of the method.
    cases
        The cases.
    data
        Name of their dataset, for the records.
    only
        Word in the names of the changes; empty for all.
    out
        File of the records.
    """
    card = open_weights(method, default_registry().method(method).spec.weights).card
    sees = BOTH if card["appearance"]["images"] > 1 else ("moving",)
    for change in (*INSIDE, *CHANGES, ANOTHER_PATIENT):
        if only not in change.name or not set(change.roles) <= set(sees):
            continue
        drop(out, method=method, data=data, change=change.name)
        changed = others(cases) if change is ANOTHER_PATIENT else cases
        inside = change in INSIDE
        found = [build_method(method).register(change(case, n)) for n, case in enumerate(changed)]
        given = [list(one.diagnostics["domain_warnings"]) for one in found]
        told = [words for words in given if words]
        wrong = [inside and is_wrong(case, one) for case, one in zip(changed, found, strict=True)]
        record = {
            "method": method,
            "data": data,
            "change": change.name,
            "inside": inside,
            "counted": not (change is ANOTHER_PATIENT or _is_inside(method, change.name)),
            "cases": len(given),
            "told": len(told),
            "wrong": sum(wrong),
            "told_wrong": sum(bool(w) and bad for w, bad in zip(given, wrong, strict=True)),
            "named": sum(bool(change.words) and change.words in " ".join(w) for w in told),
            "example": told[0][0] if told else "",
        }
        append(out, record)
        print(method, change.name, len(told), "of", len(given), record["example"], flush=True)


def _is_inside(method: str, change: str) -> bool:
    """Return whether training has seen a change: CTs cut around the heart, which is high up."""
    package = default_registry().method(method).spec.weights
    return package == "regkit_pairnets" and method != "attention-reg" and change == UPPER_HALF


def is_wrong(case: Case, found: Estimate) -> bool:
    """Return whether an answer is off by over twice the tolerance; see `verdict_pairs.Known`."""
    sample = sample_points(case.pair.fixed)
    body = sample.points[sample.foreground]
    known = Known("", case.id, "", case.pair, body, case.truth)
    error_mm = known.error_mm(found.transform)
    return error_mm is not None and error_mm > 2 * known.tolerance_mm


def others(cases: list[Case]) -> list[Case]:
    """Return every case with the moving image of the next patient."""
    shifted = cases[1:] + cases[:1]
    return [
        replace(one, pair=replace(one.pair, moving=other.pair.moving))
        for one, other in zip(cases, shifted, strict=True)
    ]


def table(found: list[dict[str, Any]]) -> str:
    """Lay out the records as Markdown: cases with a warning, a row for each change.

    Cases as they are whose answer is wrong have a row of their own: a warning is right there.
    """
    methods = list(dict.fromkeys(r["method"] for r in found))
    found = [part for record in found for part in _by_answer(record)]
    found.sort(key=lambda record: not record["inside"])
    rows = [
        (change, *(_count([r for r in found if r["method"] == m and r["change"] == change]
                          ) for m in methods))
        for change in dict.fromkeys(r["change"] for r in found)
    ]  # fmt: skip
    for name, inside in (("**all inside**", True), ("**all outside**", False)):
        some = [r for r in found if r["inside"] == inside and r["counted"]]
        rows.append((name, *(_count([r for r in some if r["method"] == m]) for m in methods)))
    return markdown(("change", *(f"`{m}`" for m in methods)), rows)


def _by_answer(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a record of cases inside as two: those with a right answer and the others."""
    if not record.get("wrong"):
        return [record]
    wrong = {"cases": record["wrong"], "told": record["told_wrong"]}
    right = {key: record[key] - value for key, value in wrong.items()}
    apart = {"change": f"{record['change']}, wrong answer", "counted": False}
    return [record | right, record | wrong | apart]


def _count(records: list[dict[str, Any]]) -> str:
    told, cases = (sum(r[key] for r in records) for key in ("told", "cases"))
    return f"{told} of {cases}" if cases else "-"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", choices=("learn", "measure", "table"))
    parser.add_argument("methods", nargs="*")
    for name in ("train", "validation", "test"):
        parser.add_argument(f"--{name}", type=Path, nargs="+", default=[])
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--only", default="")
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.work == "learn":
        learn(given.methods, given.train, given.validation)
    for method in given.methods:
        for path in given.test:
            cases = list(islice(read_dataset(path), given.cases))
            measure(method, cases, path.name, given.only, given.out)
    if given.work != "learn":
        write_table(given.out, table(read(given.out)))


if __name__ == "__main__":
    main()
