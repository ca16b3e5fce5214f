"""The page of a self-test: one file that needs no network."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from regkit.benchmark.known_motions import GRADED
from regkit.benchmark.selftest_result import SelfTest
from regkit.geometry.motion_text import transform_in_words
from regkit.report.data_url import png_data_url
from regkit.report.picture import picture
from regkit.report.selftest_plot import selftest_plot
from regkit.report.selftest_text import KIND_NAMES, length_text, selftest_facts, size_text
from regkit.report.template import template


def selftest_page(test: SelfTest, record: Mapping[str, Any]) -> str:
    """Return the page of a self-test as HTML; texts of the record are escaped.

    Parameters
    ----------
    test
        The self-test.
    record
        Its record; see `regkit.report.selftest_record`.
    """
    reference = test.reference
    wrong = [run for run in test.runs if run.judgement == "OK" and test.is_wrong(run)]
    return template("selftest.html").render(
        test=test,
        record=record,
        facts=selftest_facts(test),
        plots={KIND_NAMES[kind]: selftest_plot(test, kind) for kind in GRADED},
        kinds=KIND_NAMES,
        size_text=size_text,
        length_text=length_text,
        wrong_ok=wrong,
        motion=transform_in_words(reference.transform, reference.pair.fixed.grid),
        picture=png_data_url(picture(reference)),
        json=json.dumps(record, indent=2),
    )
