"""The main results of a study as sentences."""

from __future__ import annotations

import numpy as np

from regkit_nuclear.attenuation_study.residual import ResidualEffect
from regkit_nuclear.attenuation_study.study import AttenuationStudy
from regkit_ventricle.segments import SEGMENTS


def study_sentences(study: AttenuationStudy) -> list[str]:
    """Return the main results as sentences, for the picture, the page and the terminal."""
    sentences = []
    for difference in study.differences:
        name, largest = difference.largest
        sentences.append(
            f"{difference.image.title}: NMSE {difference.nmse_pct:.2f} %, NMAE "
            f"{difference.nmae_pct:.1f} % against '{study.reference.title}'; segments differ by "
            f"up to {largest:+.1f} % ({name})"
        )
    if study.mu_errors_pct is not None:
        nmse, nmae = study.mu_errors_pct
        sentences.append(
            f"the map itself, header against aligned: NMSE {nmse:.2f} %, NMAE {nmae:.1f} %"
        )
    if study.residual is not None:
        sentences.append(_residual_sentence(study.residual))
    return sentences


def _residual_sentence(residual: ResidualEffect) -> str:
    asked, within = residual.misalignment, residual.within_pct
    remains = (
        f"if {asked.shift_mm:g} mm and {asked.rotation_deg:g}° (root mean square) of "
        "misalignment remain"
    )
    unknown = int(np.isnan(within).sum())
    if unknown == len(within):
        return f"{remains}, their effect is unknown: no wall with uptake was found"
    worst, best = int(np.nanargmax(within)), int(np.nanargmin(within))
    others = f"; unknown in {unknown} of {len(within)} segments" if unknown else ""
    return (
        f"{remains}, 95 % of the values lie within ±{within[best]:.1f} % "
        f"({SEGMENTS[best].name}) to ±{within[worst]:.1f} % ({SEGMENTS[worst].name}){others}"
    )
