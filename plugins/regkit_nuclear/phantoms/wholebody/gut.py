"""Stomach, small bowel, colon and rectum."""

from __future__ import annotations

import numpy as np

from regkit_nuclear.painting.canvas import PaintedPart
from regkit_nuclear.painting.random_streams import chance, uniform
from regkit_nuclear.painting.solids import Solid, ball, half_space, path
from regkit_nuclear.phantoms.wholebody.abdomen import organ_space
from regkit_nuclear.phantoms.wholebody.frame import BodyFrame
from regkit_nuclear.phantoms.wholebody.organs import part
from regkit_nuclear.phantoms.wholebody.uptake import HU, WholeBodyUptake

_COLON = np.array(
    [
        (-80, 8, -285),
        (-86, 18, -215),
        (-88, 8, -150),
        (-66, -34, -146),
        (-24, -58, -158),
        (26, -60, -150),
        (62, -36, -112),
        (90, 8, -78),
        (92, 24, -140),
        (90, 14, -220),
        (80, 0, -285),
        (46, -8, -318),
        (16, 14, -300),
        (-4, 40, -318),
        (0, 46, -360),
        (0, 44, -412),
    ],
    dtype=float,
)


def stomach(
    frame: BodyFrame, uptake: WholeBodyUptake, rng: np.random.Generator
) -> list[PaintedPart]:
    """Paint the stomach: wall, contents, and gas at the front."""
    size = uniform(rng, 0.75, 1.1)
    centres = [(50, 14, -28), (56, -18, -66), (34, -42, -104), (4, -44, -110), (-24, -34, -104)]
    radii = [32, 29, 23, 18, 12]
    outer = path(centres, [r * size for r in radii]) & organ_space(frame)
    inner = outer.grown(-5)
    gas = inner & half_space((0, 1, 0), uniform(rng, -46, -18))
    return [
        part(outer, HU["soft"], uptake["stomach"], "stomach"),
        part(inner, HU["bowel"] - 15, 0.35 * uptake["stomach"]),
        part(gas, HU["gas"], uptake["gas"]),
    ]


def small_bowel(
    frame: BodyFrame, uptake: WholeBodyUptake, rng: np.random.Generator
) -> list[PaintedPart]:
    """Paint the duodenum and many loops."""
    space = organ_space(frame).grown(-1)
    duodenum = path(
        [(-24, -34, -104), (-46, -14, -112), (-48, 4, -168), (-10, 14, -178), (26, -2, -142)], 12
    )
    parts = [part(duodenum & space, HU["bowel"], uptake["small_bowel"], "small_bowel")]
    for _ in range(20):
        parts += _loop(space, uptake, rng)
    return parts


def colon(
    frame: BodyFrame, uptake: WholeBodyUptake, rng: np.random.Generator
) -> list[PaintedPart]:
    """Paint the colon from caecum to rectum, with haustra, stool and gas."""
    space = organ_space(frame).grown(-1) | frame.belly.grown(-2)
    points = _COLON + rng.normal(0, 5, _COLON.shape) * (np.arange(len(_COLON)) < 13)[:, None]
    parts = []
    for i in range(len(points) - 1):
        radius = 21 if i < 3 else 18 if i < 9 else 15
        tube = _haustra(points[i], points[i + 1], radius * uniform(rng, 0.85, 1.15)) & space
        suv = uptake["colon"] * uniform(rng, 0.6, 1.5)
        parts.append(part(tube, HU["bowel"], suv, "colon"))
        parts.append(part(tube.grown(-3.5), HU["stool"], 0.7 * suv))
        if chance(rng, 0.45):
            level = float(points[i : i + 2, 1].mean()) + uniform(rng, -8, 6)
            bubble = tube.grown(-3.5) & half_space((0, 1, 0), level)
            parts.append(part(bubble, HU["gas"], uptake["gas"]))
    return parts


def _haustra(start: np.ndarray, end: np.ndarray, radius: float) -> Solid:
    count = max(int(np.linalg.norm(end - start) / 22), 1)
    tube = path([start, end], 0.8 * radius)
    for fraction in (np.arange(count) + 0.5) / count:
        tube = tube.blended(ball(start + fraction * (end - start), radius), 6)
    return tube


def _loop(space: Solid, uptake: WholeBodyUptake, rng: np.random.Generator) -> list[PaintedPart]:
    """Return the parts of a meandering loop of small bowel."""
    start = np.array((uniform(rng, -62, 66), uniform(rng, -58, -6), uniform(rng, -300, -165)))
    points = [start]
    for _ in range(3):
        step = rng.normal(0, 1, 3)
        points.append(points[-1] + step / np.linalg.norm(step) * uniform(rng, 24, 40))
    tube = path(points, uniform(rng, 9.5, 13)) & space
    suv = uptake["small_bowel"] * uniform(rng, 0.6, 1.5)
    parts = [part(tube, HU["bowel"] + uniform(rng, -10, 10), suv, "small_bowel")]
    if chance(rng, 0.15):
        parts.append(part(tube.grown(-4) & half_space((0, 1, 0), start[1]), HU["gas"], 0.5))
    return parts
