"""A plugin whose methods do on one of the cases what methods do at night."""

from __future__ import annotations

import fcntl
import math
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from regkit import AffineTransform, Case, Estimate, Grid, Pair, Volume
from regkit.geometry.transform import DisplacementField
from regkit.plugin import DatasetSpec, MethodSpec, MetricSpec, hookimpl

GRID = Grid((10, 10, 10), (4.0, 4.0, 4.0))
TRUTH = AffineTransform.shift((3.0, 0.0, 0.0))


def number_of(pair: Pair) -> int:
    """Which case a pair is of: it is written in the corner."""
    return int(pair.fixed.array[0, 0, 0])


@dataclass(frozen=True)
class ToyCases:
    """Two cases of each patient, the first of them number 0."""

    n: int = 3
    unreadable: int = -1
    name: str = "toy-cases"

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(f"case-{i}" for i in range(self.n))

    def __len__(self) -> int:
        return self.n

    def __iter__(self) -> Iterator[Case]:
        return map(self.case, range(self.n))

    def case(self, index: int) -> Case:
        if index == self.unreadable:
            raise OSError("the disk is on fire")
        array = np.random.default_rng(index).random(GRID.shape_zyx) + 1000
        array[0, 0, 0] = index
        pair = Pair(Volume(array, GRID), Volume(array, GRID))
        return Case(f"case-{index}", pair, TRUTH, group=f"p{index // 2}")


@dataclass(frozen=True)
class Streamed:
    """The same cases, to be had only in their order."""

    cases: ToyCases = ToyCases()
    name: str = "toy-stream"

    def __len__(self) -> int:
        return len(self.cases)

    def __iter__(self) -> Iterator[Case]:
        return iter(self.cases)


@dataclass(frozen=True)
class Fine:
    """Misses the truth by as many tenths of a millimetre as the case's number says."""

    seconds: float = 0.0
    worse_by: float = 0.0
    seed: int = 0

    def register(self, pair: Pair) -> Estimate:
        sys.stdout.write("a method may say what it likes\n")
        time.sleep(self.seconds)
        miss = 0.1 * number_of(pair) + self.worse_by
        return Estimate(AffineTransform.shift((miss, 0.0, 0.0)) @ TRUTH)


@dataclass(frozen=True)
class Misbehaving(Fine):
    """Fine, but for one case."""

    bad: int = 1
    kind: str = field(default="", kw_only=True)

    def register(self, pair: Pair) -> Estimate:
        if number_of(pair) == self.bad:
            return self.misbehave()
        return super().register(pair)

    def misbehave(self) -> Estimate:
        raise ValueError("told to fail\nand to say more")


class Segfaults(Misbehaving):
    def misbehave(self) -> Estimate:
        os.kill(os.getpid(), signal.SIGSEGV)
        raise AssertionError


class Exits(Misbehaving):
    def misbehave(self) -> Estimate:
        os.write(2, b"\x1b[31mgoing home\x1b[0m\n\n")
        os._exit(7)


class CallsExit(Misbehaving):
    def misbehave(self) -> Estimate:
        sys.exit(3)


class Hangs(Misbehaving):
    def misbehave(self) -> Estimate:
        time.sleep(1e6)
        raise AssertionError


class Eats(Misbehaving):
    """Grows to half a gigabyte and waits to be ended; were it not, it would give up."""

    def misbehave(self) -> Estimate:
        hoard = []
        while len(hoard) < 50:
            hoard.append(np.ones(10_000_000, np.uint8))
            time.sleep(0.02)
        time.sleep(60)
        raise AssertionError


GREEDY = """
import time
hoard = []
while len(hoard) < 50:
    hoard.append(bytearray(b"x" * 10_000_000))
    time.sleep(0.02)
time.sleep(60)
"""


class LetsEat(Misbehaving):
    """Starts another program, which grows until it is ended."""

    def misbehave(self) -> Estimate:
        subprocess.run([sys.executable, "-c", GREEDY], check=True)
        raise AssertionError


class Scribbles(Fine):
    """Writes into the images it was given."""

    def register(self, pair: Pair) -> Estimate:
        pair.moving.array.setflags(write=True)
        pair.moving.array[:] = 1
        return Estimate(TRUTH)


class Forks(Fine):
    """Its copy comes back as well, sooner than itself and with another answer."""

    def register(self, pair: Pair) -> Estimate:
        if os.fork() == 0:
            return Estimate(AffineTransform.shift((99.0, 0.0, 0.0)) @ TRUTH)
        os.wait()
        return super().register(pair)


@dataclass(frozen=True)
class Boundless(Fine):
    """Has parameters that JSON cannot hold."""

    longest: float = math.inf
    unknown: float = math.nan


