"""Main results of a self-test in words, for the terminal and the page."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from regkit.benchmark.known_motions import Kind, KnownMotion
from regkit.benchmark.selftest_result import SelfTest, SizeResult

KIND_NAMES: Mapping[Kind, str] = {
    "repeat": "repeat",
    "shift": "shift",
    "rotation": "rotation",
    "both": "shift and rotation",
}


@dataclass(frozen=True)
class SelfTestFact:
    """A main result: its name, its value, and the meaning of the value."""

    name: str
    value: str
    meaning: str


def selftest_facts(test: SelfTest) -> list[SelfTestFact]:
    """Return the main results of a self-test, each with its meaning."""
    tolerance = f"{test.tolerance_mm:g} mm"
    captured = (
        "largest tested size up to which, all smaller ones included, at least 90 % of the runs "
        f"end within {tolerance} of the reference"
    )
    return [
        SelfTestFact("capture range, shifts", _capture(test, "shift"), captured),
        SelfTestFact("capture range, rotations", _capture(test, "rotation"), captured),
        SelfTestFact("capture range, both together", _capture(test, "both"), captured),
        SelfTestFact(
            "accuracy",
            length_text(test.accuracy_mm),
            f"median distance from the reference of the runs that end within {tolerance} of it",
        ),
        SelfTestFact(
            "repeatability",
            length_text(test.repeatability_mm),
            "root mean square distance of the answers from their mean, with other seeds and from "
            "motions of less than a voxel",
        ),
        SelfTestFact(
            "wrong but OK",
            f"{test.wrong_ok} of {sum(map(test.is_wrong, test.runs))} wrong",
            f"runs judged OK that end more than {2 * test.tolerance_mm:g} mm from the reference",
        ),
        SelfTestFact(
            "right and OK",
            f"{test.agreement['OK']['within_tolerance']} of "
            f"{sum(map(test.succeeded, test.runs))} right",
            f"runs judged OK that end within {tolerance} of the reference",
        ),
    ]


def size_text(motion: SizeResult | KnownMotion) -> str:
    """Return the size of a motion, or of all of one size."""
    parts = [
        f"{motion.shift_mm:.3g} mm" if motion.shift_mm else "",
        f"{motion.rotation_deg:.3g}°" if motion.rotation_deg else "",
    ]
    return ", ".join(part for part in parts if part)


def length_text(value_mm: float) -> str:
    """Return a distance; ``-`` for one that does not exist."""
    if not math.isfinite(value_mm):
        return "-"
    return f"{value_mm:.2f} mm" if value_mm < 10 else f"{value_mm:.0f} mm"


def _capture(test: SelfTest, kind: Kind) -> str:
    sizes, largest = test.sizes(kind), test.captured_size(kind)
    if largest is None:
        return f"none, not even {size_text(sizes[0])}"
    is_last = size_text(largest) == size_text(sizes[-1])
    more = is_last and not (kind == "rotation" and largest.rotation_deg == 180)
    return f"at least {size_text(largest)}" if more else size_text(largest)
