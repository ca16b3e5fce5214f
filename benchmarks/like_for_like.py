"""The networks of one paper, trained alike: same patients, draws, width and seeds.

    python benchmarks/like_for_like.py -o DIR [--family dusfe] [--seeds 0,1,2] [--networks a,b]
    python benchmarks/like_for_like.py --table

The weights that come with regkit were trained on different numbers of patients and draws, so that
their order is no ranking of architectures. Here every network of a family is trained by
`regkit train` from random weights with all choices equal, once for each seed, into DIR, which
keeps the prepared cases too. Then it registers patients of the test split, looking once and, where
the paper's networks are used so here, three times. It registers without the start guard, which
would hide what a network does. Methods that learn nothing register the same pairs.

`dusfe` is Table 1 of Chen et al., arXiv 2206.05278; `transmorph` compares mutual information with
the correlation ratio as loss. One JSON line for each case, training and number of looks is added
to benchmarks/results/like_for_like.jsonl; what is there already is not run again. The tables of
the whole file are written beside it as Markdown.
`--cases 0` only trains, so that several processes can share the seeds.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from records import append, markdown, read, write_table
from regkit import run
from regkit.datasets.case import Case
from regkit.datasets.folder import build_dataset
from regkit.metrics.evaluation import Evaluation
from regkit.registrar import Estimate, Pair, Registrar
from regkit.registration.pipeline import build_method
from regkit.registry import default_registry
from regkit.statistics import StatisticsSettings
from regkit.statistics.paired_tests import holm, sign_flips

OUT = Path(__file__).parent / "results" / "like_for_like.jsonl"
DONE = "facts.json"
SCORES = {"dt_mm": "dT mm", "dr_deg": "dR degrees", "tre_mm": "TRE mm"}
COLUMNS = ("network", "parameters", "patients", "draws", "seeds", "CPU min each", "looks", "cases")


@dataclass(frozen=True)
class Family:
    """Networks of one paper, and how all of them are trained and judged.

    Every network is compared with `against`. `test` are parameters of the cohort `data`.
    """

    networks: Sequence[str]
    against: str
    beside: Sequence[str]
    data: str
    test: Mapping[str, Any]
    scores: Sequence[str]
    looks: Sequence[int]
    steps: int
    choices: Mapping[str, Any]


@dataclass(frozen=True)
class Unguarded:
    """A learned method without its start guard."""

    method: Any

    def register(self, pair: Pair) -> Estimate:
        """Return what the network finds."""
        found: Estimate = self.method.infer(pair, *self.method.loaded())
        return found


SMALL = {"width": 0.25, "batch_size": 4, "learning_rate": 0.001, "warmup": 50, "ema_decay": 0.99}
FAMILIES = {
    "dusfe": Family(
        networks=("dvnet", "msreg", "densenet", "densenet-nonlocal", "dusfe"),
        against="dusfe",
        beside=("identity", "mi"),
        data="spect-ct",
        test={"n": 24, "split": "test", "motions": 1, "corrected": False, "projections": False},
        scores=("dt_mm", "dr_deg"),
        looks=(1, 3),
        steps=600,
        choices=SMALL | {"cases": 40, "validation_cases": 8, "passes": 3},
    ),
    "transmorph": Family(
        networks=("transmorph-mi", "transmorph-cr"),
        against="transmorph-cr",
        beside=("identity",),
        data="pet-ct",
        test={"n": 10, "split": "test", "coarser": 2},
        scores=("tre_mm",),
        looks=(1,),
        steps=400,
        choices=SMALL | {"cases": 24, "validation_cases": 6, "passes": 1},
    ),
}


@dataclass(frozen=True)
class Training:
    """A network, how long it learned, from what, and what of it was measured."""

    network: str
    seed: int
    steps: int
    patients: int
    draws: int
    width: float
    parameters: int
    cpu_s: float
    validation: Mapping[str, float]


def trained(network: str, seed: int, options: argparse.Namespace) -> tuple[Training, Path]:
    """Train a network unless it is; return what is known of it, and its folder."""
    family = FAMILIES[options.family]
    folder = options.output / f"{network}-{options.steps}-{seed}"
    if not (folder / DONE).exists():
        if folder.exists():
            sys.exit(f"{folder} is being trained, or was interrupted: remove it to begin anew")
        before = children_cpu_s()
        regkit_train(network, folder, options.steps, seed, options)
        cpu_s = round(children_cpu_s() - before, 1)
        log = json.loads((folder / "log.json").read_text(encoding="utf-8"))
        card = json.loads((folder / f"{network}.json").read_text(encoding="utf-8"))
        choices = family.choices
        facts = Training(
            *(network, seed, options.steps, choices["cases"]),
            draws=options.steps * choices["batch_size"],
            width=choices["width"],
            parameters=log["parameters"],
            cpu_s=cpu_s,
            validation=card["about"]["scores"]["validation"],
        )
        (folder / DONE).write_text(json.dumps(asdict(facts)), encoding="utf-8")
    facts = Training(**json.loads((folder / DONE).read_text(encoding="utf-8")))
    return facts, folder


def regkit_train(
    network: str, folder: Path, steps: int, seed: int, options: argparse.Namespace
) -> None:
    """Run `regkit train`."""
    family = FAMILIES[options.family]
    words = ["train", network, "--data", family.data, "--preset", "fast", "-o", str(folder)]
    words += ["--cache", str(options.output / "cache"), "--threads", "1", "--device", "cpu"]
    words += ["--steps", str(steps)]
    every = {"validate_every": max(1, steps // 3), "checkpoint_every": max(1, steps // 3)}
    for key, value in (family.choices | every | {"seed": seed}).items():
        words += ["--set", f"{key}={value}"]
    subprocess.run([sys.executable, "-m", "regkit", *words], check=True)


def children_cpu_s() -> float:
    """Return the CPU seconds of all child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def prepare(options: argparse.Namespace) -> None:
    """Prepare the cases, so that they count in no training."""
    folder = options.output / f"prepared-{options.family}"
    if not (folder / "log.json").exists():
        regkit_train(FAMILIES[options.family].networks[0], folder, 1, 0, options)


