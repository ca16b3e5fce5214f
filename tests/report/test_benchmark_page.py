"""The page of a benchmark: complete, self-contained, safe with hostile names, and alive."""

import base64
import gzip
import json
import re
import shutil
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, xyz2lab
from skimage.color.colorconv import xyz_from_rgb

from benchmark_folders import GRID, HOSTILE, PATIENTS, report, write_benchmark, write_images
from chromium import browser, probe
from regkit import IDENTITY, Grid, rigid
from regkit.benchmark.records import new_record
from regkit.report.benchmark_page.case_selection import equal_shares, select_cases
from regkit.report.benchmark_page.drawing import METHOD_COLORS, color_class
from regkit.report.benchmark_page.sections import headline_sentences
from regkit.report.fusion import DisplayRange
from regkit.report.viewer import MAX_VOXELS, licences, scene
from regkit.statistics import StatisticsSettings, summarize
from regkit.testing.phantom import thorax

pytestmark = pytest.mark.end_to_end

needs_browser = pytest.mark.skipif(browser() is None, reason="needs Chromium or Chrome")


class Reader(HTMLParser):
    """Collects tags with their attributes, and text outside scripts and styles."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.inside = ""

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.append((tag, dict(attrs)))
        self.inside = tag

    def handle_endtag(self, tag) -> None:
        self.inside = ""
        self.text += " "

    def handle_data(self, data) -> None:
        if self.inside not in {"script", "style"}:
            self.text += data


def read(path: Path) -> Reader:
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    return reader


def data_of(path: Path, name: str):
    """The JSON of a script tag."""
    html = path.read_text(encoding="utf-8")
    return json.loads(html.split(f'id="{name}">', 1)[1].split("</script>", 1)[0])


def records_of(folder: Path) -> list:
    lines = (folder / "records.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    home = tmp_path_factory.mktemp("benchmark")
    write_images(home / "images")
    return write_benchmark(home / "results", home / "images")


@pytest.fixture(scope="module")
def page(folder) -> Path:
    return report(folder, {"tre_mm": 8.0}, views=6)


def test_it_says_who_is_best_and_counts_failures(page) -> None:
    text = " ".join(read(page).text.split())
    assert "By tre_mm, good ranks first (mean rank 1.00 of 3)" in text
    assert "poor: 1 of 12 cases failed" in text
    assert "1 of 12" in text
    assert f"{PATIENTS} patients" in text
    assert "A failed case, or one whose score is not a number, is never dropped" in text
    assert "tre_mm 8.0" in text, "the margin"


def test_methods_that_are_alike_share_the_first_rank() -> None:
    records = [
        new_record("d", f"c{i}", method, "ok", group=f"p{i}", scores={"tre_mm": 1.0 + i + worse})
        for method, worse in (("a", 0), ("b", 0), ("c", 5))
        for i in range(8)
    ]
    [score] = summarize(records, StatisticsSettings(draws=200)).scores
    assert headline_sentences(score)[0].startswith(
        "By tre_mm, a ranks first, as does b (mean rank 1.50"
    )


@pytest.mark.parametrize(
    ("available", "total", "shares"),
    [
        ([9, 9], 8, [4, 4]),
        ([9, 1, 9], 8, [4, 1, 3]),
        ([2, 1], 8, [2, 1]),
        ([], 8, []),
        ([3], 0, [0]),
    ],
)
def test_pictures_are_shared_out_among_datasets(available, total, shares) -> None:
    assert equal_shares(available, total) == shares


def test_as_many_cases_are_selected_as_are_asked_for() -> None:
    """The median and the worst of each method come first, then the best, then the next worst."""
    records = [
        {**new_record("d", f"c{i}", m, "ok", group=f"p{i}", scores={"tre_mm": float(i + worse)}),
         "transform": np.eye(4).tolist()}
        for m, worse in (("a", 0), ("b", 5))
        for i in range(5)
    ]  # fmt: skip
    [score] = summarize(records, StatisticsSettings(draws=200)).scores
    for count in range(11):
        assert len(select_cases(records, score, count)) == count
    shown = [
        (c.record["method"], c.record["case"], c.reason) for c in select_cases(records, score, 99)
    ]
    assert shown == [
        ("a", "c2", "median"), ("a", "c4", "worst"), ("b", "c2", "median"), ("b", "c4", "worst"),
        ("a", "c0", "best"), ("b", "c0", "best"),
        ("a", "c3", "no. 2 from the worst"), ("b", "c3", "no. 2 from the worst"),
        ("a", "c1", "no. 4 from the worst"), ("b", "c1", "no. 4 from the worst"),
    ]  # fmt: skip


# What a reader without red, green or blue cones sees, of linear sRGB: Machado et al. 2009,
# doi:10.1109/TVCG.2009.113, severity 1.
VISIONS = {
    "all": np.eye(3),
    "no red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
               [-0.003882, -0.048116, 1.051998]],
    "no green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                 [-0.011820, 0.042940, 0.968881]],
    "no blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602],
                [0.004733, 0.691367, 0.303900]],
}  # fmt: skip


@pytest.mark.parametrize("vision", VISIONS)
def test_colors_of_sixteen_methods_differ_for_everybody(vision) -> None:
    """By CIEDE2000; 2 to 3 are just noticed side by side. The colors were chosen in OKLab."""
    css = files("regkit.report").joinpath("templates", "method_colors.css").read_text("utf-8")
    colors = re.findall(r"--m(\d+): #(..)(..)(..);", css)
    light, dark = colors[:METHOD_COLORS], colors[METHOD_COLORS:]
    assert len(light) == len(dark) == METHOD_COLORS
    assert color_class(17) == "m1"
    for palette in (light, dark):
        srgb = np.array([[int(part, 16) / 255 for part in color[1:]] for color in palette])
        linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
        seen = np.clip(linear @ np.transpose(VISIONS[vision]), 0, 1)
        lab = xyz2lab(seen @ xyz_from_rgb.T)
        distance = deltaE_ciede2000(lab[:, None], lab[None])
        assert (distance + 100 * np.eye(METHOD_COLORS)).min() > 5


def test_percentages_stay_readable_on_the_color_of_any_method() -> None:
    """By the contrast of WCAG 2.2, of which small text needs 4.5, on the darkest field: 100 %."""
    texts = {
        name: files("regkit.report").joinpath("templates", f"{name}.css").read_text("utf-8")
        for name in ("benchmark", "common", "method_colors")
    }
    share = float(re.search(r"var\(--s\) \* (\d+)%", texts["benchmark"])[1]) / 100
    pages = re.findall(r"--paper: #(\w+); --ink: #(\w+);", texts["common"])[:2]
    colors = np.array([_srgb(c) for c in re.findall(r"--m\d+: #(\w+);", texts["method_colors"])])
    for (paper, ink), palette in zip(pages, np.split(colors, 2), strict=True):
        fields = share * palette + (1 - share) * _srgb(paper)
        dark, light = np.sort([_luminance(fields), [_luminance(_srgb(ink))] * len(fields)], axis=0)
        assert ((light + 0.05) / (dark + 0.05)).min() > 4.5


def _srgb(text: str) -> np.ndarray:
    whole = text if len(text) == 6 else "".join(2 * letter for letter in text)
    return np.array([int(whole[i : i + 2], 16) / 255 for i in (0, 2, 4)])


def _luminance(srgb: np.ndarray) -> np.ndarray:
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    return linear @ (0.2126, 0.7152, 0.0722)


def test_an_overview_has_a_row_for_every_method(page) -> None:
    section = page.read_text(encoding="utf-8").partition("<section")[2]
    overview = section[section.index("<table") : section.index("</table>")]
    assert overview.count("<tr>") == 1 + 3
    assert "tre_mm (mm)" in overview
    assert "1 of 12 cases" in overview


def test_it_needs_no_network(page) -> None:
    for tag, attributes in read(page).tags:
        assert tag not in {"link", "iframe", "object", "base"}
        if tag in {"script", "img"}:
            assert (attributes.get("src") or "data:").startswith("data:")
        assert (attributes.get("href") or "#").startswith("#")


def test_hostile_names_stay_text(page) -> None:
    html = page.read_text(encoding="utf-8")
    assert "<script>window.hacked" not in html
    assert "<i>" not in html
    assert "49" not in re.findall(r"&#39;(.{0,12})", html)[0]
    assert read(page).text.count(HOSTILE) > 5
    assert {row[2] for row in data_of(page, "case-data")["rows"]} == {"good", "poor", HOSTILE}


def test_the_table_has_every_record(page) -> None:
    table = data_of(page, "case-data")
    names = [column["name"] for column in table["columns"]]
    assert names[:7] == ["case", "patient", "method", "status", "verdict", "why", "tre_mm"]
    assert len(table["rows"]) == PATIENTS * 2 * 3
    [failed] = [row for row in table["rows"] if row[3] == "failed"]
    assert failed[5] == "timed out <i>after</i> 60 s"
    assert failed[6] is None


def test_drawings_are_of_all_methods(page) -> None:
    html = page.read_text(encoding="utf-8")
    for label in (
        "tre_mm of every case by method",
        "mean ranks of the methods and the critical difference",
        "run time against tre_mm",
    ):
        drawing = html.split(f'aria-label="{label}"', 1)[1].split("</svg>", 1)[0]
        assert "good" in drawing
        assert "poor" in drawing
        assert "nan" not in drawing
    assert "1 failed" in html


def test_median_and_worst_cases_are_shown(page, folder) -> None:
    titles = [scene["title"] for scene in data_of(page, "viewer-scenes")]
    assert len(titles) == 6
    assert titles[0].startswith("good, median: ")
    assert titles[1].startswith("good, worst: ")
    records = records_of(folder)
    good = sorted((r["scores"]["tre_mm"], r["case"]) for r in records if r["method"] == "good")
    assert titles[0].endswith(good[5][1])
    assert titles[1].endswith(good[-1][1])
    pictures = [a["src"] for tag, a in read(page).tags if tag == "img" and a.get("src")]
    assert len(pictures) == 6
    assert all(str(source).startswith("data:image/webp;base64,") for source in pictures)


def test_without_the_images_the_rest_is_there(folder, tmp_path) -> None:
    shutil.copytree(folder, tmp_path / "moved")
    config = tmp_path / "moved" / "config.toml"
    text = config.read_text(encoding="utf-8")
    config.write_text(re.sub(r"place = .*", 'place = "gone"', text), encoding="utf-8")
    page = report(tmp_path / "moved")
    text = read(page).text
    assert "There are no pictures of cases: 'gone' is neither a dataset" in text
    assert "good ranks first" in text
    assert "niivue" not in page.read_text(encoding="utf-8").lower()


def test_a_folder_where_all_failed_has_a_page(folder, tmp_path) -> None:
    shutil.copytree(folder, tmp_path / "failed")
    records = records_of(folder)
    failed = [{**r, "status": "failed", "scores": {}, "transform": None} for r in records]
    (tmp_path / "failed" / "records.jsonl").write_text(
        "".join(json.dumps(r) + "\n" for r in failed), encoding="utf-8"
    )
    text = read(report(tmp_path / "failed")).text
    assert "No method gave a score." in text
    assert "good: 12 of 12 cases failed" in text


def test_the_viewer_comes_with_its_licence(page) -> None:
    assert "Copyright (c) 2021, Niivue" in licences()
    assert "gl-matrix" in licences()
    assert licences().split("\n\n")[2] in read(page).text


def unpacked(text: str) -> nib.Nifti1Image:
    return nib.Nifti1Image.from_bytes(gzip.decompress(base64.b64decode(text)))


def test_a_scene_lies_where_the_images_lie() -> None:
    """What is bright in the small images is where it is in the large one, in millimetres."""
    turned = (0, 1, 0, -1, 0, 0, 0, 0, 1)
    oblique = Grid((90, 80, 110), (2.5, 3.5, 3.0), (-138, 135, -133), turned)
    fixed = thorax(oblique, "pet")
    shown = scene(fixed, fixed, rigid((0, 0, 0), (30, 0, 0)), IDENTITY)
    small = unpacked(shown["fixed"])
    assert np.prod(small.shape) <= MAX_VOXELS
    assert small.get_data_dtype() == np.uint8
    centre = _middle(small.get_fdata(), small.affine)
    zyx_to_ras = np.diag([-1.0, -1, 1, 1]) @ oblique.affine
    expected = _middle(DisplayRange.of(fixed).scale(fixed.array), zyx_to_ras)
    assert np.linalg.norm(centre - expected) < 2
    np.testing.assert_array_equal(unpacked(shown["after"]).get_fdata(), small.get_fdata())
    # Looking 30 mm further to the patient's left shows what is there 30 mm further to the right.
    moved = _middle(unpacked(shown["before"]).get_fdata(), small.affine) - centre
    assert moved == pytest.approx([30, 0, 0], abs=3)


def _middle(array: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Middle of what is brighter than half, in the space of the affine."""
    bright = np.argwhere(array >= 0.5 * array.max()).mean(axis=0)
    return (affine @ [*bright, 1])[:3]


