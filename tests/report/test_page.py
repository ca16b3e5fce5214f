"""The page of one registration: complete, self-contained, and safe with hostile file names."""

import base64
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from chromium import browser, probe
from regkit import IDENTITY, DisplacementField, Estimate, Grid, Pair, Transform, rigid
from regkit.registration.run import RegistrationResult
from regkit.registration.verdict import Verdict
from regkit.report.page import page, write_page
from regkit.report.record import Inputs, registration_record
from regkit.report.viewer import scene
from regkit.testing.phantom import thorax

GRID = Grid((8, 8, 8), (40, 30, 40), (-140, -105, -140))
MOTION = rigid((0, 0, 7.5), (10, 0, -4), GRID.centre)
HOSTILE = "<script>alert('x')</script>&\".nii.gz"
VOID = {"meta", "img", "br", "input"}


class Reader(HTMLParser):
    """Collects tags, attributes and text; fails where tags do not nest."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag
        self.text += " "

    def handle_data(self, data) -> None:
        self.text += data


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


def record(tmp_path: Path, transform: Transform = MOTION, name: str = "ct.nii.gz", **verdict):
    file = tmp_path / name.replace("/", "_")
    file.write_bytes(b"only hashed")
    pair = Pair(thorax(GRID, "pet"), thorax(GRID, "ct"))
    judged = Verdict(
        verdict.get("status", "OK"), verdict.get("reasons", ()), {"overlap": 0.93, "similarity": 1}
    )
    result = RegistrationResult(
        "mi", {"seed": 3, "bins": [1, 2]}, pair, Estimate(transform), judged, 1
    )
    return registration_record(result, "out.tfm", Inputs(file, None, 0.25), 0.5)


@pytest.fixture
def drawn() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 255, (20, 30, 3), np.uint8))


def test_it_says_what_the_record_says(tmp_path, drawn) -> None:
    text = " ".join(read(page(record(tmp_path), drawn)).text.split())
    for said in (
        "rotation 7.5°, shift 10.8 mm (10.0 left, 4.0 inferior), rigid",
        "R = Rz Ry Rx",
        "(10.000, 0.000, -4.000) mm",
        "fixed image to points of the moving image",
        "overlap 93 % part of the body",
        "ct.nii.gz",
        "8 x 8 x 8 voxels",
        "seed 3",
        "bins [1, 2]",
        "numpy " + np.__version__,
        "not a medical device",
        "-0.130526",
    ):
        assert said in text


def test_the_verdict_comes_with_its_reasons(tmp_path, drawn) -> None:
    html = page(record(tmp_path, status="FAIL", reasons=("too far", "folds")), drawn)
    assert "<title>FAIL: mi registration</title>" in html
    assert "<li>too far</li>" in html
    assert "<li>folds</li>" in html


def test_it_says_what_was_chosen(tmp_path, drawn) -> None:
    data = record(tmp_path)
    assert "Used" not in read(page(data, drawn)).text
    data["diagnostics"] = {"used": "fast-mi", "why": "it <b>searches</b>"}
    data["start"] = {"init": "auto", "assumption": "centre: more similar than the headers"}
    html = page(data, drawn)
    assert "<p>Started from centre: more similar than the headers.</p>" in html
    assert "<p>Used fast-mi: it &lt;b&gt;searches&lt;/b&gt;.</p>" in html


def test_it_tells_the_expected_error_also_at_points(tmp_path, drawn) -> None:
    data = record(tmp_path)
    assert "Expected error" not in read(page(data, drawn)).text
    data["verdict"] |= {"expected_error_mm": 1.2, "interval_mm": [0.6, 2.9]}
    data["verdict"]["probability_bad"] = 0.031
    point = {"name": HOSTILE, "position_mm": [1, -2, 3], "expected_error_mm": 12.3}
    point |= {"interval_mm": [2.0, 31.0], "remark": "outside"}
    data["verdict"]["points"] = [point, {**point, "name": "apex"}]
    del data["verdict"]["points"][1]["remark"]
    data["inputs"]["points"] = {"path": "points.csv", "sha256": ""}
    html = page(data, drawn)
    assert "<script" not in html
    text = " ".join(read(html).text.split())
    for said in (
        "Expected error 1.2 mm (90 %: 0.6 to 2.9 mm), probability of a wrong result 3%.",
        f"{HOSTILE} 12 mm (90 %: 2.0 to 31 mm) (1.0, -2.0, 3.0) outside",
        "apex 12 mm (90 %: 2.0 to 31 mm) (1.0, -2.0, 3.0)",
        "From points.csv.",
        "probability_bad 3 % how probably",
    ):
        assert said in text


def test_each_measure_comes_with_its_limits(tmp_path, drawn) -> None:
    data = record(tmp_path)
    data["verdict"]["measures"] = {"overlap": 0.2, "looseness_mm": 500.0, "stretch": 1.0}
    html = " ".join(page(data, drawn).split())
    text = " ".join(read(html).text.split())
    assert "lies inside the other image below 60 % below 25 % FAIL" in text
    assert "inside the body above 176 mm CHECK" in text  # 4.4 voxels of 40 mm
    assert "changes lengths above 1.4 above 2 passes" in text
    assert '<span class="badge FAIL">FAIL</span>' in html


def test_it_needs_no_network(tmp_path, drawn) -> None:
    html = page(record(tmp_path), drawn)
    for tag, attributes in read(html).tags:
        assert tag not in {"script", "link", "iframe", "object"}
        assert (attributes.get("href") or "#").startswith("#")  # a place on the page itself
        assert (attributes.get("src") or "data:").startswith("data:")
    assert "url(" not in html
    assert "@import" not in html


def test_the_picture_is_in_it(tmp_path, drawn) -> None:
    (source,) = re.findall(r'src="data:image/png;base64,([^"]+)"', page(record(tmp_path), drawn))
    with Image.open(io.BytesIO(base64.b64decode(source))) as found:
        np.testing.assert_array_equal(np.asarray(found), np.asarray(drawn))


def test_texts_are_escaped_wherever_they_stand(tmp_path, drawn) -> None:
    data = record(tmp_path, name=HOSTILE)
    data["method"] = data["device"] = data["transform"]["file"] = HOSTILE
    data["verdict"]["reasons"] = [HOSTILE]
    data["parameters"] = {HOSTILE: HOSTILE, "list": [HOSTILE]}
    data["versions"] = {HOSTILE: HOSTILE}
    data["verdict"]["measures"] = {HOSTILE: 1.0}
    html = page(data, drawn)
    assert "<script" not in html
    reader = read(html)
    assert "script" not in {tag for tag, _ in reader.tags}
    assert reader.text.count("<script>alert('x')") >= 8


def test_a_deformable_map_has_a_page_too(tmp_path, drawn) -> None:
    field = DisplacementField(np.full((8, 8, 8, 3), 2.0), GRID)
    assert "deformable" in read(page(record(tmp_path, field), drawn)).text


def test_the_record_can_be_read_back_from_the_page(tmp_path, drawn) -> None:
    data = record(tmp_path, name="ünïcode & <b>.nii.gz")
    write_page(data, drawn, tmp_path / "a.html")
    text = read((tmp_path / "a.html").read_text(encoding="utf-8")).text
    found = json.JSONDecoder().raw_decode(text[text.index('{\n  "regkit"') :])[0]
    assert found == data


def test_with_a_scene_the_pair_is_shown_in_3d(tmp_path, drawn) -> None:
    pair = Pair(thorax(GRID, "pet"), thorax(GRID, "ct"))
    shown = scene(pair.fixed, pair.moving, IDENTITY, MOTION)
    html = page(record(tmp_path), drawn, shown)
    found = html.split('id="viewer-scenes">', 1)[1].split("</script>", 1)[0]
    assert json.loads(found) == [shown]
    assert 'id="viewer-slide"' in html
    assert 'id="viewer-scene"' not in html, "there is nothing to choose from"
    assert "Copyright (c) 2021, Niivue" in html
    for tag, attributes in read(html).tags:
        assert tag not in {"link", "iframe", "object"}
        assert (attributes.get("src") or "data:").startswith("data:")


def test_it_says_which_way_to_move_what_and_when_where_and_how_it_ran(tmp_path, drawn) -> None:
    told = record(tmp_path) | {
        "date": "2026-11-30T02:15:00+00:00",
        "command": "regkit register a b --report",
        "environment": {"system": "Linux", "processor": "A <b> CPU", "cores": 2},
        "config": {"file": "regkit.toml", "options": {"method": "mi", "set": ["a=1"]}},
    }
    text = " ".join(read(page(told, drawn)).text.split())
    assert (
        "To match, move the moving image (CT) about 10 mm to the patient's right and 4 mm higher "
        "and turn it by 7.5° (mainly its front to the patient's right)."
    ) in text
    for said in (
        "2026-11-30 02:15:00 UTC",
        "regkit register a b --report",
        "A <b> CPU, 2 cores, Linux",
        'regkit.toml: method = mi, set = ["a=1"]',
    ):
        assert said in text
    page(record(tmp_path), drawn)  # a record without them, of an earlier version
    failed = read(page(record(tmp_path, status="FAIL"), drawn)).text
    assert "To match, move" not in failed  # nobody is told to do what is wrong


ENLARGE = """
const stickingOut = [...document.querySelectorAll("body *")]
  .filter((element) => element.getBoundingClientRect().right > document.body.clientWidth + 1)
  .filter((element) => !element.closest(".scroll, pre"))
  .map((element) => element.tagName);
