"""Normalized gradient fields: edges of both images with equal or opposite directions.

Haber and Modersitzki 2006, doi:10.1007/11866763_89.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from regkit.compiled import compiled


@compiled
def gradient_fields(
    fields: Any,
    directions: Any,
    linear: Any,
    limits: Any,
    scores: Any,
    slopes: Any,
    by_linear: Any,
) -> None:
    """Score rows of moving gradients by the mean squared cosine with the fixed ones.

    Parameters
    ----------
    fields
        Gradients of the moving image by mm, x, y, z, shape (3, B, N), float32; NaN does not count.
    directions
        Directions of the fixed gradients, with lengths up to one, shape (3, N), float32.
    linear
        Linear parts of the maps, shape (B, 3, 3).
    limits
        Length of a moving gradient that counts as weak; smallest number of known points.
    scores
        Filled, shape (B,), from 0 to 1; minus infinity where too few points are known or all
        cosines are zero.
    slopes
        Filled with the derivatives by the moving gradients, shape (3, B, N), unless it has no
        rows.
    by_linear
        Filled with the derivatives by the linear parts alone, shape (B, 3, 3).
    """
    for b in range(fields.shape[1]):
        by_linear[b] = 0.0
        counted, total = add_cosines(
            b, fields, directions, linear[b], limits[0], slopes, by_linear[b]
        )
        known = counted >= limits[1] and total > 0.0
        scores[b] = total / counted if known else -np.inf
        weight = 1.0 / counted if known else 0.0
        by_linear[b] *= weight
        if slopes.shape[0] > 0:
            slopes[:, b] *= np.float32(weight)


@compiled
def add_cosines(
    b: int, fields: Any, directions: Any, m: Any, weak: float, slopes: Any, by_linear: Any
) -> tuple[float, float]:
    """Return the number of known points of row `b` and the sum of their squared cosines.

    Fills in the slopes of the row, and adds to the derivatives by its linear part `m`.
    """
    total = counted = 0.0
    for i in range(fields.shape[2]):
        gx, gy, gz = fields[0, b, i], fields[1, b, i], fields[2, b, i]
        if not (gx == gx and gy == gy and gz == gz):
            continue
        counted += 1.0
        # Gradient of the warped image, by the chain rule.
        ux = m[0, 0] * gx + m[1, 0] * gy + m[2, 0] * gz
        uy = m[0, 1] * gx + m[1, 1] * gy + m[2, 1] * gz
        uz = m[0, 2] * gx + m[1, 2] * gy + m[2, 2] * gz
        nx, ny, nz = directions[0, i], directions[1, i], directions[2, i]
        length = ux * ux + uy * uy + uz * uz + weak * weak
        dot = ux * nx + uy * ny + uz * nz
        cosine = dot * dot / length
        total += cosine
        if slopes.shape[0] == 0:
            continue
        a, c = 2.0 * dot / length, 2.0 * cosine / length
        px, py, pz = a * nx - c * ux, a * ny - c * uy, a * nz - c * uz
        for j in range(3):
            g = fields[j, b, i]
            slopes[j, b, i] = m[j, 0] * px + m[j, 1] * py + m[j, 2] * pz
            by_linear[j, 0] += g * px
            by_linear[j, 1] += g * py
            by_linear[j, 2] += g * pz
    return counted, total
