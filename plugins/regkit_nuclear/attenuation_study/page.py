"""The page of a study: one file that needs no network."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from regkit.report.data_url import webp_data_url
from regkit.report.page import machine_in_words
from regkit.report.record import to_plain_data
from regkit.report.template import template
from regkit_nuclear.attenuation_study.picture import (
    draw_difference,
    draw_residual,
    draw_slice,
)
from regkit_nuclear.attenuation_study.record import segment_rows
from regkit_nuclear.attenuation_study.sentences import study_sentences
from regkit_nuclear.attenuation_study.study import AttenuationStudy
from regkit_ventricle.polar_picture import draw_polar_map

SIDE = 560  # of a picture, pixels


def study_page(study: AttenuationStudy, record: Mapping[str, Any], title: str) -> str:
    """Return the page of a study as HTML; inserted texts are escaped.

    Parameters
    ----------
    study
        The study.
    record
        Its record; see `regkit_nuclear.attenuation_study.record`.
    title
        Heading.
    """
    images = [
        {
            "title": image.title,
            "slice": webp_data_url(draw_slice(study, image, SIDE)),
            "polar": webp_data_url(draw_polar_map(image.polar, SIDE)),
        }
        for image in study.images
    ]
    differences = [
        {"title": d.image.title, "polar": webp_data_url(draw_difference(study, d, SIDE))}
        for d in study.differences
    ]
    residual = None
    if study.residual is not None:
        residual = webp_data_url(draw_residual(study.residual.within_pct, SIDE))
    rows = list(segment_rows(study))
    page = template("attenuation.html", "regkit_nuclear.attenuation_study")
    return page.render(
        study=study,
        title=title,
        sentences=study_sentences(study),
        images=images,
        differences=differences,
        residual=residual,
        rows=rows,
        unknown=any(None in to_plain_data(row).values() for row in rows),
        machine=machine_in_words(record["environment"]),
        record=record,
        json=json.dumps(record, indent=2),
    )
