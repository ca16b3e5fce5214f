"""What regkit makes of damaged files: refused in one line, read as before, or worse.

    python benchmarks/fuzz.py [--seconds 300 | --files 20000] [--seed 0] [--keep FOLDER]
    python benchmarks/fuzz.py --table

Good files of every format (fuzz_files.py) are changed: flipped bits, other bytes, bytes removed,
doubled or cut off, numbers and lines of text replaced by hostile ones. A process of its own reads
each; it is ended after 5 s of CPU time. One line per format goes to benchmarks/results/fuzz.jsonl:
how many were refused, read as before, read otherwise with a warning (`told`), or without a word
(`changed` where no checksum could tell, `silent` where one should have), and how many crashed,
hung, or raised what is no RegkitError of one printable line (`foreign`). `--keep` keeps the files
of the last four kinds; each file has a seed of its own, counted from `--seed`, which is printed.
Exit code 1: there was one of these.
"""

from __future__ import annotations

import argparse
import json
import logging
import random
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import suppress
from itertools import cycle
from pathlib import Path
from typing import Any

import records
from fuzz_files import GoodFile, digest, good_files

CPU_S, WALL_S = 5.0, 120.0
OUTCOMES = ("refused", "same", "told", "changed", "silent", "crash", "hang", "foreign")
BAD = OUTCOMES[4:]
COLUMNS = ("format", "files", *OUTCOMES)
WORDS = (
    *(b"-1", b"0", b"99999999999999999999", b"1e308", b"nan", b"inf", b"%n%s", b"../../x", b"-"),
    *(b"/dev/stdin", b"A" * 2000, b"\xff\xfe", b"\x1b[31m", b"[" * 3000, b"\x00", b"1" * 5000),
)


def mutated(content: bytes, chance: random.Random) -> bytes:
    """Return damaged content."""
    changes = (_flip, _flip, _other_bytes, _remove, _double, _cut, _other_word, _other_line)
    for _ in range(chance.choice((1, 1, 1, 2, 5))):
        content = chance.choice(changes)(content, chance)
    return content


def _flip(content: bytes, chance: random.Random) -> bytes:
    changed, bit = bytearray(content), chance.randrange(max(8 * len(content), 1))
    if content:
        changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def _other_bytes(content: bytes, chance: random.Random) -> bytes:
    at, count = chance.randrange(len(content) + 1), chance.choice((1, 1, 2, 4, 8))
    fill = chance.choice((b"\x00", b"\xff", b"\x7f", chance.randbytes(1))) * count
    return content[:at] + fill + content[at + count :]


def _remove(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(content) + 1)
    return content[:at] + content[at + chance.choice((1, 3, 20, 200)) :]


def _double(content: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(content) + 1)
    return content[:at] + content[at : at + chance.choice((1, 20, 500))] + content[at:]


def _cut(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content) + 1)]


def _other_word(content: bytes, chance: random.Random) -> bytes:
    words = list(re.finditer(rb"[\w.+-]+", content[:4096]))
    if not words:
        return content
    word = chance.choice(words)
    return content[: word.start()] + chance.choice(WORDS) + content[word.end() :]


def _other_line(content: bytes, chance: random.Random) -> bytes:
    lines = content.split(b"\n")
    at = chance.randrange(min(len(lines), 40))
    lines[at] = chance.choice((b"", lines[chance.randrange(len(lines))], lines[at] * 2))
    return b"\n".join(lines)


