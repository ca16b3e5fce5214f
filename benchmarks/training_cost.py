"""What a step of training costs: seconds, memory of the GPU, and how long the whole would take.

    python benchmarks/training_cost.py [METHOD ...] [--preset paper] [--steps 40] [--device auto]
    python benchmarks/training_cost.py --logs DIR/log.json ... --on "NAME OF THE GPU"
    python benchmarks/training_cost.py --table

The first form runs `regkit train` for so many steps on a few simulated cases; the second takes the
logs of such trainings from another machine. A step counts from the second half of the log on, when
kernels are compiled and chosen. Lines go to benchmarks/results/training_cost.jsonl, and a table of
all of them to training_cost.md beside it.
"""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from records import append, markdown, read

OUT = Path(__file__).parent / "results" / "training_cost.jsonl"
DATA = {
    "dvnet": "spect-ct",
    "msreg": "spect-ct",
    "densenet": "spect-ct",
    "densenet-nonlocal": "spect-ct",
    "dusfe": "spect-ct",
    "attention-reg": "mr-us",
}
COLUMNS = ("method", "preset", "parameters", "on", "batch", "s a step", "GPU MB", "steps", "hours")


def log_of(method: str, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Train a little; return what the log says."""
    words = ["train", method, "--data", DATA[method], "-o", str(folder / method)]
    words += ["--cache", str(options.cache or folder / "cache"), "--preset", options.preset]
    words += ["--steps", str(options.steps), "--device", options.device]
    choices = [f"cases={options.cases}", "validation_cases=1", "log_every=1"]
    for choice in choices:
        words += ["--set", choice]
    subprocess.run([sys.executable, "-m", "regkit", *words], check=True)
    return dict(json.loads((folder / method / "log.json").read_text(encoding="utf-8")))


def preset_of(command: str) -> str:
    words = command.split()
    return words[words.index("--preset") + 1]


def record(log: dict[str, Any], on: str) -> dict[str, Any]:
    """Return what a step costs after the first half of a log, and what all steps would."""
    rows = [row for row in log["curve"] if "seconds" in row]
    first, last = rows[len(rows) // 2 - 1], rows[-1]
    return {
        "method": log["command"].split()[2],
        "preset": preset_of(log["command"]),
        "parameters": log["parameters"],
        "on": on or log.get("device_name") or platform.machine(),
        "torch": log["torch"],
        "threads": log["threads"],
        "batch": log["preset"]["batch_size"],
        "precision": log["preset"]["precision"],
        "s_per_step": (last["seconds"] - first["seconds"]) / (last["step"] - first["step"]),
        "gpu_memory_mb": log["gpu_memory_mb"],
    }


def whole_course(method: str, preset: str) -> int:
    """Return how many steps a preset has for a method."""
    import regkit_pairnets
    from regkit.learning import read_training_config
    from regkit.learning.training_job import TrainingJob
    from regkit.registry import default_registry
    from regkit_pairnets.train.config import PairNetConfig

    job = TrainingJob(method, DATA[method], Path(), default_registry(), preset=preset)
    return read_training_config(PairNetConfig, regkit_pairnets.__name__, job)[0].steps


def table(found: list[dict[str, Any]]) -> str:
    """Lay out the records as Markdown."""
    rows = []
    for r in found:
        steps = whole_course(r["method"], r["preset"])
        cost = (
            f"{r['s_per_step']:.3f}",
            f"{r['gpu_memory_mb']:.0f}" if r["gpu_memory_mb"] else "-",
        )
        whole = (steps, f"{steps * r['s_per_step'] / 3600:.1f}")
        name = f"`{r['method']}`"
        rows.append(
            (name, r["preset"], f"{r['parameters']:,}", r["on"], r["batch"], *cost, *whole)
        )
    return markdown(COLUMNS, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("methods", nargs="*", default=list(DATA), metavar="METHOD")
    parser.add_argument("--preset", default="paper")
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--cases", type=int, default=4)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--cache", type=Path, help="prepared cases, for later runs to share")
    parser.add_argument("--logs", nargs="+", type=Path, default=[], metavar="LOG.json")
    parser.add_argument("--on", default="", help="what the logs' machine computed on")
    parser.add_argument("--table", action="store_true")
    parser.add_argument("-o", "--output", type=Path, default=OUT)
    options = parser.parse_args()
    for log in options.logs:
        append(options.output, record(json.loads(log.read_text(encoding="utf-8")), options.on))
    if not (options.logs or options.table):
        with tempfile.TemporaryDirectory() as folder:
            for method in options.methods:
                log = log_of(method, Path(folder), options)
                append(options.output, record(log, options.on))
    found = table(read(options.output)) + "\n"
    options.output.with_suffix(".md").write_text(found, encoding="utf-8")
    print(found)


if __name__ == "__main__":
    main()
