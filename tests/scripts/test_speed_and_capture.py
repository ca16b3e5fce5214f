"""What the benchmarks of speed, capture range and cost write, repeat and lay out."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import capture
import cost
import pairs
import records
import speed
import thread_speed
from phantoms import SMALL, small_pair
from regkit import IDENTITY, Estimate, Pair, rigid
from regkit.registration.pipeline import build_method
from regkit.similarity.point_sample import values_at
from regkit.testing.phantom import thorax

SCRIPTS = Path(cost.__file__).parent
BODY = np.random.default_rng(0).uniform(-70, 70, (50, 3))


class Stays:
    """A method that counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def register(self, pair: Pair) -> Estimate:
        self.asked += 1
        return Estimate(IDENTITY)


def _real(name: str = "one") -> pairs.RealPair:
    pair = small_pair(IDENTITY)
    return pairs.RealPair("phantom", name, pair.fixed, pair.moving, BODY)


def _run(method: str, wall: float, tre: float | None, **more: object) -> dict[str, object]:
    error = {"error": "", "tre_mm": tre, "tre_max_mm": tre} if tre is not None else {"error": "!"}
    measured = {"run": "b", "size": "2mm", "method": method, "wall_s": wall, "cpu_s": 2 * wall}
    measured |= {"extra_mb": 7.4, "peak_mb": 99.6}
    return {**measured, **error, **more}


def _cells(table: str, method: str) -> list[str]:
    line = next(line for line in table.splitlines() if f"| {method} |" in line)
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_lines_come_back_as_written(tmp_path) -> None:
    path = tmp_path / "deep" / "lines.jsonl"
    assert records.read(path) == []
    written = [{"a": 1}, {"b": "ü", "c": [0.5]}]
    for record in written:
        records.append(path, record)
    assert records.read(path) == written


def test_every_method_meets_every_start_after_one_run_that_does_not_count(tmp_path) -> None:
    methods = {"a": Stays(), "b": Stays()}
    out = tmp_path / "speed.jsonl"
    common = {name: {"run": "x", "peak_mb": len(name)} for name in methods}
    speed.measure(methods, [_real("one"), _real("two")], 3, out, common)
    found = records.read(out)
    assert all(r["run"] == "x" and r["peak_mb"] == 1 for r in found)
    assert [method.asked for method in methods.values()] == [7, 7]
    assert len({(r["method"], r["pair"], r["seed"]) for r in found}) == len(found) == 12
    of = {(r["pair"], r["seed"], r["method"]): r["tre_mm"] for r in found}
    assert all(of[pair, seed, "a"] == of[pair, seed, "b"] for pair, seed, _ in of)
    assert len(set(of.values())) == 6


def test_ratios_are_to_the_cheapest_peer_that_is_as_exact() -> None:
    found = [_run("mi", 9.0, 0.1, run="a")]
    found += [_run("fast-mi", 0.5, tre) for tre in (0.2, 0.3, 3.0)]
    found += [_run("elastix-64", 1.0, tre) for tre in (0.31, 0.32, 0.2)]  # a little worse
    found += [_run("mi", 2.0, tre) for tre in (0.3, 0.2, 6.0)]
    found += [_run("ants-full", 8.0, 0.1)]
    found += [_run("greedy", 0.01, tre) for tre in (50.0, None, None)]
    table = speed.table(found)
    ours = ["2mm", "fast-mi", "3", "0.300", "3.00", "33 %", "0 %", "0", "0.500", "1.000"]
    assert _cells(table, "fast-mi") == [*ours, "0.25 mi", "0.25 mi", "100", "7"]
    assert _cells(table, "mi")[4:12] == ["6.00", "33 %", "33 %", "0", "2.000", "4.000", "", ""]
    assert _cells(table, "greedy")[3:8] == ["inf", "inf", "100 %", "100 %", "2"]


def test_where_no_peer_is_as_exact_the_ratio_is_to_the_most_exact() -> None:
    found = [_run("fast-mi", 0.5, 0.1), _run("mi", 2.0, 0.4), _run("elastix-64", 4.0, 0.2)]
    assert _cells(speed.table(found), "fast-mi")[10] == "0.12 elastix-64"


def test_every_size_has_its_own_last_run() -> None:
    found = [_run("mi", 1.0, 0.1, size="256", run="b"), _run("mi", 2.0, 0.2, size="2mm", run="a")]
    found += [_run("mi", 3.0, 0.3, size="64", run="c"), _run("mi", 4.0, 0.4, size="2mm", run="d")]
    cells = [line.split("|")[1:5:3] for line in speed.table(found).splitlines()[2:]]
    assert [[c.strip() for c in row] for row in cells] == [
        ["2mm", "0.400"], ["64", "0.300"], ["256", "0.100"]
    ]  # fmt: skip


@pytest.fixture
def phantom_task(monkeypatch) -> None:
    task = capture.Task(lambda data: iter([_real()]), 30.0, 60.0, 5.0, 4, 1)
    monkeypatch.setitem(capture.TASKS, "phantom", task)


@pytest.mark.usefixtures("phantom_task")
def test_captures_go_on_where_they_stopped(tmp_path) -> None:
    out, real = tmp_path / "capture.jsonl", [_real()]
    first, second = Stays(), Stays()
    capture.measure("phantom", {"first": first}, real, 2, out)
    capture.measure("phantom", {"first": first, "second": second}, real, 3, out)
    assert (first.asked, second.asked) == (3, 3)
    found = records.read(out)
    starts = {(r["seed"], r["start_tre_mm"]) for r in found}
    assert len(found) == 6
    assert len(starts) == 3
    # Who stays is off by what the start is off.
    assert all(r["tre_mm"] == pytest.approx(r["start_tre_mm"]) for r in found)
    assert all(r["start_rotation_deg"] <= 30 and r["start_offset_mm"] <= 60 for r in found)


