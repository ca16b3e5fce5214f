"""Make pictures and viewer scenes of selected cases from the dataset and the transforms."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regkit.benchmark.case_source import CaseReader
from regkit.benchmark.plan import CONFIG_FILE, read_plan
from regkit.datasets.case import Case
from regkit.errors import RegkitError
from regkit.geometry.motion_text import transform_in_words
from regkit.geometry.transform import AffineTransform, Transform
from regkit.io.transforms import read_transform
from regkit.registry import Registry
from regkit.report.annotation import Heading
from regkit.report.benchmark_page.case_selection import SelectedCase
from regkit.report.data_url import webp_data_url
from regkit.report.picture import comparison_picture, unregistered
from regkit.report.viewer import scene

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class CaseView:
    """A selected case on the page.

    Parameters
    ----------
    choice
        The record and the reason of its selection.
    motion
        Motion that the method found, in words.
    picture
        Picture before and after in three planes, as a data URL.
    scene
        Scene of the viewer; see `regkit.report.viewer.scene`.
    """

    choice: SelectedCase
    motion: str
    picture: str
    scene: dict[str, Any]


@dataclass(frozen=True)
class CaseViews:
    """The views of a page, and the reason why some are missing; empty if none is."""

    shown: tuple[CaseView, ...] = ()
    problem: str = ""


def make_views(
    folder: Path,
    choices: Sequence[SelectedCase],
    registry: Registry,
) -> CaseViews:
    """Make the views of selected records.

    Parameters
    ----------
    folder
        The benchmark folder; its ``config.toml`` names the dataset.
    choices
        The selected records.
    registry
        Registry with the dataset.

    Returns
    -------
    CaseViews
        Without the images there are no views, but the reason why.
    """
    if not choices:
        return CaseViews()
    try:
        cases = read_plan(folder / CONFIG_FILE).dataset.open(registry)
        index = {case: number for number, case in enumerate(cases.ids)}
        known = [c for c in choices if str(c.record["case"]) in index]
        found = _in_order(folder, cases, index, known)
    except (RegkitError, OSError) as error:
        logger.info("no pictures: %s", error)
        return CaseViews(problem=f"There are no pictures of cases: {error}")
    missing = len(choices) - len(known)
    problem = f"{missing} selected cases are no longer in the dataset." if missing else ""
    return CaseViews(tuple(found), problem)


def _in_order(
    folder: Path,
    cases: CaseReader,
    index: dict[str, int],
    choices: Sequence[SelectedCase],
) -> list[CaseView]:
    """Make the views case by case in the dataset's order; return them in the selection's order."""
    views: dict[int, CaseView] = {}
    wanted = sorted({index[str(choice.record["case"])] for choice in choices})
    for number in wanted:
        case = cases.case(number)
        for position, choice in enumerate(choices):
            if index[str(choice.record["case"])] == number:
                views[position] = _view(folder, case, choice)
    return [views[position] for position in range(len(choices))]


def _view(folder: Path, case: Case, choice: SelectedCase) -> CaseView:
    fixed, moving = case.pair.fixed, case.pair.moving
    after = transform_of(folder, choice.record)
    start = unregistered(case.pair)
    motion = transform_in_words(after, fixed.grid)
    heading = Heading(
        title=f"{choice.record['method']} on {case.id}",
        badge=str(choice.record.get("verdict") or ""),
        subtitle=f"{choice.score} {choice.value:.3g} {choice.unit}; fixed to moving: {motion}",
    )
    drawn = comparison_picture(fixed, moving, start, after, heading)
    return CaseView(choice, motion, webp_data_url(drawn), scene(fixed, moving, start, after))


def transform_of(folder: Path, record: Any) -> Transform:
    """Return a record's transform: a map of fixed to moving points, LPS mm."""
    stored = record["transform"]
    return read_transform(folder / stored) if isinstance(stored, str) else AffineTransform(stored)
