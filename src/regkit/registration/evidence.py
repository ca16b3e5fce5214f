"""The evidence of independent registrations for or against a result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from regkit.geometry.inverse_points import invert_points
from regkit.geometry.motion_text import shift_of_patient_in_words
from regkit.geometry.rotation import nearest_rotation, rotation_angle
from regkit.geometry.transform import AffineTransform, Transform, linear_part
from regkit.registrar import Pair
from regkit.registration.error_model import (
    LEAST_ALIKE,
    LEAST_ALIKE_WITHOUT_PROOF,
    ErrorEstimate,
    ErrorModel,
    shipped_error_model,
)
from regkit.registration.result_measures import climbed, tolerance_mm
from regkit.registration.witness import (
    Witness,
    refinement_witness,
    separation_mm,
)
from regkit.similarity.compared_points import SmallerField
from regkit.similarity.improvement import NO_PROOF
from regkit.similarity.small_motions import SmallMotions

# Standard errors of a clear improvement, as `auto` asks for.
CLEARLY_BETTER = 3.0
NOTABLE_TURN_DEG = 2.0  # chosen by hand, as is the number above
LEFT_RIGHT = np.array([[1.0, 0.0, 0.0]])  # LPS


@dataclass(frozen=True, eq=False)
class Evidence:
    """Findings of other registrations of the pair about a result.

    Parameters
    ----------
    measures
        See `regkit.registration.witness.Witness.measures`; ``refinement_mm`` is the distance to
        where a refinement by another measure leads, ``agreement`` what it tells of that place
        under this name, ``needed_agreement`` what it needs for such images,
        ``mirrored_agreement`` the same where it leads from the result with left
        and right exchanged,
        ``consensus_mm`` the distance of the farthest witness where the user named some.
    better
        The witness, if it aligns the images clearly better; else None.
    apart_mm
        Distance of each witness that the user named, by its name.
    model
        Calibrated model of the error.
    """

    measures: dict[str, float]
    better: Transform | None
    apart_mm: Mapping[str, float]
    model: ErrorModel = field(default_factory=shipped_error_model)

    def estimate(
        self, pair: Pair, measures: Mapping[str, float], refused: bool = False
    ) -> ErrorEstimate:
        """Return how wrong the result probably is, by its own measures and these.

        Parameters
        ----------
        pair
            The images.
        measures
            Measures of the result.
        refused
            True if a rule makes the verdict FAIL.
        """
        return self.model.estimate({**measures, **self.measures}, tolerance_mm(pair), refused)

    def direction(self, pair: Pair, result: Transform) -> str:
        """Return a phrase for where the moving image would fit better, as the patient sees it.

        It is empty where that is within the tolerance, and explains nothing.
        """
        other = self.better
        if other is None:
            other = climbed(SmallerField.of(pair), result)
        if separation_mm(pair, other, result) < tolerance_mm(pair):
            return ""
        return better_place_in_words(pair, result, other)


def evidence_of(
    pair: Pair,
    result: Transform,
    witness: Witness,
    named: Sequence[Witness] = (),
    model: ErrorModel | None = None,
) -> Evidence:
    """Compare a result with a witness, with further ones and with its own refinement."""
    measures = witness.measures(pair, result)
    measures |= _measure_refinements(pair, result)
    measures["needed_agreement"] = needed_agreement(pair)
    apart = {other.name: separation_mm(pair, other.transform, result) for other in named}
    if apart:
        measures["consensus_mm"] = max(*apart.values(), measures["witness_mm"])
    clear = measures["witness_improvement"] > CLEARLY_BETTER
    better = witness.transform if clear else None
    return Evidence(measures, better, apart, model or shipped_error_model())


def _measure_refinements(pair: Pair, result: Transform) -> dict[str, float]:
    """Refine a result, and the same with left and right exchanged."""
    refined = refinement_witness(pair, result)
    if refined is None:
        return {}
    found = {"refinement_mm": separation_mm(pair, refined.transform, result)}
    found |= _agreement("agreement", refined)
    found |= _agreement(
        "mirrored_agreement", refinement_witness(pair, sides_exchanged(pair, result))
    )
    return found


def needed_agreement(pair: Pair) -> float:
    """Return the agreement of the descriptors below which it is doubtful that a place is right.

    More is needed where a similarity alone is no proof, in ultrasound.
    """
    is_proof = NO_PROOF.isdisjoint({pair.fixed.modality, pair.moving.modality})
    return LEAST_ALIKE if is_proof else LEAST_ALIKE_WITHOUT_PROOF


def sides_exchanged(pair: Pair, result: Transform) -> Transform:
    """Return a map before which left and right are exchanged, about the centre of the body.

    Parameters
    ----------
    pair
        The images; the header of the fixed one tells left from right.
    result
        Map from fixed to moving points, LPS mm.
    """
    body = SmallerField.of(pair).fixed_body(result)
    return result @ AffineTransform(SmallMotions.of(body).reflections(LEFT_RIGHT)[0])


def _agreement(name: str, refined: Witness | None) -> dict[str, float]:
    told = None if refined is None else refined.diagnostics.get("agreement")
    return {} if told is None else {name: float(told)}


def better_place_in_words(pair: Pair, result: Transform, other: Transform) -> str:
    """Return by how much and where the moving image has to go from a result to another map.

    Parameters
    ----------
    pair
        The images.
    result, other
        Maps from fixed to moving points, LPS mm.

    Returns
    -------
    str
        Like "the CT would fit better about 12 mm higher and 5 mm to the patient's left".
    """
    body = SmallerField.of(pair).fixed_body(result)
    shift = (body - invert_points(result, other.map_points(body))).mean(axis=0)
    centre = pair.fixed.grid.centre
    relative = np.linalg.solve(linear_part(result, centre), linear_part(other, centre))
    turn = rotation_angle(nearest_rotation(relative))
    name = pair.moving.modality.upper() if pair.moving.modality not in ("", "mu") else ""
    parts = [shift_of_patient_in_words(shift.tolist())]
    if turn > NOTABLE_TURN_DEG:
        parts.append(f"turned by {turn:.0f} degrees")
    where = " and ".join(part for part in parts if part)
    return f"the {name or 'moving image'} would fit better {where}" if where else ""
