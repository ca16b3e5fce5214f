"""Kill every command that writes at random moments, and look at what the next run leaves.

    python benchmarks/kills.py [--kills 200] [--seed 0] [--only batch-2] [--data FOLDER]

Each command works on tiny inputs and runs alone twice: the second run, in which nothing is
compiled any more, tells its duration; files that are the same in both must always come out so.
Then it is ended by SIGKILL at a random moment of this duration and started again, until a run ends
by itself; after five kills it is left alone. The folder must then hold what a run alone leaves,
with one record of each case and method. The command with the fewest kills is next, so that all
have as many. Only the command itself is killed: processes that it started have 5 s to notice and
end. Each kill is one line of benchmarks/results/kills.jsonl, a table with the sums in kills.md.
Exit code 1: one of these is not 0:

lost       records that were there after a kill and are gone or changed; missing and other files
doubled    records of one case and method beyond the first
leftovers  files that a run alone does not leave, and processes that still run
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")


import records
from regkit import Grid, rigid
from regkit.benchmark.records import RECORDS_FILE
from regkit.datasets.folder import write_dataset
from regkit.io import write_volume
from regkit.io.transforms import write_transform
from regkit.testing.phantom import thorax

RESULTS = Path(__file__).parent / "results" / "kills.jsonl"
CASES = 3
# Kills in one folder, after which a run is left alone; chosen by hand.
KILLS_IN_FOLDER = 5
# What a run alone leaves: the sha256 of each file, empty where it differs from run to run.
Files = dict[str, str]
# Seconds in which the processes of a killed command end; chosen by hand.
END_S = 5.0


@dataclass(frozen=True)
class Command:
    """A command that is killed.

    Parameters
    ----------
    name
        Name in the results.
    words
        Function that returns the words of the command line for an output folder.
    codes
        Exit codes of a run that ended by itself.
    """

    name: str
    words: Callable[[Path], list[str]]
    codes: tuple[int, ...] = (0,)


def commands(data: Path, scheduler: str) -> list[Command]:
    """Return all commands, with inputs from a folder of `write_inputs`."""
    pair = [str(data / "fixed-0.nii.gz"), str(data / "moving-0.nii.gz")]
    heart = [str(next((data / "hearts").glob("*/moving.nii.gz")))]
    heart += ["--labels", heart[0].replace("moving.nii.gz", "moving_labels.nii.gz")]
    benchmark = ["benchmark", str(data / "dataset.json"), "-m", "identity,moments"]
    batch = ["batch", str(data / "pairs.csv"), "-m", "identity"]
    train = ["train", "attention-reg", "--data", str(data / "prostates"), "--steps", "3"]
    train += ["--set", "contrastive_steps=1", "--threads", "1", "--resume"]
    simulate = ["simulate", "mr-us", "-n", "3", "--set", "size=24"]

    def to(*words: str) -> Callable[[Path], list[str]]:
        return lambda out: [*words, "-o", str(out)]

    return [
        Command("register", lambda out: ["register", *pair, "-m", "identity", "-o", f"{out}/a"]),
        Command("batch-1", to(*batch, "--workers", "1")),
        Command("batch-2", to(*batch, "--workers", "2")),
        Command("batch-dask", to(*batch, "--dask", scheduler)),
        Command("benchmark-1", to(*benchmark, "--workers", "1")),
        Command("benchmark-2", to(*benchmark, "--workers", "2")),
        Command("benchmark-dask", to(*benchmark, "--dask", scheduler)),
        Command("train", to(*train)),
        Command("simulate", to(*simulate)),
        Command("reorient", lambda out: ["reorient", *heart, "-o", f"{out}/a"], (0, 3)),
    ]


def write_inputs(data: Path) -> None:
    """Write pairs with a table, prostates to train on and a heart to reorient."""
    data.mkdir(parents=True)
    grid = Grid((20, 18, 20), (18.0, 18.0, 18.0), (-170.0, -150.0, -170.0))
    entries = []
    for number in range(CASES):
        truth = rigid((0, 0, 3.0 * number), (4.0, 2.0 * number, 0))
        names = {role: f"{role}-{number}.nii.gz" for role in ("fixed", "moving")}
        write_volume(thorax(grid, "pet"), data / names["fixed"])
        write_volume(thorax(grid, "ct", truth), data / names["moving"])
        write_transform(truth, data / f"truth-{number}.tfm")
        known = {"truth": f"truth-{number}.tfm", "fixed_modality": "pet", "moving_modality": "ct"}
        entries.append({"id": f"case-{number}", **names, **known})
    write_dataset(data, "pairs", entries)
    lines = [f"{e['id']},{e['fixed']},{e['moving']}" for e in entries]
    (data / "pairs.csv").write_text("\n".join(["id,fixed,moving", *lines]) + "\n")
    for dataset, folder, size in (("mr-us", "prostates", 48), ("lv-spect", "hearts", 0)):
        words = ["simulate", dataset, "-n", "2", "-o", str(data / folder)]
        words += ["--set", f"size={size}"] if size else []
        subprocess.run(_program(words), check=True, stdout=subprocess.DEVNULL)


def _program(words: list[str]) -> list[str]:
    return [sys.executable, "-P", "-m", "regkit", "--quiet", *words]


def files_of(folder: Path) -> Files:
    """Return the files and empty folders in a folder."""
    return {
        path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest()
        if path.is_file()
        else ""
        for path in folder.rglob("*")
        if path.is_file() or not any(path.iterdir())
    }


def whole_records(folder: Path) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Return the records of whole lines by case and method."""
    file = folder / RECORDS_FILE
    lines = file.read_bytes().split(b"\n")[:-1] if file.exists() else []
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for record in map(json.loads, lines):
        found.setdefault((record["case"], record["method"]), []).append(record)
    return found


