"""Comparison of a result with mirrored positions of the moving image.

Left and right are exchanged in an image whose header does not describe the order of its voxels.
A body is nearly its own mirror image, so a registration of such an image still finds a place that
looks right; but there, the image mirrored about a plane of the body fits better.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from regkit.geometry.grid import FloatArray
from regkit.similarity.compared_points import ComparedPoints
from regkit.similarity.local_climb import climb
from regkit.similarity.small_motions import SmallMotions

# All chosen by hand on every second of 161 answers of fast-mi (heads, thighs, torsos, brains and
# simulated pairs, 85 of them mirrored). Points that the climbs use; the others judge.
POINTS = 2_000
DIRECTIONS = 64  # over half a sphere, about 18 degrees apart
CANDIDATES = 2  # of each centre
APART = 0.8  # largest cosine of two candidates
# First and last steps of the climbs, mm, and their largest number.
COARSE, FINE = ((16.0, 16.0), 2), ((8.0, 2.0), 12)
TINY = 1e-3  # keeps divisions from zero


def mirror_gains(points: ComparedPoints) -> dict[str, float]:
    """Measure how much more similar the images are with one of them mirrored.

    The result and its reflections, about planes through the centre of the body and through that of
    the other field of view, are refined by the same local climb on some of the points; the rest of
    the points judge them. If a reflection is better, so might a half turn be, which mirrors
    nothing: as many are tried.

    Returns
    -------
    dict
        ``mirror_gain``
            Similarity of the best reflection minus that of the best place that is none, each above
            1 and weighted by the fraction of points that both images show; negative for images
            that are not mirrored.
        ``mirror_gain_fraction``
            The same as a fraction of the similarity of the best place that is none.
    """
    some, others = points.split(POINTS)
    result = _best(some, np.eye(4)[np.newaxis])
    mirrored = _best(some, _candidates(some, SmallMotions.reflections))
    plain, reflected = others.weighted_similarities(np.stack([result, mirrored]))
    if reflected > plain:
        turned = _best(some, _candidates(some, SmallMotions.half_turns))
        plain = max(plain, others.weighted_similarities(turned[np.newaxis])[0])
    gain = float(reflected - plain)
    return {"mirror_gain": gain, "mirror_gain_fraction": gain / max(float(plain), TINY)}


def _candidates(
    points: ComparedPoints, motions: Callable[[SmallMotions, FloatArray], FloatArray]
) -> FloatArray:
    """Return the best motions of all directions about each of two centres, (B, 4, 4)."""
    directions = _half_sphere(DIRECTIONS)
    body = SmallMotions.of(points.body)
    middle = replace(body, centre=np.array(points.other.grid.centre))
    chosen = []
    for around in (body, middle):
        tried = motions(around, directions)
        chosen.append(tried[_best_apart(points.weighted_similarities(tried), directions)])
    return np.concatenate(chosen)


def _best_apart(scores: FloatArray, directions: FloatArray) -> list[int]:
    """Return the indices of the highest scores whose directions are far from each other."""
    chosen: list[int] = []
    for i in np.argsort(-scores).tolist():
        if (np.abs(directions[chosen] @ directions[i]) < APART).all():
            chosen.append(i)
    return chosen[:CANDIDATES]


def _best(points: ComparedPoints, motions: FloatArray) -> FloatArray:
    """Refine motions (B, 4, 4) coarsely, and return the best one (4, 4) refined."""
    score, body = points.weighted_similarities, SmallMotions.of(points.body)
    coarse = np.stack([climb(score, motion, body, *COARSE) for motion in motions])
    return climb(score, coarse[score(coarse).argmax()], body, *FINE)


def _half_sphere(count: int) -> FloatArray:
    """Return unit vectors evenly spread over half a sphere: a Fibonacci lattice, (count, 3)."""
    z = (np.arange(count) + 0.5) / count
    turn = np.arange(count) * np.pi * (3 - np.sqrt(5))
    radius = np.sqrt(1 - z**2)
    return np.stack([radius * np.cos(turn), radius * np.sin(turn), z], axis=1)