class RunsOut(Misbehaving):
    def misbehave(self) -> Estimate:
        return Estimate(np.ones((1 << 50,)))


class WrongType(Misbehaving):
    def misbehave(self) -> Estimate:
        return "somewhere over there"


class Warps(Fine):
    """Returns a transform that is not linear."""

    def register(self, pair: Pair) -> Estimate:
        shift = np.broadcast_to((3.0, 0.0, 0.0), (*GRID.shape_zyx, 3))
        return Estimate(DisplacementField(shift, GRID))


class Clocked(Fine):
    """Tells as its device when it began and ended."""

    def register(self, pair: Pair) -> Estimate:
        began = time.monotonic()
        time.sleep(0.1)
        return Estimate(TRUTH, diagnostics={"device": f"{began} {time.monotonic()}"})


def reply_pipes() -> list[int]:
    """Pipes of this process that can be written to, the one to the benchmark among them."""
    found = []
    for number in (int(path.name) for path in [*Path("/proc/self/fd").iterdir()]):
        try:
            is_pipe = stat.S_ISFIFO(os.fstat(number).st_mode)
            mode = fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE
        except OSError:
            continue
        if is_pipe and mode == os.O_WRONLY:
            found.append(number)
    return found


class Babbles(Misbehaving):
    """Writes something to the benchmark that is no reply."""

    said = b"\xff{] no reply\n"

    def misbehave(self) -> Estimate:
        for pipe in reply_pipes():
            os.write(pipe, self.said)
        time.sleep(1e6)
        raise AssertionError


class Forges(Babbles):
    """Writes a record of its own."""

    said = b'{"done": {"status": "ok", "scores": {"tre_mm": 0.0}}, "case": "case-1"}\n'


class HangsUp(Misbehaving):
    def misbehave(self) -> Estimate:
        for pipe in reply_pipes():
            os.close(pipe)
        time.sleep(1e6)
        raise AssertionError


class Flatters(Fine):
    """Misses by 7 mm and replaces what scores and judges by something kinder."""

    def register(self, pair: Pair) -> Estimate:
        def kind(*_: object, **__: object) -> dict[str, float]:
            return {"tre_mm": 0.0, "dt_mm": 0.0}

        for module in [*sys.modules.values()]:
            for name in ("evaluate", "judged", "assess"):
                if hasattr(module, name) and module.__name__.startswith("regkit."):
                    setattr(module, name, kind)
        return Estimate(AffineTransform.shift((7.0, 0.0, 0.0)) @ TRUTH)


@dataclass(frozen=True)
class Leaves(Fine):
    """Leaves a program behind, in a session of its own and without its parent."""

    tell: str = ""

    def register(self, pair: Pair) -> Estimate:
        program = "import subprocess, sys; print(subprocess.Popen([sys.executable, '-c', "
        program += "'import time; time.sleep(1e6)'], stdout=-3, stderr=-3, "
        program += "start_new_session=True).pid)"
        started = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True
        )
        with Path(self.tell).open("a") as file:
            file.write(started.stdout)
        if number_of(pair) == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().register(pair)


def broken_metric(evaluation) -> float:
    raise ZeroDivisionError("no labels, no mercy")


def endless_metric(evaluation) -> float:
    return float("inf")


TOYS = {
    "fine": Fine,
    "raises": Misbehaving,
    "segfaults": Segfaults,
    "exits": Exits,
    "calls-exit": CallsExit,
    "hangs": Hangs,
    "eats": Eats,
    "lets-eat": LetsEat,
    "scribbles": Scribbles,
    "forks": Forks,
    "boundless": Boundless,
    "runs-out": RunsOut,
    "wrong-type": WrongType,
    "warps": Warps,
    "clocked": Clocked,
    "babbles": Babbles,
    "forges-records": Forges,
    "hangs-up": HangsUp,
    "flatters": Flatters,
    "leaves": Leaves,
}


@hookimpl
def regkit_methods():
    toys = [MethodSpec(name=n, target=f"misbehaving:{t.__name__}") for n, t in TOYS.items()]
    return [
        *toys,
        MethodSpec(name="needy", target="misbehaving:Fine", requires={"no_such_package": "nsp"}),
        MethodSpec(name="dies-early", target="dies_on_import:Fine"),
    ]


@hookimpl
def regkit_metrics():
    return [
        MetricSpec(name="broken", target="misbehaving:broken_metric"),
        MetricSpec(name="endless", target="misbehaving:endless_metric"),
    ]


@hookimpl
def regkit_datasets():
    return [
        DatasetSpec(name="toy-cases", target="misbehaving:ToyCases"),
        DatasetSpec(name="toy-stream", target="misbehaving:Streamed"),
    ]
