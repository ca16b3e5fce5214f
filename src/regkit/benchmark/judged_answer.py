"""An answer to a pair with a known truth, and what the verdict made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from regkit.registrar import Status
from regkit.registration.error_model import WRONG_TOLERANCES, ErrorEstimate, ErrorModel
from regkit.registration.verdict_rules import is_refused, status_by_estimate

# Errors beyond which an answer is as useless as one to a pair without a truth; chosen by hand.
HOPELESS_MM = 50.0


@dataclass(frozen=True, eq=False)
class JudgedAnswer:
    """An answer with its true error, and the verdict on it.

    Parameters
    ----------
    dataset
        Name of the data that the pair is of.
    person
        Person shown; the answers of one are statistically dependent.
    method
        Method that answered, or a name for an error that was made.
    tolerance_mm
        Error up to which an answer is good, mm.
    error_mm
        True error, mm; None where no answer is right.
    status
        Status of the verdict.
    measures
        Evidence of the verdict.
    variant
        Name for the way in which the pair was changed; empty for none.
    error
        Estimate of the verdict; None without one.
    """

    dataset: str
    person: str
    method: str
    tolerance_mm: float
    error_mm: float | None
    status: Status
    measures: Mapping[str, float] = field(default_factory=dict)
    variant: str = ""
    error: ErrorEstimate | None = None

    @property
    def is_good(self) -> bool:
        """True if the error is within the tolerance."""
        return self.error_mm is not None and self.error_mm <= self.tolerance_mm

    @property
    def is_wrong(self) -> bool:
        """True if the error is beyond twice the tolerance, or no answer is right."""
        return self.error_mm is None or self.error_mm > WRONG_TOLERANCES * self.tolerance_mm

    @property
    def is_hopeless(self) -> bool:
        """True if the error is beyond `HOPELESS_MM`, or no answer is right."""
        return self.error_mm is None or self.error_mm > HOPELESS_MM

    @property
    def is_covered(self) -> bool | None:
        """True if the estimated interval holds the error; None without the one or the other."""
        if self.error is None or self.error_mm is None:
            return None
        low, high = self.error.interval_mm
        return low <= self.error_mm <= high

    @property
    def has_evidence(self) -> bool:
        """True if a witness was asked, without which no error can be estimated."""
        return "witness_mm" in self.measures

    @property
    def status_by_estimate(self) -> Status:
        """Status by the measures and the estimate, which may be of another model."""
        if self.error is None:
            return self.status
        return status_by_estimate(self.measures, self.tolerance_mm, self.error.probability_bad)

    def estimated_by(self, model: ErrorModel) -> Self:
        """Return the answer with the estimate of another model; the status stays."""
        refused = is_refused(self.measures, self.tolerance_mm)
        return replace(self, error=model.estimate(self.measures, self.tolerance_mm, refused))
