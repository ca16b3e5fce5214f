"""The emission-transmission index: the share of the myocardium that lies on lung or air.

Chen et al. (J Nucl Cardiol 2006;13:43) compare the myocardium of the emission image with the
mediastinum of the transmission image, heart included: more than 3 % of the myocardium outside of
it is a misalignment that impairs the correction, and so is a shift of more than a voxel.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from regkit.geometry.grid import FloatArray
from regkit.geometry.transform import IDENTITY, AffineTransform, Transform
from regkit.geometry.volume import Volume
from regkit.similarity.point_sample import values_at

# Chen et al.: 3 % and less is acceptable.
MAX_ETI_PCT = 3.0
# Halfway between lung (0.042/cm at 140 keV) and myocardium (0.160/cm), relative to soft tissue
# (0.155/cm): linear interpolation keeps their boundary at this value, as in the score `eti_pct`.
# Fat is above it; in a real attenuation map it cannot be told from muscle.
LUNG_FRACTION = 0.65
# Less of the myocardium within the transmission image gives no index; chosen by hand.
LEAST_COVERAGE = 0.5
DIRECTIONS: Mapping[str, tuple[int, int, int]] = {
    "left": (1, 0, 0),
    "right": (-1, 0, 0),
    "posterior": (0, 1, 0),
    "anterior": (0, -1, 0),
    "superior": (0, 0, 1),
    "inferior": (0, 0, -1),
}


def emission_transmission_index(
    myocardium: FloatArray, mu: Volume, tissue_per_cm: float, transform: Transform = IDENTITY
) -> float | None:
    """Return the percentage of the myocardium that the attenuation map shows as lung or air.

    Parameters
    ----------
    myocardium
        Points of the myocardium in the emission image, LPS mm, shape (N, 3).
    mu
        Attenuation map, 1/cm.
    tissue_per_cm
        Attenuation of soft tissue in it, 1/cm.
    transform
        Map of points of the emission to points of the transmission image, LPS mm.

    Returns
    -------
    float or None
        Percentage of the points within the attenuation map; None where it shows less than half of
        the myocardium.
    """
    values = values_at(mu, transform.map_points(myocardium))
    known = np.isfinite(values)
    if known.mean() < LEAST_COVERAGE:
        return None
    return float(100 * np.mean(values[known] < LUNG_FRACTION * tissue_per_cm))


def index_after_shifts(
    myocardium: FloatArray, mu: Volume, tissue_per_cm: float, voxel_mm: tuple[float, float, float]
) -> dict[str, float | None]:
    """Return the index after the transmission image is moved by one voxel in each direction.

    Parameters
    ----------
    myocardium, mu, tissue_per_cm
        See `emission_transmission_index`.
    voxel_mm
        Voxel of the emission image along the patient's axes x, y, z, mm.
    """
    return {
        name: emission_transmission_index(
            myocardium, mu, tissue_per_cm, AffineTransform.shift(-np.multiply(way, voxel_mm))
        )
        for name, way in DIRECTIONS.items()
    }
