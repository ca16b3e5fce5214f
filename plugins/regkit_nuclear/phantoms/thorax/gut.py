"""The gut: colon and loops of small bowel, some with gas."""

from __future__ import annotations

import numpy as np

from regkit.geometry.grid import Vector3
from regkit_nuclear.painting.random_streams import RandomStream, generator, truncated_lognormal
from regkit_nuclear.painting.shapes import (
    Capsule,
    Field,
    RandomField,
    as_field,
    intersection,
    union_distance,
    vector,
)
from regkit_nuclear.phantoms.thorax.abdomen import AbdomenPainter
from regkit_nuclear.phantoms.thorax.habitus import Habitus
from regkit_nuclear.phantoms.thorax.organs import MU
from regkit_nuclear.phantoms.thorax.scene import Scene

_WALL_MM = 4.0
_LOOPS = 14


def paint_gut(abdomen: AbdomenPainter) -> None:
    """Paint the gut between the solid organs; every loop has its own uptake."""
    rng = generator(abdomen.seed, RandomStream.GUT)
    solid = union_distance(abdomen.liver + 3, abdomen.stomach - 2, *abdomen.kidneys.values())
    free = intersection(abdomen.space + 3, -solid, abdomen.off_spine)
    loops = [*_colon(rng, abdomen.habitus), *_small_bowel(rng, abdomen.habitus)]
    if abdomen.shape.gut_near_heart:
        loops.append(_near_heart(rng, abdomen.habitus))
    patches = RandomField.draw(rng, 0.35, (25, 60)).on(abdomen.material_grid)[0]
    contents = as_field(abdomen.uptake.gut * np.clip(1 + patches, 0.3, 2))
    for loop in loops:
        _paint_loop(abdomen.scene, rng, loop, free, contents)


def _paint_loop(
    scene: Scene, rng: np.random.Generator, loop: Capsule, free: Field, contents: Field
) -> None:
    box = scene.box(*loop.bounds)
    distance = intersection(loop.distance(scene.points.crop(box)), free[box])
    activity = contents[box] * truncated_lognormal(rng, 0.6, 0.8, 0.08, 2.0)
    scene.paint(box, distance, "gut", MU["soft"], activity)
    start, length = rng.uniform(0, 0.7), rng.uniform(0.1, 0.4)
    if rng.random() < 0.3:
        along = np.subtract(loop.end, loop.start)
        first, last = (loop.start + fraction * along for fraction in (start, start + length))
        bubble = Capsule(vector(first), vector(last), loop.radius - _WALL_MM)
        scene.paint_shape(bubble, "gas", 0.01, 0.0, (free + _WALL_MM,))


def _colon(rng: np.random.Generator, habitus: Habitus) -> list[Capsule]:
    """Return the colon, from the caecum's side up, across in front, and down on the left."""
    a, b, s = habitus.chest_half_width, habitus.chest_half_depth, habitus.scale
    top = habitus.dome_left
    corners: list[Vector3] = [
        (-0.62 * a, 0.05 * b, -300),
        (-0.60 * a, -0.05 * b, -215 * s),
        (-0.58 * a, -0.35 * b, -165 * s),
        (-0.28 * a, -0.62 * b, -168 * s),
        (0.02 * a, -0.66 * b, -158 * s),
        (0.34 * a, -0.60 * b, -124 * s),
        (0.62 * a, -0.05 * b, top - 66),
        (0.69 * a, 0.18 * b, -170 * s),
        (0.66 * a, 0.15 * b, -225 * s),
        (0.62 * a, 0.05 * b, -300),
    ]
    bends = [vector(np.add(c, rng.normal(0, 4, size=3))) for c in corners]
    radii = rng.uniform(13, 18, size=len(bends)).tolist()
    return [Capsule(*rod) for rod in zip(bends, bends[1:], radii, radii[1:], strict=False)]


def _small_bowel(rng: np.random.Generator, habitus: Habitus) -> list[Capsule]:
    size = (habitus.chest_half_width, habitus.chest_half_depth, habitus.scale)
    loops = []
    for _ in range(_LOOPS):
        start = rng.uniform((-0.42, -0.6, -265), (0.45, 0.15, -145)) * size
        end = start + rng.uniform((-48, -25, -25), (48, 25, 25))
        loops.append(Capsule(vector(start), vector(end), rng.uniform(9, 13)))
    return loops


def _near_heart(rng: np.random.Generator, habitus: Habitus) -> Capsule:
    """Return a loop between stomach and diaphragm, below the inferior wall."""
    a, b, top = habitus.chest_half_width, habitus.chest_half_depth, habitus.dome_left
    start = (0.58 * a, -0.25 * b, top - 26 - rng.uniform(0, 14))
    return Capsule(start, (0.30 * a, -0.58 * b, top - 44), rng.uniform(10, 15))
