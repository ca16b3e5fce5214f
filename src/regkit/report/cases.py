"""Picture of a case: its images before registration and under the true transform."""

from __future__ import annotations

from PIL.Image import Image

from regkit.datasets.case import Case
from regkit.geometry.transform import IDENTITY
from regkit.report.annotation import Heading
from regkit.report.picture import comparison_picture


def picture_of_case(case: Case) -> Image:
    """Draw fixed and moving image before and after the true transform, in three planes."""
    heading = Heading(title=case.id, subtitle=f"patient {case.group}" if case.group else "")
    truth = case.truth or case.pair.initial or IDENTITY
    return comparison_picture(case.pair.fixed, case.pair.moving, IDENTITY, truth, heading)