def registrars(options: argparse.Namespace) -> Iterator[tuple[dict[str, Any], Registrar]]:
    """Train all; yield what is to be compared, each with what a record says of it."""
    family, registry = FAMILIES[options.family], default_registry()
    for seed in options.seeds:
        for network in options.networks:
            facts, folder = trained(network, seed, options)
            weights = str(folder / f"{network}.safetensors")
            for looks in family.looks:
                method = build_method(network, {"weights": weights, "passes": looks}, registry)
                about = {"family": options.family, **asdict(facts), "looks": looks}
                yield about, Unguarded(method)
    for name in family.beside:
        yield {"family": options.family, "network": name}, build_method(name, {}, registry)


def measure(options: argparse.Namespace) -> None:
    """Add one line for each case and registrar that the file lacks."""
    prepare(options)
    every = list(registrars(options))
    known = {(*key(record), record["case"]) for record in read(options.out)}
    family = FAMILIES[options.family]
    if not options.cases:
        return
    test = {**family.test, "n": options.cases}
    cohort = build_dataset(family.data, test, default_registry())
    for index, case_id in enumerate(cohort.ids):
        missing = [one for one in every if (*key(one[0]), case_id) not in known]
        case = cohort.case(index) if missing else None
        for about, registrar in missing:
            scores = scored(registrar, case, family.scores)
            append(
                options.out, {**about, "case": case_id, "patient": case.group, "scores": scores}
            )
            print(about["network"], about.get("seed"), case_id, scores, flush=True)


def scored(registrar: Registrar, case: Case, names: Sequence[str]) -> dict[str, float]:
    """Register a case; return scores."""
    evaluation = Evaluation(case, run(registrar, case.pair, judge=False))
    offers = {offer.spec.name: offer for offer in default_registry().metrics}
    return {name: float(offers[name].load()(evaluation)) for name in names}


def key(record: Mapping[str, Any]) -> tuple[object, ...]:
    """Return what a run is of."""
    return tuple(record.get(n) for n in ("family", "network", "steps", "seed", "looks"))


def tables(found: list[dict[str, Any]]) -> str:
    """Lay out a table for every family and number of steps."""
    parts = []
    for name, steps in dict.fromkeys((r["family"], r.get("steps")) for r in found):
        if steps is None:
            continue
        family = FAMILIES[name]
        scores = [SCORES[score] for score in family.scores]
        columns = (*COLUMNS, *scores, *(f"p, {score}" for score in scores))
        mine = [r for r in found if r["family"] == name and r.get("steps") in (steps, None)]
        lines = [row for looks in family.looks for row in rows(family, mine, looks)]
        parts.append(markdown(columns, lines))
    return "\n\n".join(parts)


