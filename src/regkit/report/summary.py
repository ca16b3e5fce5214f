"""Summarize a registration or reorientation in a few lines for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from regkit.geometry.motion_text import correction_in_words
from regkit.registration.choice_text import choices_in_words
from regkit.registration.error_text import error_in_words, expected_error_in_words


def summary(record: Mapping[str, Any], files: Sequence[Path]) -> str:
    """Describe a registration; the first word is the status of its verdict.

    Parameters
    ----------
    record
        The content of PREFIX.json; the ``facts`` of a reorientation replace the measures of the
        verdict.
    files
        The files that were written.
    """
    verdict = record["verdict"]
    text = f"{verdict['status']}  {record['method']}: {_motion(record['transform'])}\n"
    text += f"  {said}\n" if (said := correction(record)) else ""
    for sentence in choices_in_words(record):
        text += f"  {sentence}\n"
    for reason in verdict["reasons"]:
        text += f"  - {reason}\n"
    facts = [f"  {fact}\n" for fact in record.get("facts", ())]
    text += "".join(facts) or _expected_errors(verdict) + _measures(verdict["measures"])
    times = record["timing_s"]
    text += (
        f"  read {times['load']:.1f} s, registered {times['compute']:.1f} s, "
        f"written {times['save']:.1f} s\n"
    )
    return f"{text}  wrote {', '.join(str(file) for file in files)}"


def correction(record: Mapping[str, Any]) -> str:
    """Return a sentence on which way to move the moving image of a registration.

    Parameters
    ----------
    record
        The content of PREFIX.json. The sentence is empty for a result that is not to be used, for
        an initial transform that was only kept because the result was rejected, and for a
        reorientation, whose fixed image is no image of the patient.
    """
    told = record.get("diagnostics", {})
    is_start = told.get("initial_kept") and "stages" not in told  # of a chain, it is a result
    if record["verdict"]["status"] == "FAIL" or is_start or "facts" in record:
        return ""
    transform, modality = record["transform"], record["inputs"]["moving"]["modality"]
    moving = f"moving image ({modality.upper()})" if modality else "moving image"
    return correction_in_words(transform["matrix"], transform["translation_mm"], moving)


def _motion(transform: Mapping[str, Any]) -> str:
    x, y, z = transform["translation_mm"]
    return (
        f"{transform['model']}, rotation {transform['rotation_deg']:.2f} degrees, "
        f"translation of the centre ({x:.2f}, {y:.2f}, {z:.2f}) mm (LPS, fixed to moving)"
    )


def _expected_errors(verdict: Mapping[str, Any]) -> str:
    """Return lines with the expected error, and with that at points; empty if it is not known."""
    points = verdict.get("points", ())
    longest = max((len(point["name"]) for point in points), default=0)
    words = expected_error_in_words(verdict)
    lines = [words] if words else []
    for point in points:
        words = error_in_words(point["expected_error_mm"], point["interval_mm"])
        remark = f"; {point['remark']}" if "remark" in point else ""
        lines.append(f"  at {point['name']:{longest}}  {words}{remark}")
    return "".join(f"  {line}\n" for line in lines)


def _measures(measures: Mapping[str, float]) -> str:
    if "similarity" not in measures:  # not judged, or not by similarity
        return ""
    return (
        f"  {measures['overlap']:.0%} of the body in the smaller field of view lies inside the "
        f"other image; similarity {measures['similarity']:.3f}, "
        f"{measures['gain_over_start']:+.3f} over the initial transform, "
        f"{measures['gain_over_identity']:+.3f} over the identity "
        "(1: independent, 2: each image determines the other)\n"
    )
