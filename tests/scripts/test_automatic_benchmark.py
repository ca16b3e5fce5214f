"""The benchmark of `auto` runs on a set, and its table compares with the best single method."""

import json

import numpy as np
import pytest

import automatic
import records
from phantoms import small_pair
from regkit import IDENTITY, rigid


def _runs(name, **errors):
    return [
        {"set": name, "run": "b", "pair": str(k), "method": method, "error": "", "miss": miss}
        for method, misses in errors.items()
        for k, miss in enumerate(misses)
    ]


def test_the_ratio_is_to_the_best_of_the_others():
    found = _runs("brains", auto=[1.0, 3.0], mi=[4.0, 6.0], identity=[1.0, 4.0])
    found.append({**found[0], "run": "a", "miss": 99.0})
    row = automatic.table(found[::-1]).splitlines()[-1]
    assert "| `identity` | 0.80 |" in row


def test_a_method_that_stops_has_no_mean():
    found = _runs("brains", auto=[1.0], mi=[4.0])
    found += [{**found[0], "method": "identity", "error": "stopped"}]
    assert automatic.table(found).splitlines()[-1].endswith("| `mi` | 0.25 |")


def test_a_run_writes_the_miss_or_the_error(tmp_path):
    pair = small_pair(IDENTITY)
    trial = automatic.Trial("one", pair, lambda found: float(found is IDENTITY))
    assert automatic.run("identity", trial)["miss"] == 1.0
    assert "no method is called" in automatic.run("nothing", trial)["error"]
    out = tmp_path / "automatic.jsonl"
    records.append(out, {"set": "x"} | automatic.run("identity", trial))
    assert json.loads(out.read_text())["used"] == ""


def test_exchanged_images_have_the_error_of_the_inverse_map():
    there = rigid(translation_mm=(3.0, 0.0, -4.0))
    at = np.zeros((1, 3))
    trial = automatic.Trial("one", small_pair(there), automatic.tre(there, at))
    other = automatic.swapped(trial)
    assert (other.pair.fixed, other.pair.moving) == (trial.pair.moving, trial.pair.fixed)
    assert other.error(there.inverse()) == pytest.approx(0.0, abs=1e-9)
    assert other.error(there) == pytest.approx(10.0)