@pytest.mark.usefixtures("phantom_task")
def test_peers_run_on_the_first_starts_and_what_is_dropped_is_measured_again(tmp_path) -> None:
    out, methods = tmp_path / "capture.jsonl", {"mi": Stays(), "ours": Stays()}
    capture.measure("phantom", methods, [_real()], None, out)
    assert [method.asked for method in methods.values()] == [1, 4]
    records.drop(out, set="phantom", method="mi")
    assert {r["method"] for r in records.read(out)} == {"ours"}
    capture.measure("phantom", methods, [_real()], None, out)
    assert [method.asked for method in methods.values()] == [2, 4]


def test_success_is_shown_by_distance() -> None:
    starts = (5, 15, 25, 119)
    found = [
        _run("mi", 1.0, tre, set="brain", start_tre_mm=begun, start_rotation_deg=170)
        for begun, tre in zip(starts, (0.5, 30.0, 1.0, None), strict=True)
    ]
    table = capture.tables(found, "start")
    cells = _cells(table, "mi")
    assert cells[:6] == ["brain", "mi", "4", "50.0 %", "15.50", "1"]
    assert cells[8:] == ["50 % of 2", "100 % of 1", "", "", "", "0 % of 1"]
    assert _cells(capture.tables(found, "rotation"), "mi")[-1] == "50 % of 4"


def test_cubes_show_the_same_brain() -> None:
    volume = thorax(SMALL, "ct")
    cube = cost.cube(volume, 46, SMALL.centre)
    assert cube.grid.shape_zyx == (46, 46, 46)
    assert cube.grid.extent == pytest.approx((230, 230, 230))
    inner = BODY / 2
    apart = values_at(cube, inner) - values_at(volume, inner)
    assert np.median(np.abs(apart)) < 25


def test_costs_are_laid_out_by_kind() -> None:
    size = _run("mi", 1.0, 0.5, what="size", size=64, memory_of_images=2.5)
    value = _run("mi", 1.0, 0.5, what="parameter", size=64, parameter="starts", value="8")
    command = {"what": "command", "method": "mi", "load": 0.5, "compute": 0.3, "save": 0.1}
    sizes, values, commands = cost.tables([size, value, command | {"wall": 2}]).split("\n\n")
    assert _cells(sizes, "mi") == ["mi", "64^3", "1.000", "2.000", "2.50", "0.50"]
    assert _cells(values, "mi") == ["mi", "64^3", "starts", "8", "1.000", "2.000", "0.50"]
    assert _cells(commands, "mi") == ["mi", "0.50", "0.30", "0.10", "0.50", "2.00"]


def test_two_threads_are_beside_one_and_their_results_compared() -> None:
    seconds = {"whole_1_s": 0.4, "whole_2_s": 0.2, "finest_1_s": 0.3, "finest_2_s": 0.1}
    slower = {**seconds, "whole_2_s": 0.25, "same": False}
    found = [{**seconds, "whole_1_s": 9.0, "run": "a", "size": "2mm", "same": True}]
    found += [{**one, "run": "b", "size": "2mm"} for one in (seconds | {"same": True}, slower)]
    whole, finest = thread_speed.table(found).splitlines()[2:]
    assert whole == "| 2mm | whole search | 2 | 0.4000 | 0.2250 | 1.80 | 1 of 2 |"
    assert finest == "| 2mm | finest level | 2 | 0.3000 | 0.1000 | 3.00 | 1 of 2 |"


def test_the_finest_level_is_a_part_of_the_search_and_threads_find_the_same() -> None:
    pair = small_pair(rigid((4.0, -3.0, 6.0), (12.0, -8.0, 10.0)))
    runs = [
        thread_speed.timed(build_method("fast-mi", {}, defaults={"threads": threads}), pair)
        for threads in (1, 2)
    ]
    assert all(0 < finest < whole for whole, finest, _ in runs)
    assert runs[0][2] == runs[1][2]


def _script(name: str, *words: str) -> str:
    command = [sys.executable, str(SCRIPTS / f"{name}.py"), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.mark.slow
def test_scripts_run_on_real_pairs(shared_data, tmp_path) -> None:
    common = ("--data", str(shared_data), "-m", "identity", "--threads", "1")
    files = {name: tmp_path / f"{name}.jsonl" for name in ("speed", "capture", "cost")}
    told = _script("speed", *common, "--seeds", "1", "--out", str(files["speed"]))
    assert _cells(told, "identity")[2] == "2"
    assert files["speed"].with_suffix(".md").read_text() == told[told.index("| size") :]
    words = ("--sets", "pet-ct", "--seeds", "1", "--out", str(files["capture"]))
    assert _cells(_script("capture", *common, *words), "identity")[2] == "8"
    words = ("--sizes", "32", "--runs", "1", "--out", str(files["cost"]))
    told = json.loads(_script("cost", "size", *common, *words).splitlines()[-1])
    assert told["images_mb"] == pytest.approx(2 * 32**3 * 4 / 1e6, abs=0.1)
    assert told["threads"] == 1
    words = ("command", *common, "--runs", "1", "--out", str(files["cost"]))
    assert json.loads(_script("cost", *words).splitlines()[-1])["wall"] > 0
    assert len(_script("cost", "--table", "--out", str(files["cost"])).split("\n\n")) == 2
