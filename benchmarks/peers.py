"""Methods to be measured beside each other: built, run and timed alike, on as many threads."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any

import numpy as np

from ants_script import AntsScript
from greedy import Greedy
from pairs import tre_mm
from regkit import Estimate, Pair, Registrar, RegkitError, Transform
from regkit.benchmark.memory import peak_mb, reset_peak, resident_mb
from regkit.geometry.grid import FloatArray
from regkit.parallel import THREAD_VARIABLES
from regkit.registration.initialization import initial_transform
from regkit.registration.pipeline import build_method
from regkit.registration.run import versions

# Other tools by the names that tables give them, each as its makers run it and at its best: the
# iterations of elastix' default and a quarter of them, both scripts of ANTs, and greedy with and
# without its own search over rotations.
TOOLS = ("elastix-64", "elastix-256", "ants-quick", "ants-full", "greedy", "greedy-search")
PEERS = ("mi", *TOOLS)
OURS = ("auto", "fast-mi", "fast-mi+iso")
METHODS = ",".join((*OURS, *PEERS))
PACKAGES = ("antspyx", "itk-elastix", "picsl_greedy", "numba")


@dataclass(frozen=True)
class From:
    """A method that starts from what a word of `--init` names, not from the headers."""

    start: str
    registrar: Registrar

    def register(self, pair: Pair) -> Estimate:
        """Return the method's estimate from that start."""
        start = initial_transform(self.start, pair)
        return self.registrar.register(replace(pair, initial=start))


def limit_threads(count: int) -> None:
    """Begin this script again with so many threads for every library, unless it has them."""
    names = (*THREAD_VARIABLES, "NUMBA_NUM_THREADS")
    wanted = dict.fromkeys(names, str(count)) | {"OMP_WAIT_POLICY": "PASSIVE"}
    if any(os.environ.get(name) != value for name, value in wanted.items()):
        os.environ.update(wanted)  # libraries read them when they are imported
        os.execv(sys.executable, [sys.executable, *sys.argv])


def built(names: Iterable[str], threads: int, **parameters: Any) -> dict[str, Registrar]:
    """Build methods by name (``mi``, ``mi@auto``), telling which cannot run here."""
    found: dict[str, Registrar] = {}
    for name in names:
        try:
            found[name] = _build(name, threads, parameters)
        except RegkitError as error:
            print(f"left out: {error}", file=sys.stderr)
    return found


def is_peer(name: str) -> bool:
    """Return True for the methods of others, regkit's access to SimpleITK and ANTs included."""
    return name in PEERS or name.startswith(("ants", "elastix"))


def _build(name: str, threads: int, parameters: dict[str, Any]) -> Registrar:
    bare, _, start = name.partition("@")
    if bare.startswith("greedy") and find_spec("picsl_greedy") is None:
        raise RegkitError(f"{bare} needs picsl_greedy: pip install picsl_greedy")
    registrar = _tool(bare, threads) if bare in TOOLS else _method(bare, threads, **parameters)
    return From(start, registrar) if start else registrar


def _tool(name: str, threads: int) -> Registrar:
    tool, _, setting = name.partition("-")
    if tool == "elastix":
        return _method("elastix-rigid", threads, iterations=int(setting))
    if tool == "ants":
        return AntsScript(setting)  # the environment tells its threads
    return Greedy(threads, searches=setting == "search")


def _method(name: str, threads: int, **parameters: Any) -> Registrar:
    return build_method(name, parameters, defaults={"threads": threads})


def attempt(
    registrar: Registrar, pair: Pair, truth: Transform, points: FloatArray
) -> dict[str, Any]:
    """Register a pair; return seconds, memory beyond what was held before, and errors in mm."""
    held = resident_mb(os.getpid())
    reset_peak()
    wall, cpu = time.perf_counter(), time.process_time()
    try:
        found = registrar.register(pair).transform
        error = ""
    except Exception as problem:  # whatever stops a peer is a failure of it
        error = f"{type(problem).__name__}: {(str(problem).splitlines() or [''])[0]}"
    spent = {
        "wall_s": round(time.perf_counter() - wall, 4),
        "cpu_s": round(time.process_time() - cpu, 4),
        "extra_mb": round(max(peak_mb() - held, 0.0), 1),
        "error": error,
    }
    if error:
        return spent
    apart = tre_mm(found, truth, points)
    return {**spent, "tre_mm": float(apart.mean()), "tre_max_mm": float(apart.max())}


def conditions() -> dict[str, Any]:
    """Return what a measurement depends on: threads, the machine's load, versions."""
    return {
        "threads": int(os.environ.get(THREAD_VARIABLES[0], "0")),
        "load_average": round(os.getloadavg()[0], 2),
        "versions": {**versions(), **{name: _version(name) for name in PACKAGES}},
    }


def errors_mm(records: Iterable[dict[str, Any]]) -> FloatArray:
    """Return the mean TRE of every record, infinite where a method stopped with an error."""
    return np.array([record.get("tre_mm", np.inf) for record in records])


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
