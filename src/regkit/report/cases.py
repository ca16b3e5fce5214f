"""A case at a glance: its images as they lie, and under the true transform."""

from __future__ import annotations

from PIL.Image import Image

from regkit.case import Case
from regkit.report.lettering import Heading
from regkit.report.picture import compare
from regkit.transform import IDENTITY


def picture_of_case(case: Case) -> Image:
    """Draw fixed and moving image before and after the true transform, in three planes."""
    heading = Heading(title=case.id, subtitle=f"patient {case.group}" if case.group else "")
    truth = case.truth or case.pair.initial or IDENTITY
    return compare(case.pair.fixed, case.pair.moving, IDENTITY, truth, heading)
