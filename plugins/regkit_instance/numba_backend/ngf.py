"""Normalised gradient fields: whether edges of both images point the same or the opposite way.

Haber and Modersitzki 2006, doi:10.1007/11866763_89.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from regkit_instance.numba_backend.compiled import compiled


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
        Of the fixed image, of length up to one, shape (3, N), float32.
    linear
        Linear parts of the maps, shape (B, 3, 3).
    limits
        Length of a moving gradient that counts as weak; fewest points that must count.
    scores
        Filled, shape (B,), from 0 to 1; minus infinity where too few count or nothing is alike.
    slopes
        Filled with the derivatives by the moving gradients, shape (3, B, N), unless it has no
        rows.
    by_linear
        Filled with the derivatives by the linear parts alone, shape (B, 3, 3).
    """
    for b in range(fields.shape[1]):
        total = counted = 0.0
        by_linear[b] = 0.0
        m = linear[b]
        for i in range(fields.shape[2]):
            gx, gy, gz = fields[0, b, i], fields[1, b, i], fields[2, b, i]
            if not (gx == gx and gy == gy and gz == gz):
                continue
            counted += 1.0
            # The gradient of the warped image: that of the moving one, turned back.
            ux = m[0, 0] * gx + m[1, 0] * gy + m[2, 0] * gz
            uy = m[0, 1] * gx + m[1, 1] * gy + m[2, 1] * gz
            uz = m[0, 2] * gx + m[1, 2] * gy + m[2, 2] * gz
            nx, ny, nz = directions[0, i], directions[1, i], directions[2, i]
            length = ux * ux + uy * uy + uz * uz + limits[0] * limits[0]
            dot = ux * nx + uy * ny + uz * nz
            alike = dot * dot / length
            total += alike
            if slopes.shape[0] == 0:
                continue
            a, c = 2.0 * dot / length, 2.0 * alike / length
            px, py, pz = a * nx - c * ux, a * ny - c * uy, a * nz - c * uz
            for j in range(3):
                g = fields[j, b, i]
                slopes[j, b, i] = m[j, 0] * px + m[j, 1] * py + m[j, 2] * pz
                by_linear[b, j, 0] += g * px
                by_linear[b, j, 1] += g * py
                by_linear[b, j, 2] += g * pz
        known = counted >= limits[1] and total > 0.0
        scores[b] = total / counted if known else -np.inf
        share = 1.0 / counted if known else 0.0
        by_linear[b] *= share
        if slopes.shape[0] > 0:
            slopes[:, b] *= np.float32(share)
