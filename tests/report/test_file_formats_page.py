"""Every key and every file that regkit writes stands in docs/reference/file-formats.md."""

import dataclasses
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from regkit import (
    AffineTransform,
    Grid,
    LabelMap,
    Volume,
    register,
    resample,
    rigid,
    selftest,
)
from regkit.benchmark.case_source import DatasetRef
from regkit.benchmark.harness import run_benchmark
from regkit.benchmark.plan import Plan, parse_methods
from regkit.benchmark.summary import summarize_folder
from regkit.datasets.folder import FILE_KEYS, KNOWN_KEYS, write_dataset
from regkit.io import write_volume
from regkit.io.atomic_output import atomic_output
from regkit.io.suv import SuvConversion
from regkit.io.transforms import FORMATS, write_transform
from regkit.registrar import Estimate
from regkit.registry import default_registry
from regkit.report.benchmark_page import write_report
from regkit.report.record import Inputs
from regkit.report.save import save_registration
from regkit.report.selftest_record import save_selftest
from regkit.statistics.agreement import Agreement
from regkit.statistics.summary import StatisticsSettings
from regkit.testing.phantom import thorax

pytestmark = pytest.mark.end_to_end

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "file-formats.md"
GRID = Grid((14, 12, 16), (20, 19, 22), (-165, -110, -135))
MOTION = rigid((0, 0, 4), (12, 0, -8))
# Their keys are names of methods, metrics, parameters and the like.
FREE = {"parameters", "diagnostics", "score_errors", "unavailable", "margins"}


@pytest.fixture(scope="module")
def documented() -> set[str]:
    text = PAGE.read_text(encoding="utf-8")
    quoted = re.findall(r"`([^`]+)`", text)
    return {word for phrase in quoted for word in (phrase, *re.split(r"[.\s]", phrase))}


def keys_in(value: object, below: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        named_by_metrics = below == "scores"
        for key, inner in value.items():
            if not named_by_metrics:
                yield key
            if key not in FREE:
                yield from keys_in(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from keys_in(inner)


def pair() -> tuple[Volume, Volume]:
    fixed = thorax(GRID, "ct")
    return fixed, resample(thorax(GRID, "pet"), GRID, MOTION.inverse())


def test_keys_are_collected_but_not_those_that_are_names() -> None:
    nested = {"a": [{"b": {"c": 1}}], "parameters": {"x": 1}, "scores": {"tre_mm": 1}}
    assert set(keys_in(nested)) == {"a", "b", "c", "parameters", "scores"}


def test_registration_files_and_record(tmp_path: Path, documented: set[str]) -> None:
    fixed, moving = pair()
    mask = LabelMap(np.ones(GRID.shape_zyx, np.uint8), GRID)
    result = register(fixed, moving, "moments", fixed_mask=mask, check_inverse=True)
    labelled = Estimate(result.transform, mask, result.estimate.diagnostics)
    result = dataclasses.replace(result, estimate=labelled)
    with atomic_output(tmp_path) as stage:
        save_registration(result, "out", stage, Inputs(), report=True)
    files = {path.name.replace("out", "PREFIX", 1) for path in tmp_path.iterdir()}
    assert {"PREFIX.json", "PREFIX.png", "PREFIX_labels.nii.gz"} <= files
    assert files - documented == set()
    record = json.loads((tmp_path / "out.json").read_text())
    assert {"inverse_mm", "looseness_mm", "sha256"} <= set(keys_in(record))
    assert set(keys_in(record)) - documented == set()
    assert {field.name for field in dataclasses.fields(SuvConversion)} - documented == set()


def test_selftest_files_and_keys(tmp_path: Path, documented: set[str]) -> None:
    fixed, moving = pair()
    save_selftest(selftest(fixed, moving, "identity", runs=6), tmp_path / "out")
    files = {path.name.replace("out", "PREFIX", 1) for path in tmp_path.iterdir()}
    assert files == {"PREFIX.json", "PREFIX.jsonl", "PREFIX.html"}
    assert files - documented == set()
    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    texts = [(tmp_path / "out.json").read_text(), *lines]
    keys = set(keys_in([json.loads(text) for text in texts]))
    assert {"capture_mm", "beyond_twice", "captured", "answer", "judgement"} <= keys
    assert keys - documented == set()


def test_dataset_keys(documented: set[str]) -> None:
    assert {*FILE_KEYS, *KNOWN_KEYS, "split", "name", "version", "cases"} - documented == set()


def test_transform_formats_and_their_json(tmp_path: Path, documented: set[str]) -> None:
    assert {known.name for known in FORMATS} - documented == set()
    write_transform(MOTION, tmp_path / "t.json")
    keys = set(keys_in(json.loads((tmp_path / "t.json").read_text())))
    assert "matrix" in keys
    assert keys - documented == set()


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data, folder = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("benchmark")
    for name, volume in zip(("fixed", "moving"), pair(), strict=True):
        write_volume(volume, data / f"{name}.nii.gz")
    write_transform(MOTION, data / "truth.tfm")
    files = {"fixed": "fixed.nii.gz", "moving": "moving.nii.gz", "truth": "truth.tfm"}
    write_dataset(data, "tiny", [{"id": f"c{i}", "group": f"p{i}", **files} for i in range(3)])
    registry = default_registry()
    plan = Plan(DatasetRef(str(data)), parse_methods(["identity,moments"], registry))
    run_benchmark(plan, folder)
    settings = StatisticsSettings(draws=20, flips=20, margins={"tre_mm": 5.0})
    write_report(folder, summarize_folder(folder, registry, settings), registry)
    return folder


def test_benchmark_files_and_keys(benchmark: Path, documented: set[str]) -> None:
    files = {path.name for path in benchmark.iterdir()}
    assert {"records.jsonl", "summary.json", "config.toml", "report.html"} <= files
    assert files - documented == set()
    lines = (benchmark / "records.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    assert [record["status"] for record in records] == ["ok"] * 6
    assert np.shape(records[0]["transform"]) == (4, 4)
    AffineTransform(records[0]["transform"])
    summary = json.loads((benchmark / "summary.json").read_text())
    plan = tomllib.loads((benchmark / "config.toml").read_text())
    keys = set(keys_in([records, summary, plan]))
    assert {"equivalent", "position_share", "within_voxel", "place", "peak_memory_mb"} <= keys
    assert keys - documented == set()
    header = (benchmark / "summary.csv").read_text().splitlines()[0].split(",")
    assert set(header) - documented == set()


def test_agreement_keys(documented: set[str]) -> None:
    found = np.array([90.0, 110.0, 130.0])
    agreement = Agreement("d", "cavity_ml", "m", "ml", found, found + 5, 0)
    assert set(keys_in(agreement.as_data())) - documented == set()
