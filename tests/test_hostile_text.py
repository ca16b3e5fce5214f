"""Files of text whose values are of any type: what cannot be used is one line of a RegkitError."""

import itertools
import json
import math
from pathlib import Path

import pytest

from regkit.benchmark.case_source import DatasetRef
from regkit.benchmark.plan import Method, Plan, read_plan
from regkit.benchmark.records import RecordFile, new_record, read_records
from regkit.benchmark.summary import summarize_folder
from regkit.datasets.folder import read_dataset, write_dataset
from regkit.errors import RegkitError
from regkit.registration.calibration_card import calibrated_model
from regkit.registry import default_registry
from regkit.report.record_match import mismatches
from regkit.weights import find_weights

DEEP = json.loads("[" * 50 + "]" * 50)
ODD = (
    *(None, True, 0, -1, 1e308, math.inf, math.nan, 10**30, "", "\x1b[2J", "x" * 5000, "a\0b"),
    *([], [[]], [1, "a"], {}, {"a": {"b": []}}, DEEP),
)


def variants(content):
    """Yield plain data with one value, at any depth, replaced by each of the odd ones."""
    if isinstance(content, dict | list):
        for key in content if isinstance(content, dict) else range(min(len(content), 2)):
            for value in ODD:
                yield _with(content, key, value)
            for inner in variants(content[key]):
                yield _with(content, key, inner)


def _with(content, key, value):
    copy = content.copy()
    copy[key] = value
    return copy


def some(contents, every):
    """Return one in `every` of many contents: with a prime, of every key and odd value some."""
    return itertools.islice(contents, 0, None, every)


def accepted(read) -> bool:
    """Return whether something is read; it may only fail in one line."""
    text = ""
    try:
        read()
    except RegkitError as error:
        text = str(error)
    assert text.isprintable()
    return not text


def test_plans():
    methods = (Method("a", "identity", {"x": 1.5}), Method("b", "moments"))
    plan = Plan(DatasetRef("toy", {"n": 2}), methods, timeout_s=3.0).as_dict()
    assert Plan.of(plan).methods == methods
    found = [
        accepted(lambda c=content: Plan.of(c).as_dict()) for content in some(variants(plan), 5)
    ]
    assert 3 < sum(found) < len(found) / 2  # names may be any text, parameters anything


def test_records(tmp_path):
    record = new_record("d", "c", "m", "ok", scores={"dt_mm": 1.5}, timing_s={"load": 1.0})
    with RecordFile(tmp_path) as file:
        file.append(record)
    summarize_folder(tmp_path, default_registry())
    found = []
    for content in variants(record):
        (tmp_path / "records.jsonl").write_text(json.dumps(content) + "\n")
        found.append(accepted(lambda: read_records(tmp_path)))
    assert 20 < sum(found) < len(found) * 0.7


@pytest.mark.parametrize("method", ["dvnet", "gland", "transmorph-mi", "ms-st-unet"])
def test_cards(method):
    registered = default_registry().method(method)
    weights = find_weights(method, registered.spec.weights)
    card, kind = dict(weights.card), registered.load().card
    del card["about"], card["appearance"]
    kind.from_json(card, "x")
    found = [accepted(lambda c=c: kind.from_json(c, "x")) for c in some(variants(card), 11)]
    assert sum(found) < len(found) * 0.8


def test_datasets(tmp_path):
    for name in ("f.nii", "m.nii"):
        (tmp_path / name).write_bytes(b"")
    write_dataset(tmp_path, "d", [{"id": "a", "group": "g", "fixed": "f.nii", "moving": "m.nii"}])
    index = tmp_path / "dataset.json"
    content = json.loads(index.read_text())
    found = []
    for other in variants(content):
        index.write_text(json.dumps(other))
        found.append(accepted(lambda: read_dataset(tmp_path).ids))
    assert sum(found) < len(found) * 0.8


def test_calibrations(tmp_path):
    card = json.loads(Path("src/regkit/registration/error_model.json").read_text())
    file = tmp_path / "card.json"
    found = []
    for content in some(variants(card), 97):
        file.write_text(json.dumps(content))
        found.append(accepted(lambda: calibrated_model(file)))
    assert 0 < sum(found) < len(found)


def test_records_of_registrations(tmp_path):
    transform = tmp_path / "a.tfm"
    transform.write_text("x")
    record = {
        "transform": {"file": "a.tfm", "sha256": "0"},
        "images": [{"file": "a_warped.nii.gz", "sha256": "0"}],
    }
    for content in (*variants(record), *ODD):
        (tmp_path / "a.json").write_text(json.dumps(content))
        assert isinstance(mismatches(transform), list)


@pytest.mark.parametrize("text", ["a = [", "x = 1\x00", "\xff", ".".join("a" * 9000) + " = 1"])
def test_toml_that_is_none(tmp_path, text):
    file = tmp_path / "config.toml"
    file.write_text(text, encoding="latin-1")
    with pytest.raises(RegkitError, match="cannot read the benchmark in"):
        read_plan(file)