def rows(family: Family, found: list[dict[str, Any]], looks: int) -> Iterator[list[object]]:
    """Yield the rows of a number of looks; what learns nothing stands beside the most looks."""
    wanted = (looks, None) if looks == max(family.looks) else (looks,)
    errors: dict[str, list[dict[str, Any]]] = {}
    for record in found:
        if record.get("looks") in wanted:
            errors.setdefault(record["network"], []).append(record)
    p = p_values(family, errors)
    for name in sorted(errors, key=[*family.networks, *family.beside].index):
        mine = errors[name]
        seeds = list(dict.fromkeys(r.get("seed") for r in mine))
        if name in family.networks:
            minutes = np.mean([r["cpu_s"] for r in mine if "cpu_s" in r]) / 60
            known = [f"{mine[0][key]:,}" for key in ("parameters", "patients", "draws")]
            about = [*known, len(seeds), f"{minutes:.1f}", looks]
        else:
            about = ["-"] * 6
        by_seed = [[r["scores"] for r in mine if r.get("seed") == seed] for seed in seeds]
        cells = [mean_sd(by_seed, score) for score in family.scores]
        tested = p.get(name, ["-"] * len(cells))
        yield [f"`{name}`", *about, len({r["case"] for r in mine}), *cells, *tested]


def p_values(family: Family, errors: Mapping[str, list[dict[str, Any]]]) -> dict[str, list[str]]:
    """Return p-values of each score against the family's network, with Holm's correction.

    The errors of a case are averaged over seeds, and their differences summed for each patient.
    """
    settings = StatisticsSettings()
    means = {name: by_case(found, family.scores) for name, found in errors.items()}
    own = means.pop(family.against, {})
    raw = {}
    for name, other in means.items():
        sums: dict[str, np.ndarray] = {}
        for at in other.keys() & own.keys():
            sums[at[0]] = sums.get(at[0], 0) + other[at] - own[at]
        if sums:
            ordered = np.array([sums[patient] for patient in sorted(sums)])
            raw[name] = sign_flips(ordered, settings.flips, settings.seed)
    if not raw:
        return {}
    adjusted = np.transpose([holm(column) for column in np.transpose(list(raw.values()))])
    shown = [["< 0.001" if p < 0.001 else f"{p:.3f}" for p in row] for row in adjusted]
    return dict(zip(raw, shown, strict=True))


def by_case(
    found: list[dict[str, Any]], scores: Sequence[str]
) -> dict[tuple[str, str], np.ndarray]:
    """Return the errors of each patient and case, averaged over seeds."""
    every: dict[tuple[str, str], list[list[float]]] = {}
    for record in found:
        values = [record["scores"][score] for score in scores]
        every.setdefault((record["patient"], record["case"]), []).append(values)
    return {case: np.mean(values, axis=0) for case, values in every.items()}


def mean_sd(by_seed: Sequence[Sequence[Mapping[str, float]]], score: str) -> str:
    """Return the mean error over cases: its mean over seeds and their standard deviation."""
    means = [np.mean([scores[score] for scores in one]) for one in by_seed]
    spread = f" ± {np.std(means, ddof=1):.2f}" if len(means) > 1 else ""
    return f"{np.mean(means):.2f}{spread}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, metavar="DIR")
    parser.add_argument("--family", choices=FAMILIES, default="dusfe")
    parser.add_argument("--networks", default="", help="of the family; all by default")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--steps", type=int, help="of each training; the family's by default")
    parser.add_argument("--cases", type=int, help="to register; the family's by default")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--table", action="store_true", help="only lay out the table of the file")
    options = parser.parse_args()
    family = FAMILIES[options.family]
    options.networks = options.networks.split(",") if options.networks else family.networks
    options.seeds = [int(seed) for seed in options.seeds.split(",")]
    options.steps = options.steps or family.steps
    options.cases = family.test["n"] if options.cases is None else options.cases
    for name in set(options.networks) - set(family.networks):
        parser.error(f"no network is called {name}; there are {', '.join(family.networks)}")
    if not (options.table or options.output):
        parser.error("-o DIR is where the trainings go")
    if not options.table:
        measure(options)
    write_table(options.out, tables(read(options.out)))


if __name__ == "__main__":
    main()