def processes_in(folder: Path) -> list[int]:
    """Return the processes whose command line or environment names a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            told = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue
        if str(folder).encode() in told and int(process.name) != os.getpid():
            found.append(int(process.name))
    return found


def _environment(folder: Path) -> dict[str, str]:
    """Return an environment that all processes of a command inherit, and are found by."""
    return {**os.environ, "REGKIT_KILLS": str(folder)}


def killed_runs(
    command: Command, home: Path, alone: Files, duration: float, seed: int
) -> list[dict[str, Any]]:
    """Kill a command until a run ends by itself; return a line for each kill."""
    generator, out = random.Random(seed), home / "out"
    lines: list[dict[str, Any]] = []
    known: dict[tuple[str, str], list[dict[str, Any]]] = {}
    code = None
    while code is None:
        out.mkdir(parents=True, exist_ok=True)
        after_s = generator.uniform(0, duration)
        code = _run(command, out, after_s if len(lines) < KILLS_IN_FOLDER else None)
        found = whole_records(out)
        if code is None:
            lines.append(_line(command, seed, after_s, known, found) | {"running": _running(out)})
            known = found
    last = _line(command, seed, 0.0, known, found)
    files = files_of(out)
    last["missing"] = sorted(alone.keys() - files.keys())
    last["other"] = sorted(n for n, same in alone.items() if same and files.get(n, same) != same)
    last["lost"] += len(last["missing"]) + len(last["other"]) + (code not in command.codes)
    last["leftovers"] = sorted(files.keys() - alone.keys())
    if lines:  # what the last run found is of the last kill
        lines[-1] = {**lines[-1], **_summed(lines[-1], last), "exit_code": code}
    return lines


def _line(
    command: Command, seed: int, after_s: float, known: dict[Any, Any], found: dict[Any, Any]
) -> dict[str, Any]:
    lost = sum(key not in found or found[key][-1] != known[key][-1] for key in known)
    doubled = sum(len(same) - 1 for same in found.values())
    home = {"command": command.name, "seed": seed, "after_s": round(after_s, 3)}
    return home | {"records": len(found), "lost": lost, "doubled": doubled}


def _summed(line: dict[str, Any], last: dict[str, Any]) -> dict[str, Any]:
    lists = {key: last[key] for key in ("leftovers", "missing", "other")}
    return lists | {"lost": line["lost"] + last["lost"], "doubled": last["doubled"]}


def _run(command: Command, out: Path, after_s: float | None) -> int | None:
    """Run a command; return its exit code, None if it was killed."""
    process = subprocess.Popen(
        _program(command.words(out)),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=_environment(out),
        start_new_session=True,
    )
    try:
        return process.wait(after_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return None


def _running(out: Path) -> int:
    """Return the number of processes that still run some time after their command was killed."""
    deadline = time.monotonic() + END_S
    while (found := processes_in(out)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return len(found)


@contextmanager
def cluster(home: Path) -> Iterator[str]:
    """Start a dask scheduler with one worker; yield its scheduler file."""
    file = home / "scheduler.json"
    dask = [sys.executable, "-P", "-m", "dask"]
    common = ["--scheduler-file", str(file), "--no-dashboard"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": str(home)}
    started = [
        subprocess.Popen([*dask, "scheduler", *common, "--port", "0"], **quiet),
        subprocess.Popen([*dask, "worker", *common, "--nthreads", "1", "--no-nanny"], **quiet),
    ]
    try:
        while not file.exists():
            time.sleep(0.1)
        yield str(file)
    finally:
        for process in reversed(started):
            process.terminate()
            process.wait()


def table(lines: list[dict[str, Any]]) -> str:
    """Return the sums over all kills of each command."""
    names = dict.fromkeys(line["command"] for line in lines)
    rows = []
    for name in (*names, "all"):
        mine = [line for line in lines if name in (line["command"], "all")]
        sums = Counter({key: sum(line[key] for line in mine) for key in ("lost", "doubled")})
        left = sum(map(_left, mine))
        rows.append((name, len(mine), sums["lost"], sums["doubled"], left))
    return records.markdown(("command", "kills", "lost", "doubled", "leftovers"), rows)


def _left(line: dict[str, Any]) -> int:
    """Return the number of files and processes that are left after a kill."""
    return len(line.get("leftovers", ())) + line["running"]


def measure(command: Command, home: Path) -> tuple[Files, float]:
    """Run a command alone, twice; return its files and its duration in seconds."""
    out, runs = home / "out", []
    for _ in range(2):
        out.mkdir(parents=True)
        started = time.monotonic()
        code = _run(command, out, None)
        duration = time.monotonic() - started
        if code not in command.codes:
            raise SystemExit(f"{command.name} ended with {code}: {' '.join(command.words(out))}")
        runs.append(files_of(out))
        shutil.rmtree(home)
    first, second = runs
    return {n: known if first.get(n) == known else "" for n, known in second.items()}, duration


def main() -> None:
    """Kill commands in turn until there are as many kills as asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", help="name of one command")
    parser.add_argument("--data", type=Path, help="folder that stores the inputs between runs")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="regkit-kills-"))
    lines: list[dict[str, Any]] = []
    options.out.unlink(missing_ok=True)
    try:
        data = (options.data or home / "data").resolve()
        if not data.exists():
            write_inputs(data)
        needs_dask = (options.only or "dask").endswith("dask")
        with cluster(home) if needs_dask else nullcontext("") as scheduler:
            chosen = [
                command
                for command in commands(data, scheduler)
                if options.only in (None, command.name)
            ]
            alone: dict[Command, tuple[Files, float]] = {}
            kills = dict.fromkeys(chosen, 0)
            for seed in count(options.seed):
                if len(lines) >= options.kills:
                    break
                command = min(chosen, key=kills.__getitem__)
                if command not in alone:
                    alone[command] = measure(command, home / "run")
                new = killed_runs(command, home / "run", *alone[command], seed)
                shutil.rmtree(home / "run", ignore_errors=True)
                kills[command] += len(new)
                lines += new
                for line in new:
                    records.append(options.out, line)
                    print(json.dumps(line), file=sys.stderr)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    records.write_table(options.out, table(lines))
    sys.exit(any(line["lost"] or line["doubled"] or _left(line) for line in lines))


if __name__ == "__main__":
    main()
