"""Write PREFIX.html: a registration on one page that needs no network."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from regkit.geometry.motion_text import motion_in_words
from regkit.registration.choice_text import choices_in_words
from regkit.registration.error_text import error_in_words, expected_error_in_words
from regkit.registration.measure_descriptions import MeasureDescription, measure_outcomes
from regkit.report.data_url import png_data_url, webp_data_url
from regkit.report.summary import correction
from regkit.report.template import template
from regkit.report.viewer import licences, niivue, warm_color_map


def write_page(
    record: Mapping[str, Any],
    drawn: Image.Image,
    path: str | os.PathLike[str],
    scene: Mapping[str, Any] | None = None,
    *,
    small: bool = False,
    measures: Iterable[MeasureDescription] = (),
) -> None:
    """Write the page of one registration.

    Parameters
    ----------
    record
        The content of PREFIX.json; its texts are not trusted and are escaped.
    drawn
        The picture, which becomes part of the page.
    path
        The file to write.
    scene
        Images of the 3-D viewer; see `regkit.report.viewer.scene`. None for no viewer.
    small
        True for a picture with some loss, a tenth of the size.
    measures
        Descriptions of the measures of a judge of its own.
    """
    html = page(record, drawn, scene, small=small, measures=measures)
    Path(path).write_text(html, encoding="utf-8")


def page(
    record: Mapping[str, Any],
    drawn: Image.Image,
    scene: Mapping[str, Any] | None = None,
    *,
    small: bool = False,
    measures: Iterable[MeasureDescription] = (),
) -> str:
    """Return the page of one registration as HTML; see `write_page`."""
    transform = record["transform"]
    return template("registration.html").render(
        record=record,
        picture=webp_data_url(drawn) if small else png_data_url(drawn),
        correction=correction(record),
        facts=record.get("facts", ()),
        motion=motion_in_words(transform["rotation_deg"], transform["translation_mm"]),
        choices=choices_in_words(record),
        expected=expected_error_in_words(record["verdict"]),
        points=record["verdict"].get("points", ()),
        error_in_words=error_in_words,
        outcomes=measure_outcomes(record["verdict"], _coarsest_voxel_mm(record), measures),
        machine=machine_in_words(record.get("environment", {})),
        json=json.dumps(record, indent=2),
        scenes=[] if scene is None else [scene],
        niivue=niivue,
        licences=licences,
        warm=warm_color_map,
    )


def machine_in_words(environment: Mapping[str, Any]) -> str:
    """Return the machine of a record's environment as a phrase; empty if it is not known."""
    cores = environment.get("cores")
    processor = environment.get("processor") or environment.get("machine")
    parts = (processor, cores and f"{cores} cores", environment.get("gpu"))
    return ", ".join(part for part in (*parts, environment.get("system")) if part)


def _coarsest_voxel_mm(record: Mapping[str, Any]) -> float:
    """Return the longest side of a voxel of either image, mm."""
    inputs = record["inputs"]
    return max(float(side) for role in ("fixed", "moving") for side in inputs[role]["spacing_mm"])
