"""``spect-ct-hard``: SPECT and mu-maps with much that misleads in clinics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from regkit_nuclear.cohorts.spect_ct import SpectCt


@dataclass(frozen=True)
class SpectCtHard(SpectCt):
    """Myocardial perfusion SPECT (fixed) and attenuation maps (moving), with much that misleads.

    The cohort ``spect-ct`` with other defaults: few counts, much uptake below the diaphragm,
    another phase of breathing in the CT, and a CT of part of the slices that does not show all of
    the body in them.
    """

    name: ClassVar[str] = "spect-ct-hard"

    # Chosen by hand on 16 cases of the split for training: mutual information is left with 6.2 mm
    # and 2.8 degrees there, on patients with 7.96 mm and 2.80 degrees (Chen et al., MICCAI 2022).
    coverage: tuple[float, float] = (0.35, 0.6)
    diameter_mm: float = 380.0
    respiration: bool = True
    extracardiac: tuple[float, float] = (1.0, 3.0)
    counts: float | None = 1.5e6
