"""The page of a pair and its pictures for review, in the folder ``pages`` of a batch."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from PIL import Image

from regkit.geometry.transform import Transform
from regkit.io.atomic_output import OutputStage, atomic_output
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
    with atomic_output(folder / PAGES) as stage:
        _write_pictures({"before": before, "after": after}, name, stage)
        write_page(saved.record, _drawn(saved), stage.path(f"{name}.html"), small=True)


def write_picture_pages(saved: Saved, name: str, folder: Path) -> None:
    """Write the page and the picture of a reorientation as the page and pictures of a row.

    Parameters
    ----------
    saved
        Files of the reorientation, PREFIX.png and PREFIX.html among them.
    name, folder
        Parameters of `write_review_pages`.
    """
    page = next(path for path in saved.files if path.suffix == ".html")
    with atomic_output(folder / PAGES) as stage:
        _write_pictures({"after": _drawn(saved)}, name, stage)
        shutil.copyfile(page, stage.path(f"{name}.html"))


def _drawn(saved: Saved) -> Image.Image:
    """Return the picture among the files of a result."""
    with Image.open(next(path for path in saved.files if path.suffix == ".png")) as drawn:
        return drawn.convert("RGB")


def _write_pictures(pictures: Mapping[str, Image.Image], name: str, stage: OutputStage) -> None:
    """Write pictures by their endings, and the thumbnail of that after."""
    small = pictures["after"].copy()
    small.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
    for ending, image in {**pictures, "small": small}.items():
        image.save(stage.path(f"{name}_{ending}.webp"), "WEBP", quality=_QUALITY, method=4)


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