def test_uptake_is_drawn_above_anatomy() -> None:
    pet, ct = thorax(GRID, "pet"), thorax(GRID, "ct")
    assert scene(pet, ct, IDENTITY, IDENTITY)["above"] == "fixed"
    assert scene(ct, pet, IDENTITY, IDENTITY)["above"] == "moving"


SORT = """
const texts = (n) => [...document.querySelectorAll(`#case-table tbody td:nth-child(${n})`)]
  .map((cell) => cell.textContent);
const heading = (name) => [...document.querySelectorAll("#case-table th button")]
  .find((button) => button.textContent === name);
const filter = (id, value) => {
  const input = document.getElementById(id);
  input.value = value;
  input.dispatchEvent(new Event("input"));
};
const found = {all: texts(1).length, hacked: window.hacked === undefined};
heading("tre_mm").click();
found.ascending = texts(7);
heading("tre_mm").click();
found.descending = texts(7);
filter("case-method", "good");
found.methods = texts(3);
filter("case-method", "");
filter("case-search", "TIMED p3");
found.searched = texts(6);
found.count = document.getElementById("case-count").textContent;
const panels = () => [...document.querySelectorAll(".panel")].map((panel) => panel.hidden);
found.before = panels();
document.querySelectorAll(".pills button")[1].click();
found.after = panels();
return found;
"""


