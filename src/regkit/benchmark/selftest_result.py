"""Result of a self-test: capture range, accuracy, repeatability, agreement of the verdict."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal, TypeAlias

from regkit.benchmark.known_motions import GRADED, Kind, KnownMotion
from regkit.geometry.transform import Transform
from regkit.registrar import Status
from regkit.registration.run import RegistrationResult

# Of a run: the status of the verdict, or that the method raised an error.
Judgement: TypeAlias = Status | Literal["failed"]
JUDGEMENTS: tuple[Judgement, ...] = ("OK", "CHECK", "FAIL", "failed")

# Fraction of the runs of a size that must succeed for the size to be captured; chosen by hand.
CAPTURED = 0.9
# An answer that is off by more than so many tolerances is wrong.
WRONG_TOLERANCES = 2.0


@dataclass(frozen=True, eq=False)
class KnownMotionRun:
    """One run from a known motion.

    Parameters
    ----------
    motion
        Motion of the moving image before the run.
    seed
        Seed of the method.
    error_mm
        Mean distance of points of the body from where the reference maps them, with the motion
        undone, mm; infinite if the method raised an error.
    judgement
        Status of the verdict, or ``failed``.
    reasons
        Reasons of the verdict, or the error.
    answer
        Map found, with the motion undone: fixed to moving, LPS mm; None if the method failed.
    compute_s
        Wall seconds spent in the method; NaN if it failed.
    expected_mm
        Expected error by the verdict, mm; None without a witness.
    """

    motion: KnownMotion
    seed: int
    error_mm: float
    judgement: Judgement
    reasons: tuple[str, ...]
    answer: Transform | None
    compute_s: float
    expected_mm: float | None = None


@dataclass(frozen=True, eq=False)
class SizeResult:
    """The runs from motions of one kind and size.

    Parameters
    ----------
    kind
        Kind of the motions.
    shift_mm, rotation_deg
        Size of the motions.
    runs
        The runs.
    tolerance_mm
        Largest error of a success, mm.
    """

    kind: Kind
    shift_mm: float
    rotation_deg: float
    runs: tuple[KnownMotionRun, ...]
    tolerance_mm: float

    @property
    def within_tolerance(self) -> int:
        """Number of runs whose error is at most the tolerance."""
        return sum(run.error_mm <= self.tolerance_mm for run in self.runs)

    @property
    def captured(self) -> bool:
        """True if at least 90 % of the runs are within the tolerance."""
        return self.within_tolerance >= CAPTURED * len(self.runs)

    @property
    def median_error_mm(self) -> float:
        """Median error, mm; infinite if most runs failed."""
        return median(run.error_mm for run in self.runs)

    @property
    def largest_error_mm(self) -> float:
        """Largest error, mm; infinite if a run failed."""
        return max(run.error_mm for run in self.runs)

    @property
    def judgements(self) -> dict[Judgement, int]:
        """Number of runs by judgement."""
        counts = Counter(run.judgement for run in self.runs)
        return {judgement: counts[judgement] for judgement in JUDGEMENTS}


@dataclass(frozen=True, eq=False)
class SelfTest:
    """A method, tested by known motions of one pair.

    Errors are distances from the reference, the method's own answer: a self-test cannot tell a
    reference that is wrong.

    Parameters
    ----------
    method
        The expression that was run.
    reference
        Answer that the others are compared with, and its verdict.
    runs
        Every run but the reference.
    tolerance_mm
        Largest error of a success, mm.
    repeatability_mm
        Root mean square distance of points of the body from their mean place over the reference
        and its repeats (other seeds, motions of less than a voxel), mm; NaN if all repeats failed.
    notes
        Sentences about the reference.
    seed
        Seed of the motions and of the reference; the other runs have those that follow it.
    """

    method: str
    reference: RegistrationResult
    runs: tuple[KnownMotionRun, ...]
    tolerance_mm: float
    repeatability_mm: float
    notes: tuple[str, ...] = ()
    seed: int = 0

    @property
    def capture_mm(self) -> float:
        """Longest shift, mm, that is captured, as are all shorter ones; 0 if none is."""
        largest = self.captured_size("shift")
        return 0.0 if largest is None else largest.shift_mm

    @property
    def capture_deg(self) -> float:
        """Largest rotation, degrees, that is captured, as are all smaller ones; 0 if none is."""
        largest = self.captured_size("rotation")
        return 0.0 if largest is None else largest.rotation_deg

    @property
    def accuracy_mm(self) -> float:
        """Median error of the successful runs, repeats left out, mm; NaN without any."""
        errors = [r.error_mm for r in self.runs if r.motion.kind != "repeat" and self.succeeded(r)]
        return median(errors) if errors else math.nan

    @property
    def wrong_ok(self) -> int:
        """Number of runs that are judged OK but are off by more than twice the tolerance."""
        return sum(r.judgement == "OK" and self.is_wrong(r) for r in self.runs)

    @property
    def results(self) -> dict[str, Any]:
        """The main results as plain data; a number that does not exist is None."""
        return {
            "method": self.method,
            "capture_mm": self.capture_mm,
            "capture_deg": self.capture_deg,
            "accuracy_mm": finite_or_none(self.accuracy_mm),
            "repeatability_mm": finite_or_none(self.repeatability_mm),
            "runs": len(self.runs) + 1,
            "wrong_ok": self.wrong_ok,
        }

    def succeeded(self, run: KnownMotionRun) -> bool:
        """Return whether a run is within the tolerance."""
        return run.error_mm <= self.tolerance_mm

    def is_wrong(self, run: KnownMotionRun) -> bool:
        """Return whether a run is off by more than twice the tolerance."""
        return run.error_mm > WRONG_TOLERANCES * self.tolerance_mm

    def sizes(self, kind: Kind) -> list[SizeResult]:
        """Return the results for the motions of one kind by rising size."""
        groups: dict[tuple[float, float], list[KnownMotionRun]] = {}
        for run in self.runs:
            if run.motion.kind == kind:
                amount = run.motion.shift_mm, run.motion.rotation_deg
                groups.setdefault(amount, []).append(run)
        return [
            SizeResult(kind, *amount, tuple(runs), self.tolerance_mm)
            for amount, runs in sorted(groups.items(), key=lambda group: group[0])
        ]

    def captured_size(self, kind: Kind) -> SizeResult | None:
        """Return the largest size up to which all are captured; None if the smallest is not."""
        largest = None
        for size in self.sizes(kind):
            if not size.captured:
                break
            largest = size
        return largest

    @property
    def graded(self) -> list[SizeResult]:
        """The results of every kind and size, kind by kind."""
        return [size for kind in GRADED for size in self.sizes(kind)]

    @property
    def agreement(self) -> dict[Judgement, dict[str, int]]:
        """Number of runs by judgement and by error: within the tolerance, twice it, or beyond."""
        groups = self._by_error()
        return {
            judgement: {
                name: sum(run.judgement == judgement for run in runs)
                for name, runs in groups.items()
            }
            for judgement in JUDGEMENTS
        }

    @property
    def expected_mm(self) -> dict[str, float | None]:
        """Median of the errors, mm, that the verdict expects, by error; None without a witness."""
        expected = {
            name: [run.expected_mm for run in runs if run.expected_mm is not None]
            for name, runs in self._by_error().items()
        }
        return {name: median(values) if values else None for name, values in expected.items()}

    def _by_error(self) -> dict[str, list[KnownMotionRun]]:
        """Return the runs within the tolerance, within twice the tolerance, and beyond."""
        within = [run for run in self.runs if self.succeeded(run)]
        beyond = [run for run in self.runs if self.is_wrong(run)]
        between = [r for r in self.runs if not (self.succeeded(r) or self.is_wrong(r))]
        return {"within_tolerance": within, "within_twice": between, "beyond_twice": beyond}

    def __repr__(self) -> str:
        return (
            f"<SelfTest of {self.method}: captures {self.capture_mm:g} mm and "
            f"{self.capture_deg:g} degrees, accuracy {self.accuracy_mm:.2g} mm, repeatability "
            f"{self.repeatability_mm:.2g} mm, {len(self.runs) + 1} runs, {self.wrong_ok} wrong OK>"
        )


def finite_or_none(value: float) -> float | None:
    """Return a number, or None for one that is NaN or infinite."""
    return value if math.isfinite(value) else None
