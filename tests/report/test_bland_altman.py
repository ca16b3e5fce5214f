"""The page of a benchmark shows how measurements agree with their true values."""

import json
import re
from importlib.metadata import EntryPoint
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from regkit.benchmark.case_source import DatasetRef
from regkit.benchmark.plan import Method, Plan, write_plan
from regkit.benchmark.records import RecordFile, new_record
from regkit.benchmark.summary import summarize_folder
from regkit.registry import Registry, default_registry
from regkit.report.benchmark_page import write_report
from regkit.report.benchmark_page.bland_altman import bland_altman
from regkit.statistics import StatisticsSettings
from regkit.statistics.agreement import Agreement

HOSTILE = "<b>net</b>"


def agreement(count=30, bias=4.0, method="net"):
    rng = np.random.default_rng(0)
    true = rng.uniform(60, 220, count)
    found = true * (1 + (bias + rng.normal(0, 3, count)) / 100)
    return Agreement("d", "lv_my_ml", method, "ml", found, true, 0)


def marks(agreement):
    return ET.fromstring(str(bland_altman(agreement, {agreement.method: 0})))


def test_every_case_is_a_dot_and_the_lines_are_where_they_belong():
    it = agreement()
    drawing = marks(it)
    (dots,) = [m for m in drawing.iter("path") if m.get("class") == "dots m0"]
    heights = np.array([float(y) for y in re.findall(r"M[\d.]+ ([\d.]+)h0", dots.get("d"))])
    assert len(heights) == 30
    # Dots and lines lie on one scale: fit it from the dots, ask it for the lines.
    slope, offset = np.polyfit(it.differences, heights, 1)
    assert slope < 0
    lines = {kind: [] for kind in ("interval m0", "limit m0")}
    for line in drawing.iter("line"):
        if line.get("class") in lines:
            assert line.get("y1") == line.get("y2")
            lines[line.get("class")].append(float(line.get("y1")))
    assert lines["interval m0"] == pytest.approx([slope * it.bias + offset], abs=0.2)
    expected = sorted(slope * limit + offset for limit in (it.low, it.high))
    assert sorted(lines["limit m0"]) == pytest.approx(expected, abs=0.2)


def test_few_cases_have_dots_but_no_lines():
    drawing = marks(agreement(count=2))
    classes = {mark.get("class") for mark in drawing.iter()}
    assert "dots m0" in classes
    assert not {"limit m0", "interval m0", "band m0"} & classes


def test_perfect_agreement_lies_on_the_line_of_no_difference():
    true = np.array([80.0, 120.0, 160.0])
    drawing = marks(Agreement("d", "ml", "m", "ml", true, true, 0))
    (dots,) = [m for m in drawing.iter("path") if m.get("class") == "dots m0"]
    (zero,) = [m for m in drawing.iter("line") if m.get("class") == "scale"]
    heights = re.findall(r"M[\d.]+ ([\d.]+)h0", dots.get("d"))
    assert heights == [zero.get("y1")] * 3


def test_the_page_and_the_summary_tell_of_agreement(tmp_path):
    write_plan(Plan(DatasetRef("lv-pet", {"n": 8}), (Method("net", "identity"),)), tmp_path)
    rng = np.random.default_rng(3)
    with RecordFile(tmp_path) as file:
        for method in ("net", HOSTILE):
            for number in range(8):
                true = rng.uniform(80, 200)
                scores = {"lv_my_ml": 1.05 * true, "lv_my_true_ml": true, "rot_mse": 0.01}
                home = {"dataset": "lv-pet", "case": f"p{number}", "group": f"p{number}"}
                file.append(new_record(**home, method=method, status="ok", scores=scores))
    registry = default_registry()
    summary = summarize_folder(tmp_path, registry, StatisticsSettings(draws=50))
    html = write_report(tmp_path, summary, registry, 0).read_text(encoding="utf-8")
    assert html.count("differences against means") == 2
    assert "bias 4.88" in html
    assert HOSTILE not in html
    assert {s.score for s in summary.scores}.isdisjoint({"lv_my_ml", "lv_my_true_ml"})
    told = json.loads((tmp_path / "summary.json").read_text())["agreements"]
    assert [a["method"] for a in told] == ["net", HOSTILE]
    assert told[0]["r_squared"] == pytest.approx(1)
    assert "## Measurements against their true values" in (tmp_path / "summary.md").read_text()


def test_pages_without_measurements_say_nothing_of_them(tmp_path):
    write_plan(Plan(DatasetRef("lv-pet", {"n": 8}), (Method("net", "identity"),)), tmp_path)
    with RecordFile(tmp_path) as file:
        home = {"dataset": "lv-pet", "case": "p", "group": "p", "method": "net"}
        file.append(new_record(**home, status="ok", scores={"rot_mse": 0.01}))
    bare = Registry([EntryPoint("scores", "regkit.metrics.plugin", "regkit")])
    summary = summarize_folder(tmp_path, bare, StatisticsSettings(draws=50))
    html = write_report(tmp_path, summary, bare, 0).read_text(encoding="utf-8")
    assert "true values" not in html