@needs_browser
def test_the_table_sorts_and_filters_and_scores_change(page, tmp_path) -> None:
    found = probe(page, SORT, tmp_path / "profile")
    assert found["errors"] == []
    assert found["hacked"], "a name of the data ran as a script"
    assert found["all"] == PATIENTS * 2 * 3
    numbers = [float(text) for text in found["ascending"][:-1]]
    assert numbers == sorted(numbers)
    assert found["ascending"][-1] == found["descending"][-1] == "\N{EN DASH}"
    assert [float(text) for text in found["descending"][:-1]] == numbers[::-1]
    assert found["methods"] == ["good"] * PATIENTS * 2
    assert found["searched"] == ["timed out <i>after</i> 60 s"]
    assert found["count"] == "1 of 1 shown (36 in all)"
    assert found["before"] == [False, True, True, True]
    assert found["after"] == [True, False, True, True]


VIEW = """
const wait = (test) => new Promise((done, fail) => {
  const began = Date.now();
  const timer = setInterval(() => {
    if (test()) { clearInterval(timer); done(); }
    else if (Date.now() - began > 60000) { clearInterval(timer); fail("in vain: " + say()); }
  }, 50);
});
const say = () => document.getElementById("viewer-message").textContent;
const canvas = document.getElementById("viewer-canvas");
// At once, while what was drawn is still in the canvas.
const shot = () => {
  const copy = document.createElement("canvas");
  [copy.width, copy.height] = [300, 100];
  const pen = copy.getContext("2d");
  pen.drawImage(canvas, 0, 0, 300, 100);
  return [...pen.getImageData(0, 0, 300, 100).data];
};
const slide = (value) => {
  const input = document.getElementById("viewer-slide");
  input.value = value;
  input.dispatchEvent(new Event("input"));
  return shot();
};
document.querySelector("[data-scene='1']").click();
await wait(() => canvas.dataset.shown === "1");
const after = slide(100), before = slide(0), again = slide(100);
let coloured = 0, bright = 0, changed = 0, same = 0;
for (let i = 0; i < after.length; i += 4) {
  const [r, g, b] = after.slice(i, i + 3);
  bright += r + g + b > 90;
  coloured += Math.max(r, g, b) - Math.min(r, g, b) > 60;
  changed += Math.abs(after[i] - before[i]) > 25;
  same += Math.abs(after[i] - again[i]) > 5;
}
return {bright, coloured, changed, differs: same,
        message: say()};
"""


