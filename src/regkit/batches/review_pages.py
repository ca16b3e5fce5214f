"""The page of a pair and its pictures for review, in the folder ``pages`` of a batch."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from regkit.geometry.transform import Transform
from regkit.io.atomic_output import atomic_output
from regkit.registration.run import RegistrationResult
from regkit.registration.saved import Saved
from regkit.report.annotation import mark_sides
from regkit.report.fusion import DisplayRange, overlay, pixels
from regkit.report.page import write_page
from regkit.report.picture import unregistered
from regkit.report.slice_planes import Plane, orthogonal_planes

PAGES = "pages"
# Pixels of a plane in the pictures that the slider compares, and of a thumbnail of three planes;
# chosen by hand: three planes fill a dialog of 1,200 pixels.
PLANE, TALLEST, THUMBNAIL = 380, 460, 300
_GAP = 6
# Of WebP, 0 to 100; chosen by hand.
_QUALITY = 78


def page_files(name: str) -> tuple[str, ...]:
    """Return the names of a pair's files in the folder of pages."""
    return f"{name}.html", *(f"{name}_{ending}.webp" for ending in ("before", "after", "small"))


def write_review_pages(result: RegistrationResult, saved: Saved, name: str, folder: Path) -> None:
    """Write the page of a pair, its pictures before and after, and its thumbnail.

    Parameters
    ----------
    result
        The registration.
    saved
        Its record and files, PREFIX.png among them.
    name
        Beginning of the names of the files.
    folder
        Batch folder.
    """
    before, after = before_and_after(result)
    thumbnail = after.copy()
    thumbnail.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
    with atomic_output(folder / PAGES) as stage:
        for ending, image in (("before", before), ("after", after), ("small", thumbnail)):
            image.save(stage.path(f"{name}_{ending}.webp"), "WEBP", quality=_QUALITY, method=4)
        png = next(path for path in saved.files if path.suffix == ".png")
        with Image.open(png) as drawn:
            write_page(saved.record, drawn.convert("RGB"), stage.path(f"{name}.html"), small=True)


def before_and_after(result: RegistrationResult) -> tuple[Image.Image, Image.Image]:
    """Draw the overlay of both images in three planes, before and after; of one size."""
    pair = result.shown
    displays = DisplayRange.of(pair.fixed), DisplayRange.of(pair.moving)
    planes = orthogonal_planes(pair.fixed, PLANE, TALLEST, pair.moving, result.transform)

    def panel(plane: Plane, transform: Transform) -> Image.Image:
        values = plane.sample(pair.fixed), plane.sample(pair.moving, transform)
        image = Image.fromarray(pixels(overlay(*values, displays)))
        mark_sides(image, plane)
        return image

    def drawn(transform: Transform) -> Image.Image:
        return _side_by_side([panel(plane, transform) for plane in planes])

    return drawn(unregistered(pair)), drawn(result.transform)


def _side_by_side(panels: list[Image.Image]) -> Image.Image:
    """Put pictures beside each other on black, centered from top to bottom."""
    width = sum(panel.width for panel in panels) + _GAP * (len(panels) - 1)
    height = max(panel.height for panel in panels)
    strip, left = Image.new("RGB", (width, height)), 0
    for panel in panels:
        strip.paste(panel, (left, (height - panel.height) // 2))
        left += panel.width + _GAP
    return strip
