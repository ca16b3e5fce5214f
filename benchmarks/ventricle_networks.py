"""MS-ST-UNet against its variants and four baselines, all trained with the same budget.

    python benchmarks/ventricle_networks.py -o DIR [--networks a,b] [--data both] [--steps 800]
    python benchmarks/ventricle_networks.py -o DIR --table

Tables 3 and 4 of Ni et al., arXiv 2310.10095: whether pose and labels learnt jointly beat those
learnt apart, and three scales one. Every network is trained by `regkit train` with equal steps,
batches and patients, into DIR, which keeps the prepared cases too; then it reorients patients of
the test split that none has seen. `seg1` and `seg2` have no localiser: they are told the truth,
so that their rows are of labels only. One JSON line for each case and network is added to
benchmarks/results/ventricle_networks.jsonl; what is there already is not run again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from records import append, markdown, read
from regkit import run
from regkit.case import Case
from regkit.datasets import build_dataset
from regkit.errors import RegistrationError
from regkit.evaluation import Evaluation
from regkit.pipeline import build
from regkit.registry import default_registry
from regkit_msstunet import network_names
from regkit_msstunet.train.pool import TOGETHER

OUT = Path(__file__).parent / "results" / "ventricle_networks.jsonl"
TOLD = ("seg1", "seg2")
SCORES = ("lv_my_seg_dice", "lv_bp_seg_dice", "lv_my_seg_hd95_mm")
COLUMNS = (
    *("network", "parameters", "CPU min", "data", "cases", "MY Dice", "BP Dice", "MY HD95 mm"),
    *("rotation MSE 10⁻² rad²", "failed"),
)


def trained(network: str, options: argparse.Namespace) -> dict[str, Any]:
    """Train a network unless it is; return what the log says of it."""
    folder = options.output / network
    if not (folder / "ms-st-unet.json").exists():
        words = ["train", "ms-st-unet", "--data", options.data, "-o", str(folder)]
        words += ["--cache", str(options.output / "pool"), "--steps", str(options.steps)]
        words += ["--threads", "1"]
        choices = [f"network={network}", f"validate_every={options.steps}", *options.set]
        for choice in choices:
            words += ["--set", choice]
        resumes = ["--resume"] if (folder / "checkpoint.safetensors").exists() else []
        subprocess.run([sys.executable, "-m", "regkit", *words, *resumes], check=True)
    log = json.loads((folder / "log.json").read_text(encoding="utf-8"))
    seconds = [row["seconds"] for row in log["curve"] if "seconds" in row][-1]
    return {
        "network": network,
        "parameters": log["parameters"],
        "steps": log["preset"]["steps"],
        "choices": options.set,
        "trained_s": round(seconds, 1),
    }


def scored(network: str, case: Case, weights: Path) -> dict[str, Any]:
    """Reorient a case; return scores."""
    registrar = build("ms-st-unet", {"weights": str(weights)}, default_registry())
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
    """Add one line for each case and network that the file lacks."""
    known = {(r["network"], r["steps"], r["data"], r["case"]) for r in read(options.out)}
    for network in options.networks:
        facts = trained(network, options)
        weights = options.output / network / "ms-st-unet.safetensors"
        for data in TOGETHER.get(options.data, options.data).split(","):
            cohort = build_dataset(data, {"n": options.cases, "split": "test"}, default_registry())
            for index, case_id in enumerate(cohort.ids):
                if (network, facts["steps"], data, case_id) in known:
                    continue
                found = scored(network, cohort.case(index), weights)
                append(options.out, {**facts, "data": data, "case": case_id, **found})
                print(network, data, case_id, found["scores"], flush=True)


def rows(found: list[dict[str, Any]]) -> Iterator[list[object]]:
    """Yield a row for every network and cohort."""
    keys = dict.fromkeys((r["network"], r["steps"], r["data"]) for r in found)
    for network, steps, data in keys:
        mine = [
            r for r in found if (r["network"], r["steps"], r["data"]) == (network, steps, data)
        ]
        done = [r["scores"] for r in mine if r["status"] == "ok"]
        cost = f"{mine[0]['trained_s'] / 60:.0f}"
        yield [
            *(f"`{network}`", f"{mine[0]['parameters']:,}", cost, data, len(mine)),
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
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    parser.add_argument("--networks", default=",".join(network_names()))
    parser.add_argument("--data", default="both")
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--cases", type=int, default=20, help="of each cohort's test split")
    parser.add_argument("--set", action="append", default=[], help="a choice of every training")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--table", action="store_true", help="print the table of the file only")
    options = parser.parse_args()
    options.networks = options.networks.split(",")
    if not options.table:
        measure(options)
    print(markdown(COLUMNS, rows(read(options.out))))


if __name__ == "__main__":
    main()