NARROW = """
document.body.style.width = "340px";
const wide = (element) => element.scrollWidth - element.clientWidth;
const card = document.querySelector(".card");
const name = document.querySelector("#case-table td.words");
card.querySelector("p").textContent = name.textContent = "L".repeat(500);
const right = (element) => element.getBoundingClientRect().right;
return {room: right(card) - right(card.querySelector(".open")),
        name: name.getBoundingClientRect().width,
        sections: [...document.querySelectorAll("section")].map(wide),
        chart: document.querySelector(".chart").getBoundingClientRect().width};
"""


@needs_browser
def test_on_a_phone_nothing_sticks_out_and_drawings_stay_legible(page, tmp_path) -> None:
    found = probe(page, NARROW, tmp_path / "profile")
    assert found["errors"] == []
    assert set(found["sections"]) == {0}
    assert found["room"] > 0, "beside a long name, the button stays inside the card"
    assert found["name"] < 300
    assert found["chart"] > 550, "of the 860 pixels that it was drawn for"


@needs_browser
def test_the_viewer_draws_an_overlay_that_follows_the_slider(page, tmp_path) -> None:
    found = probe(page, VIEW, tmp_path / "profile")
    assert found.get("thrown") is None, found
    assert found["errors"] == []
    assert found["message"] == ""
    assert found["bright"] > 3000, "fixed and moving image fill a good part of the canvas"
    assert found["coloured"] > 300, "uptake is drawn in colour above the anatomy"
    assert found["changed"] > 300, "before and after differ"
    assert found["differs"] < 50, "the slider goes back to where it was"
