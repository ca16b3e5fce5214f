"""What a notebook shows of images, transforms and results: valid, escaped, small, and true."""

import base64
import io
import re
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from regkit import (
    IDENTITY,
    AffineTransform,
    DisplacementField,
    Estimate,
    Grid,
    LabelMap,
    Pair,
    Transform,
    TransformChain,
    Volume,
    rigid,
)
from regkit.notebook import VIEWS, html_of
from regkit.registration.error_model import ErrorEstimate
from regkit.registration.point_error import ErrorAtPoint
from regkit.registration.run import RegistrationResult
from regkit.registration.verdict import Verdict
from regkit.report.transform_text import explain_transform
from regkit.testing.phantom import thorax

GRID = Grid((24, 20, 28), (12, 12, 14), (-160, -110, -170))
MOTION = rigid((0, 0, 7.5), (10, 0, -4), GRID.centre)
FIELD = DisplacementField(np.full((*GRID.shape_zyx, 3), 2.0), GRID)
LARGEST = 300_000


@pytest.fixture(scope="module")
def phantom() -> Volume:
    return thorax(GRID, "ct")


class Reader(HTMLParser):
    """Collects the text and the pictures; fails where tags do not nest."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text, self.sources = "", []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs) -> None:
        if tag == "img":
            self.sources.append(dict(attrs)["src"])
        else:
            self.open.append(tag)

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data) -> None:
        self.text += data

    @property
    def picture(self) -> np.ndarray:
        (source,) = self.sources
        kind, _, content = source.partition(",")
        assert kind == "data:image/png;base64"
        with Image.open(io.BytesIO(base64.b64decode(content, validate=True))) as image:
            assert image.format == "PNG"
            return np.asarray(image.convert("RGB"))


def result(transform: Transform, phantom: Volume, **verdict: object) -> RegistrationResult:
    facts = {"status": "OK", "reasons": (), "measures": {"similarity": 1.5}} | verdict
    moving = Volume(np.clip(phantom.array, 0, None), GRID, "pet")
    pair = Pair(phantom, moving)
    return RegistrationResult("mi", {}, pair, Estimate(transform), Verdict(**facts), 1.25)


def test_volume_shows_its_facts_and_its_own_voxels(phantom: Volume) -> None:
    seen = Reader(phantom._repr_html_())
    for fact in ("CT image", "24 x 20 x 28 voxels", "12 x 12 x 14 mm", "-1000 to", "coronal"):
        assert fact in seen.text
    other = Reader(phantom.with_array(phantom.array[::-1])._repr_html_())
    assert seen.picture.shape[1] == 3 * 260 + 2 * 6
    assert seen.picture.shape != other.picture.shape or not (seen.picture == other.picture).all()


def test_label_map_lists_the_labels_it_draws_in_colour() -> None:
    array = np.zeros(GRID.shape_zyx, np.uint8)
    array[8:16, 6:14, 8:14], array[8:16, 6:14, 14:20] = 2, 5
    seen = Reader(LabelMap(array, GRID)._repr_html_())
    numbers = re.search(r"labels in these planes: (.*)", seen.text)[1].split()
    assert [n for n in numbers if n.isdigit()] == ["2", "5"]
    colored = seen.picture[np.ptp(seen.picture, axis=-1) > 60]
    assert len(np.unique(colored, axis=0)) >= 2
    assert "none" in Reader(LabelMap(np.zeros_like(array), GRID)._repr_html_()).text


@pytest.mark.parametrize("transform", [IDENTITY, MOTION, FIELD, FIELD @ MOTION])
def test_transform_says_what_transform_show_says(transform: Transform) -> None:
    seen = Reader(transform._repr_html_())
    assert explain_transform(transform).plain in seen.text
    assert type(transform).__name__ in seen.text


def test_matrix_stands_in_the_view() -> None:
    assert f"{MOTION.matrix[0, 3]:.6f}" in Reader(MOTION._repr_html_()).text


def test_result_shows_verdict_motion_and_the_change(phantom: Volume) -> None:
    reasons = ("the overlap is 40 %",)
    moved = Reader(result(MOTION, phantom, status="CHECK", reasons=reasons)._repr_html_())
    for fact in ("mi", "CHECK", "the overlap is 40 %", "rotation 7.5°", "10.0 left", "1.25 s"):
        assert fact in moved.text
    before, after = np.array_split(moved.picture, 2)
    same = np.array_split(Reader(result(IDENTITY, phantom)._repr_html_()).picture, 2)
    changed = np.abs(before[:-6].astype(int) - after[6:]).mean()
    unchanged = np.abs(same[0][:-3].astype(int) - same[1][3:]).mean()
    assert changed > 5 * max(unchanged, 0.1)


def test_result_tells_the_expected_error_also_at_points(phantom: Volume) -> None:
    error = ErrorEstimate(1.2, (0.6, 2.9), 0.01)
    point = ErrorAtPoint("<b>apex", (1, 2, 3), 1.4, (0.5, 3.1), "outside")
    seen = Reader(result(MOTION, phantom, error=error, points=(point,))._repr_html_())
    assert "expected error 1.2 mm (90 %: 0.6 to 2.9 mm)" in seen.text
    assert "<b>apex1.4 mm (90 %: 0.5 to 3.1 mm)outside" in seen.text
    told = repr(result(MOTION, phantom, error=error))
    assert "\n  expected error 1.2 mm (90 %: 0.6 to 2.9 mm)" in told


def test_texts_from_elsewhere_are_escaped(phantom: Volume) -> None:
    hostile = "<script>alert('x')</script>&\""
    html = result(MOTION, phantom, reasons=(hostile,))._repr_html_()
    assert "<script" not in html
    assert hostile in Reader(html).text


@pytest.mark.parametrize("modality", ["", "pet"])
@pytest.mark.parametrize("fill", [np.nan, 0.0, np.inf, -3.0])
def test_odd_images_are_shown_too(fill: float, modality: str) -> None:
    array = np.full(GRID.shape_zyx, fill, np.float32)
    with np.errstate(invalid="ignore"):
        assert Reader(Volume(array, GRID, modality)._repr_html_()).picture.size > 0


@pytest.mark.end_to_end
@pytest.mark.timeout(60)
def test_large_and_noisy_volumes_stay_small() -> None:
    slices = np.random.default_rng(1).standard_normal((32, 512, 512), np.float32)
    noise = np.tile(slices, (10, 1, 1))
    grid = Grid(noise.shape)
    assert len(Volume(noise, grid, "pet")._repr_html_()) < LARGEST
    labels = LabelMap((noise > 4).astype(np.int32), grid)
    assert len(labels._repr_html_()) < LARGEST


def test_subclasses_are_shown_and_others_are_refused() -> None:
    class Zoomed(AffineTransform):
        pass

    assert "Zoomed" in html_of(Zoomed(np.diag([2.0, 2, 2, 1])))
    assert "chain" in html_of(TransformChain((MOTION, FIELD)))
    with pytest.raises(LookupError, match="a dict has no notebook view"):
        html_of({})


def test_views_are_named_as_text_and_imported_only_when_shown() -> None:
    code = (
        "import sys, regkit, numpy as np; v = regkit.Volume(np.eye(9)[None].repeat(9, 0), "
        "regkit.Grid((9, 9, 9))); assert 'regkit.report.notebook' not in sys.modules; "
        "v._repr_html_(); assert 'regkit.report.notebook' in sys.modules; "
        "assert 'IPython' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert {"Volume", "LabelMap", "Transform", "RegistrationResult"} == set(VIEWS)
