"""PNG files, judged by Pillow."""

import io

import numpy as np
import pytest
from PIL import Image

from regkit.report.png import encode_png

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(1, 1, 3), (5, 7, 3), (300, 200, 3)])
def test_pillow_reads_the_same_colors(shape) -> None:
    pixels = RNG.integers(0, 256, shape).astype(np.uint8)
    with Image.open(io.BytesIO(encode_png(pixels, 200.0))) as image:
        assert (image.format, image.mode) == ("PNG", "RGB")
        assert image.info["dpi"] == pytest.approx((200, 200), abs=0.01)
        image.verify()
    with Image.open(io.BytesIO(encode_png(pixels, 200.0))) as image:
        np.testing.assert_array_equal(np.asarray(image), pixels)


def test_any_layout_of_memory_is_taken() -> None:
    pixels = RNG.integers(0, 256, (40, 30, 3)).astype(np.uint8)[::2, ::-1]
    with Image.open(io.BytesIO(encode_png(pixels, 72.0))) as image:
        np.testing.assert_array_equal(np.asarray(image), pixels)
