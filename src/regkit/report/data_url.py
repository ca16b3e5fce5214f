"""Pictures as data URLs, so that a page holds them and needs no other file."""

from __future__ import annotations

import base64
import io

from PIL import Image

from regkit.report.picture import write_picture

# Of WebP, 0 to 100; chosen by hand: the text on the pictures stays sharp.
WEBP_QUALITY = 82


def png_data_url(image: Image.Image) -> str:
    """Return a picture without loss, fast rather than smallest."""
    buffer = io.BytesIO()
    write_picture(image, buffer)
    return _data_url("png", buffer.getvalue())


def small_png_data_url(image: Image.Image, largest_bytes: int) -> str:
    """Return a picture in at most 256 colours, made smaller until its PNG is small enough.

    Parameters
    ----------
    image
        Picture in RGB.
    largest_bytes
        Upper limit of the PNG in bytes; base64 adds a third.
    """
    while True:
        buffer = io.BytesIO()
        image.quantize(256, Image.Quantize.MEDIANCUT).save(buffer, "PNG", optimize=True)
        if buffer.tell() <= largest_bytes or min(image.size) < 16:
            return _data_url("png", buffer.getvalue())
        width, height = image.size
        image = image.resize((width * 4 // 5, height * 4 // 5), Image.Resampling.LANCZOS)


def webp_data_url(image: Image.Image) -> str:
    """Return a picture with some loss, a tenth of the size of PNG."""
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=WEBP_QUALITY, method=4)
    return _data_url("webp", buffer.getvalue())


def _data_url(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
