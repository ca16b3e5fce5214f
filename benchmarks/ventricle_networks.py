"""MS-ST-UNet against its variants and five baselines, all trained with the same budget.

    python benchmarks/ventricle_networks.py -o DIR [--networks a,b] [--steps 800] [--own]
    python benchmarks/ventricle_networks.py --table

Tables 3 and 4 of Ni et al., arXiv 2310.10095: whether pose and labels learnt jointly beat those
learnt apart, and three scales one. Every network is trained by `regkit train` with equal steps,
batches and patients, as wide as takes about the same time, into DIR, which keeps the prepared
cases too; then it reorients patients of the test split that none has seen. With `--own`,
`ms-st-unet` is also trained of each tracer alone, with half of the steps: of equally many of its
images. `seg1` and `seg2` have no localiser: they are told the truth, so that their rows are of
labels only. `nnu-net` needs dynamic-network-architectures. One JSON line for each case and
training is added to benchmarks/results/ventricle_networks.jsonl; what is there already is not run
again. The table of the whole file is written beside it as Markdown.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from records import append, markdown, read
from regkit import run
from regkit.datasets.case import Case
from regkit.datasets.folder import build_dataset
from regkit.errors import RegistrationError
from regkit.metrics.evaluation import Evaluation
from regkit.registration.pipeline import build_method
from regkit.registry import default_registry
from regkit_msstunet.train.task import ReorientationTask

OUT = Path(__file__).parent / "results" / "ventricle_networks.jsonl"
TOLD = ("seg1", "seg2")
# Factors on the channels with which a step takes about as long as one of ms-st-unet. Networks of
# one scale work on blocks, those of three on single voxels where they look closer.
WIDTHS = {
    "ms-st-unet": 0.25,
    "sep-rot2-seg2": 0.25,
    "rot1-seg1": 1.0,
    "seg1": 1.0,
    "seg2": 0.25,
    "v-net": 0.625,
    "dense-u-net": 0.375,
    "nnu-net": 0.75,
    "u-net": 1.0,
    "omega-net": 0.5,
}
SCORES = ("lv_my_seg_dice", "lv_bp_seg_dice", "lv_my_seg_hd95_mm")
COLUMNS = (
    *("network", "learnt from", "steps", "parameters", "CPU min", "data", "cases"),
    *("MY Dice", "BP Dice", "MY HD95 mm", "rotation MSE 10⁻² rad²", "failed"),
)


@dataclass(frozen=True)
class Training:
    """One network, what it learns from, and for how long."""

    network: str
    data: str
    steps: int

    def folder(self, home: Path) -> Path:
        """Return where it is kept."""
        return home / f"{self.network}-{self.data.replace(',', '-')}-{self.steps}"


def trainings(options: argparse.Namespace) -> list[Training]:
    """Return all that is to be compared."""
    of_all = [Training(name, options.data, options.steps) for name in options.networks]
    tracers = cohorts(options.data) if options.own else []
    own = [Training("ms-st-unet", one, options.steps // len(tracers)) for one in tracers]
    return list(dict.fromkeys(of_all + own))


def cohorts(data: str) -> list[str]:
    """Return the names of the cohorts that are meant."""
    return ReorientationTask.data_aliases.get(data, data).split(",")


def trained(training: Training, options: argparse.Namespace) -> dict[str, Any]:
    """Train a network unless it is; return what is known of it."""
    folder, steps = training.folder(options.output), training.steps
    if not (folder / "ms-st-unet.json").exists():
        words = ["train", "ms-st-unet", "--data", training.data, "-o", str(folder)]
        words += ["--cache", str(options.output / "cache"), "--steps", str(steps)]
        words += ["--threads", "1"]
        choices = [f"network={training.network}", f"width={WIDTHS[training.network]}"]
        for choice in (*choices, f"validate_every={steps}", *options.set):
            words += ["--set", choice]
        resumes = ["--resume"] if (folder / "checkpoint.safetensors").exists() else []
        subprocess.run([sys.executable, "-m", "regkit", *words, *resumes], check=True)
    log = json.loads((folder / "log.json").read_text(encoding="utf-8"))
    seconds = [row["seconds"] for row in log["curve"] if "seconds" in row][-1]
    return {
        "network": training.network,
        "learnt": training.data,
        "steps": steps,
        "parameters": log["parameters"],
        "choices": options.set,
        "trained_s": round(seconds, 1),
    }


def scored(network: str, case: Case, weights: Path) -> dict[str, Any]:
    """Reorient a case; return scores."""
    registrar = build_method("ms-st-unet", {"weights": str(weights)}, default_registry())
    pair = replace(case.pair, initial=case.truth) if network in TOLD else case.pair
    try:
        result = run(registrar, pair)
    except RegistrationError as error:
        return {"status": "failed", "scores": {}, "error": str(error)}
    evaluation = Evaluation(case, result)
    offers = {offer.spec.name: offer for offer in default_registry().metrics}
    names = SCORES if network in TOLD else (*SCORES, "rot_mse")
    scores = {name: float(offers[name].load()(evaluation)) for name in names}
    return {"status": "ok", "scores": scores, "runtime_s": round(result.compute_s, 3)}


def measure(options: argparse.Namespace) -> None:
    """Add one line for each case and training that the file lacks."""
    every = trainings(options)
    facts = [trained(one, options) for one in every]
    known = {(*key(record), record["case"]) for record in read(options.out)}
    for data in cohorts(options.data):
        cohort = build_dataset(data, {"n": options.cases, "split": "test"}, default_registry())
        for index, case_id in enumerate(cohort.ids):
            missing = [
                (one, fact)
                for one, fact in zip(every, facts, strict=True)
                if (*key({**fact, "data": data}), case_id) not in known
            ]
            if not missing:
                continue
            case = cohort.case(index)
            for one, fact in missing:
                weights = one.folder(options.output) / "ms-st-unet.safetensors"
                found = scored(one.network, case, weights)
                append(options.out, {**fact, "data": data, "case": case_id, **found})
                print(one.network, one.data, data, case_id, found["scores"], flush=True)


def key(record: Mapping[str, Any]) -> tuple[object, ...]:
    """Return what a row of the table is of."""
    return tuple(record[name] for name in ("network", "learnt", "steps", "data"))


def rows(found: list[dict[str, Any]]) -> Iterator[list[object]]:
    """Yield a row for every training and cohort."""
    for row in dict.fromkeys(map(key, found)):
        mine = [record for record in found if key(record) == row]
        done = [record["scores"] for record in mine if record["status"] == "ok"]
        network, learnt, steps, data = row
        yield [
            *(f"`{network}`", learnt, steps, f"{mine[0]['parameters']:,}"),
            *(f"{mine[0]['trained_s'] / 60:.0f}", data, len(mine)),
            *(
                mean_sd(done, name, 1, digits)
                for name, digits in zip(SCORES, (3, 3, 2), strict=True)
            ),
            *(mean_sd(done, "rot_mse", 100, 2), len(mine) - len(done)),
        ]


def mean_sd(scores: list[Mapping[str, float]], name: str, times: float, digits: int) -> str:
    values = [times * score[name] for score in scores if name in score]
    if not values:
        return "-"
    return (
        f"{np.mean(values):.{digits}f} ± {np.std(values, ddof=min(1, len(values) - 1)):.{digits}f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", "--output", type=Path, metavar="DIR")
    parser.add_argument("--networks", default=",".join(WIDTHS))
    parser.add_argument("--data", default="both")
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--own", action="store_true", help="train of each tracer alone too")
    parser.add_argument("--cases", type=int, default=20, help="of each cohort's test split")
    parser.add_argument("--set", action="append", default=[], help="a choice of every training")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--table", action="store_true", help="only lay out the table of the file")
    options = parser.parse_args()
    options.networks = options.networks.split(",")
    for name in set(options.networks) - set(WIDTHS):
        parser.error(f"no network is called {name}; there are {', '.join(WIDTHS)}")
    if not (options.table or options.output):
        parser.error("-o DIR is where the trainings go")
    if not options.table:
        measure(options)
    text = markdown(COLUMNS, rows(read(options.out))) + "\n"
    options.out.with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
