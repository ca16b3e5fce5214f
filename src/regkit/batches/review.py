"""Marks of a review: passed or failed by eye, and notes, as the page exports them."""

from __future__ import annotations

import csv
import hashlib
import io
import logging
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from regkit.errors import FileFormatError, one_line
from regkit.io.atomic_output import atomic_output
from regkit.regular_file import regular_file
from regkit.statistics.safe_text import spreadsheet_text, without_text_mark

logger = logging.getLogger(__name__)

REVIEWED_FILE = "reviewed.csv"
MARKS = ("pass", "fail")
# Characters of a digest that tell the results of a pair apart; chosen by hand.
_DIGEST_CHARACTERS = 12
# Ids that a message names; chosen by hand.
_LISTED = 5
# Columns of free text, and the id, which may begin so.
_FREE = ("id", "note", "reviewer")


@dataclass(frozen=True)
class Review:
    """Opinion of a reader on one pair.

    Parameters
    ----------
    id
        Id of the pair.
    mark
        ``pass``, ``fail``, or empty for a note only.
    note
        Free text.
    reviewed_at
        Time of the last change, ISO 8601 in UTC.
    result
        Digest of the result that was looked at; see `reviewed_digest`.
    reviewer
        Name of the reader; empty if it was not told.
    """

    id: str
    mark: str = ""
    note: str = ""
    reviewed_at: str = ""
    result: str = ""
    reviewer: str = ""


def reviewed_digest(record: Mapping[str, Any]) -> str:
    """Return a digest of a pair's transform and images; empty without a result.

    A mark counts only for what was looked at: another transform, or other images that give the
    same transform, are not.
    """
    parts = [record.get("transform_sha256"), record.get("inputs_sha256")]
    if not all(parts):
        return ""
    return hashlib.sha256("".join(map(str, parts)).encode()).hexdigest()[:_DIGEST_CHARACTERS]


def read_reviews(path: Path) -> dict[str, Review]:
    """Read the reviews in a CSV that the page of a batch exported, by the id of the pair.

    Raises
    ------
    FileFormatError
        No such file; the message gives line and column.
    """
    try:
        text = regular_file(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise FileFormatError(f"cannot read the reviews in {path}: {reason}") from error
    first = text.splitlines()[0] if text.strip() else ""
    delimiter = max(",;\t", key=first.count)
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        return {review.id: review for review in _reviews(rows, path)}
    except csv.Error as error:
        raise FileFormatError(f"{path}: line {rows.line_num + 1}: {error}") from error


def _reviews(rows: csv.DictReader[str], path: Path) -> Iterator[Review]:
    """Yield the review of each line."""
    for name in ("id", "mark"):
        if name not in (rows.fieldnames or ()):
            raise FileFormatError(
                f"{path}: line 1: there is no column '{name}'; give what index.html exports"
            )
    known = {field.name for field in fields(Review)}
    for row in rows:
        values = {name: (row[name] or "").strip() for name in known & row.keys()}
        values |= {name: without_text_mark(values[name]) for name in _FREE if name in values}
        if not values["id"]:
            raise FileFormatError(f"{path}: line {rows.line_num}, column id: is empty")
        if values["mark"] not in ("", *MARKS):
            raise FileFormatError(
                f"{path}: line {rows.line_num}, column mark: must be pass, fail or empty, got "
                f"'{one_line(values['mark'])}'"
            )
        yield Review(**values)


def write_reviews(reviews: Mapping[str, Review], path: Path) -> None:
    """Write reviews as `read_reviews` reads them."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Review)], lineterminator="\n")
    writer.writeheader()
    for review in reviews.values():
        values = asdict(review)
        writer.writerow(values | {name: spreadsheet_text(values[name]) for name in _FREE})
    with atomic_output(path.parent) as stage:
        stage.path(path.name).write_text(text.getvalue(), encoding="utf-8")


def joined_reviews(
    stored: Mapping[str, Review], new: Mapping[str, Review], results: Mapping[str, str]
) -> dict[str, Review]:
    """Join new reviews with those of the batch folder; of two for one pair the later remains.

    Parameters
    ----------
    stored, new
        Reviews by id.
    results
        Digest of the result of each pair of the batch, by id; empty if it has none now. New
        reviews of other pairs and all reviews of other results are left out, with a warning.
    """
    told = {pair_id: review for pair_id, review in new.items() if pair_id in results}
    joined = {**stored, **{i: r for i, r in told.items() if _replaces(r, stored.get(i))}}
    foreign = [pair_id for pair_id in new if pair_id not in results]
    if foreign:
        logger.warning("reviews of pairs that are not in this batch: %s", _listed(foreign))
    old = [
        review.id
        for review in joined.values()
        if review.result and results.get(review.id) and results[review.id] != review.result
    ]
    if old:
        logger.warning(
            "reviewed before they were registered again, so not counted: %s", _listed(old)
        )
    return {
        pair_id: review
        for pair_id, review in joined.items()
        if pair_id not in old and (review.mark or review.note)
    }


def counted_reviews(
    reviews: Mapping[str, Review], results: Mapping[str, str]
) -> dict[str, Review]:
    """Return the reviews of the results that there are now.

    Others are kept for the time when the batch has their pairs, or their results, again.

    Parameters
    ----------
    reviews
        Reviews by id.
    results
        Digest of the result of each pair of the batch, by id.
    """
    return {
        pair_id: review
        for pair_id, review in reviews.items()
        if pair_id in results and review.result in ("", results[pair_id])
    }


def _replaces(new: Review, stored: Review | None) -> bool:
    """Return whether a review counts instead of an earlier one.

    A pair that nobody has touched is no opinion: two readers may have begun with the same page.
    """
    if stored is None or not new.reviewed_at:
        return bool(new.mark or new.note)
    return new.reviewed_at >= stored.reviewed_at


def _listed(ids: Collection[str]) -> str:
    shown = ", ".join(one_line(pair_id) for pair_id in list(ids)[:_LISTED])
    return f"{shown} and {len(ids) - _LISTED} more" if len(ids) > _LISTED else shown