class Worker:
    """A process that reads files; it is started again after it ended."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, reader: str, path: Path) -> dict[str, Any]:
        """Return what became of a file."""
        if self._process is None or self._process.poll() is not None:
            command = [sys.executable, __file__, "--worker"]
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
        process = self._process
        request = json.dumps({"reader": reader, "path": str(path)})
        with suppress(OSError):
            process.stdin.write(request.encode() + b"\n")
            process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], WALL_S)
        line = process.stdout.readline() if ready else b""
        if line.endswith(b"\n"):
            return json.loads(line)
        process.kill()
        code = process.wait()
        hung = not ready or code == -signal.SIGPROF
        return {"outcome": "hang" if hung else "crash", "text": f"exit code {code}"}

    def end(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()


class Warnings(logging.Handler):
    """Count the warnings of one file."""

    count = 0

    def emit(self, record: logging.LogRecord) -> None:  # noqa: ARG002
        """Count a warning."""
        self.count += 1


def work() -> None:
    """Read the files that standard input names; answer with a line of JSON each."""
    warnings = Warnings(logging.WARNING)
    log = logging.getLogger("regkit")
    log.addHandler(warnings)
    log.propagate = False
    stdout, sys.stdout = sys.stdout, sys.stderr
    for line in sys.stdin:
        request = json.loads(line)
        warnings.count = 0
        signal.setitimer(signal.ITIMER_PROF, CPU_S)
        answer = _outcome(request["reader"], Path(request["path"]))
        signal.setitimer(signal.ITIMER_PROF, 0)
        print(json.dumps(answer | {"warned": warnings.count > 0}), file=stdout, flush=True)


def _outcome(reader: str, path: Path) -> dict[str, Any]:
    from regkit.errors import RegkitError

    try:
        return {"outcome": "read", "digest": digest(reader, path)}
    except RegkitError as error:
        text = str(error)
        outcome = "refused" if text.isprintable() else "foreign"
        return {"outcome": outcome, "text": f"message: {text[:300]!r}"}
    except BaseException as error:
        return {"outcome": "foreign", "text": f"{type(error).__name__}: {str(error)[:300]}"}


def judged(good: GoodFile, right: str, answer: dict[str, Any]) -> str:
    """Return the outcome of a damaged file."""
    if answer["outcome"] != "read":
        return answer["outcome"]
    if answer["digest"] == right:
        return "same"
    if answer["warned"]:
        return "told"
    return "silent" if good.checked else "changed"


def cases(
    goods: list[GoodFile], seed: int, seconds: float, files: int | None
) -> Iterator[tuple[GoodFile, int]]:
    """Yield good files in turn, each with the seed of its damage: so many, or for some time."""
    end = time.monotonic() + seconds
    for number, good in enumerate(cycle(goods)):
        if number == files or (files is None and time.monotonic() > end):
            return
        yield good, seed + number


def damage(good: GoodFile, seed: int, folder: Path) -> Path:
    """Make a damaged copy of a case; return the path that is read."""
    chance = random.Random(seed)
    shutil.copytree(good.folder, folder)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    is_listed = good.reader in ("table", "dataset")
    file = next(f for f in files if f.suffix != ".nii") if is_listed else chance.choice(files)
    file.write_bytes(mutated(file.read_bytes(), chance))
    return folder / good.read


def run(
    seconds: float, files: int | None, seed: int, keep: Path | None
) -> dict[str, Counter[str]]:
    """Return the outcomes by format."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    worker = Worker()
    with tempfile.TemporaryDirectory() as scratch:
        goods = list(good_files(Path(scratch) / "good"))
        right = {good.name: worker.ask(good.reader, good.folder / good.read) for good in goods}
        for good, own_seed in cases(goods, seed, seconds, files):
            folder = Path(scratch) / "damaged"
            answer = worker.ask(good.reader, damage(good, own_seed, folder))
            outcome = judged(good, right[good.name]["digest"], answer)
            counts[good.name][outcome] += 1
            if outcome in BAD:
                print(f"{outcome}: {good.name}, seed {own_seed}: {answer.get('text', '')}")
                if keep:
                    shutil.copytree(folder, keep / f"{outcome}-{own_seed}", dirs_exist_ok=True)
            shutil.rmtree(folder)
    worker.end()
    return counts


def table(found: list[dict[str, Any]]) -> str:
    """Lay out the lines, with their sum."""
    names = ("files", *OUTCOMES)
    total = {"format": "all", **{name: sum(row[name] for row in found) for name in names}}
    return records.markdown(COLUMNS, ([row[c] for c in COLUMNS] for row in (*found, total)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--files", type=int, help="number of files, in place of seconds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder of the files that went wrong")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/fuzz.jsonl"))
    parser.add_argument("--table", action="store_true", help="print the table of the file only")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work()
        return
    if not options.table:
        counts = run(options.seconds, options.files, options.seed, options.keep)
        options.out.unlink(missing_ok=True)
        for name, count in counts.items():
            outcomes = {outcome: count[outcome] for outcome in OUTCOMES}
            files = {"files": count.total(), "seed": options.seed}
            records.append(options.out, {"format": name, **files, **outcomes})
    found = records.read(options.out)
    records.write_table(options.out, table(found))
    sys.exit(any(row[outcome] for row in found for outcome in BAD))


if __name__ == "__main__":
    main()
