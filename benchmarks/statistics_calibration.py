"""Calibration of the intervals and tests of `regkit.statistics`, and the time of a summary.

    python benchmarks/statistics_calibration.py [--runs 4000] [--out FILE.jsonl]

Simulates experiments of patients with one to four dependent cases each (intraclass correlation
0.5). One line for every number of patients and distribution: coverage of the
95 % interval of regkit (studentized) beside percentile and BCa bootstraps of the same draws,
false positive rates at 5 % and false claims of equivalence at the margin. A last line times a
summary of 10,000 records on one thread.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from scipy import stats

from regkit.statistics import StatisticsSettings, summarize
from regkit.statistics.bootstrap import Means, draw_patients
from regkit.statistics.paired_tests import sign_flips, wilcoxon
from regkit.statistics.summary_files import summary_csv, summary_json, summary_markdown

DRAWS, BATCH = 2000, 250
# Errors of registration are skewed; differences of two methods' errors hardly are.
SHAPES = {
    "normal": (lambda z: z, 0.0),
    "lognormal": (lambda z: np.exp(0.5 * z), float(np.exp(0.125))),
    "very skewed": (np.exp, float(np.exp(0.5))),
}


def experiment(patients: int, shape: str, runs: int, seed: int) -> dict[str, object]:
    rng = np.random.default_rng(seed)
    hits: dict[str, list[np.ndarray]] = {}
    for _ in range(0, runs, BATCH):
        sizes = rng.integers(1, 5, patients)
        for name, values in batch(rng, sizes, shape).items():
            hits.setdefault(name, []).append(values)
    percent = {name: round(100 * float(np.concatenate(v).mean()), 2) for name, v in hits.items()}
    return {"patients": patients, "errors": shape, "runs": runs, **percent}


def batch(rng: np.random.Generator, sizes: np.ndarray, shape: str) -> dict[str, np.ndarray]:
    patient = np.repeat(np.arange(len(sizes)), sizes)
    z = np.sqrt(0.5) * rng.standard_normal((len(sizes), BATCH))[patient]
    z += np.sqrt(0.5) * rng.standard_normal((len(patient), BATCH))
    to_values, truth = SHAPES[shape]
    sums = np.zeros((len(sizes), BATCH))
    np.add.at(sums, patient, to_values(z))
    n = np.repeat(sizes[:, None].astype(float), BATCH, axis=1)
    means = Means(sums, n, draw_patients(len(sizes), DRAWS, int(rng.integers(2**31))))
    found = {
        f"coverage_{name}_pct": (low <= truth) & (truth <= high)
        for name, (low, high) in intervals(means).items()
    }
    null = sums if shape == "normal" else sums - sums_of_another(rng, patient, sizes, shape)
    margin = truth + 1.0
    return found | {
        "false_positives_permutation_pct": sign_flips(null, 1999, 0) < 0.05,
        "false_positives_wilcoxon_pct": wilcoxon(null / n) < 0.05,
        "false_equivalence_pct": Means(sums + n, n, means.counts).p_beyond(margin) < 0.05,
    }


def sums_of_another(
    rng: np.random.Generator, patient: np.ndarray, sizes: np.ndarray, shape: str
) -> np.ndarray:
    """Sums of a second method with errors of the same distribution."""
    z = rng.standard_normal((len(patient), BATCH))
    z += rng.standard_normal((len(sizes), BATCH))[patient]
    sums = np.zeros((len(sizes), BATCH))
    np.add.at(sums, patient, SHAPES[shape][0](z * np.sqrt(0.5)))
    return sums


def intervals(means: Means) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    drawn = (means.counts @ means.sums) / (means.counts @ means.sizes)
    low, high = np.quantile(drawn, (0.025, 0.975), axis=0)
    return {
        "studentised": means.interval(0.95),
        "percentile": (low, high),
        "bca": bca(means, drawn),
    }


def bca(means: Means, drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bias-corrected and accelerated, jackknifing patients (Efron 1987)."""
    s, n = means.sums, means.sizes
    without = (s.sum(0) - s) / (n.sum(0) - n)
    away = without.mean(0) - without
    acceleration = (away**3).sum(0) / (6 * (away**2).sum(0) ** 1.5)
    below = np.clip((drawn < means.estimate).mean(0), 1e-4, 1 - 1e-4)
    bias = stats.norm.ppf(below)
    ends = []
    for z in stats.norm.ppf((0.025, 0.975)):
        level = stats.norm.cdf(bias + (bias + z) / (1 - acceleration * (bias + z)))
        ends.append(np.array([np.quantile(d, q) for d, q in zip(drawn.T, level, strict=True)]))
    return ends[0], ends[1]


def seconds_of_a_summary() -> dict[str, object]:
    records = ten_thousand_records()
    started, worked = time.perf_counter(), time.process_time()
    summary = summarize(records, StatisticsSettings(margins={"dt_mm": 3.4}), {"dice": "higher"})
    for write in (summary_json, summary_csv, summary_markdown):
        write(summary)
    return {
        "records": len(records),
        "scores": len({s.score for s in summary.scores}),
        "wall_s": round(time.perf_counter() - started, 2),
        "cpu_s": round(time.process_time() - worked, 2),
        "load_average": round(os.getloadavg()[0], 2),
    }


def ten_thousand_records() -> list[dict[str, object]]:
    """Ten methods, 500 patients, two cases each, nine scores."""
    rng = np.random.default_rng(0)
    names = (
        "dt_mm",
        "dr_deg",
        "rotation_deg",
        "tre_mm",
        "nmse_pct",
        "nmae_pct",
        "dice",
        "rot_mse",
    )
    records = []
    for patient in range(500):
        for case in range(2):
            for method in range(10):
                failed = rng.random() < 0.01
                scores = dict(zip(names, rng.gamma(2, 1 + method / 9, 8).tolist(), strict=True))
                records.append(
                    {
                        "dataset": "simulated",
                        "case": f"p{patient}-{case}",
                        "group": f"p{patient}",
                        "method": f"m{method}",
                        "status": "failed" if failed else "ok",
                        "scores": {} if failed else scores,
                        "runtime_s": float(rng.gamma(2, 1)),
                        "peak_memory_mb": None,
                    }
                )
    return records


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=4000)
    default = Path("benchmarks/results/statistics_calibration.jsonl")
    parser.add_argument("--out", type=Path, default=default)
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with options.out.open("w", encoding="utf-8") as stream:
        for patients in (5, 10, 20, 50, 200):
            for shape in SHAPES:
                record = experiment(patients, shape, options.runs, seed=patients)
                stream.write(json.dumps(record) + "\n")
                print(json.dumps(record), flush=True)
        record = seconds_of_a_summary()
        stream.write(json.dumps(record) + "\n")
        print(json.dumps(record))


if __name__ == "__main__":
    main()
