"""Features of the ventricle that the domain guard compares, beside those of the image."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from regkit.learning.domain_guard import FEATURE_NAMES

# Position of the ventricle from the body's center of mass; along z that depends on the scan range.
POSITION = ("left_mm", "posterior_mm")
VENTRICLE_FEATURE_NAMES = {
    **FEATURE_NAMES,
    "myocardium_ml": "volume of myocardium found, in ml,",
    "left_mm": "ventricle, from the body's centre of mass to the left, in mm,",
    "posterior_mm": "ventricle, from the body's centre of mass to the back, in mm,",
}


def ventricle_position(ventricle: ArrayLike, center_of_mass: ArrayLike) -> dict[str, float]:
    """Return the position of a ventricle in a body as features.

    Parameters
    ----------
    ventricle, center_of_mass
        Points in LPS mm.
    """
    x, y, _ = np.subtract(ventricle, center_of_mass)
    return dict(zip(POSITION, (float(x), float(y)), strict=True))