const picture = document.querySelector(".picture"), image = picture.querySelector("img");
const turn = () => new Promise((done) => setTimeout(done, 200));
const width = () => image.getBoundingClientRect().width;
image.loading = "eager";
await image.decode();
const small = width();
document.elementFromPoint(innerWidth / 2, image.getBoundingClientRect().top + 3).click();
await turn();
const large = width(), scrolls = picture.scrollWidth > picture.clientWidth;
document.elementFromPoint(innerWidth / 2, 20).click();
await turn();
return {stickingOut, small, large, scrolls, again: width(), window: innerWidth};
"""


@pytest.mark.end_to_end
@pytest.mark.skipif(browser() is None, reason="needs Chromium or Chrome")
@pytest.mark.parametrize(("width", "large"), [(390, 960), (None, 1700)])
def test_it_fits_a_phone_and_its_picture_opens_large(tmp_path, width, large) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (40, 1700, 3), np.uint8)
    write_page(record(tmp_path), Image.fromarray(noise), tmp_path / "a.html")
    found = probe(tmp_path / "a.html", ENLARGE, tmp_path / "profile", width)
    assert found["errors"] == []
    assert found["window"] == width or width is None
    assert found["stickingOut"] == []
    assert found["small"] < found["window"]
    assert (found["large"], found["scrolls"]) == (large, True)
    assert found["again"] == found["small"]
