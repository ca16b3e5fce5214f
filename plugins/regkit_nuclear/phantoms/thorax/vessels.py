"""Blood vessels: aorta, venae cavae, pulmonary artery, and the tree of vessels in the lungs."""

from __future__ import annotations

import numpy as np

from regkit.geometry.grid import FloatArray, Vector3
from regkit_nuclear.painting.random_streams import RandomStream, generator
from regkit_nuclear.painting.shapes import Blend, Capsule, Field, vector
from regkit_nuclear.phantoms.thorax.habitus import Habitus
from regkit_nuclear.phantoms.thorax.organs import MU
from regkit_nuclear.phantoms.thorax.scene import Scene
from regkit_nuclear.phantoms.thorax.uptake import ThoraxUptake
from regkit_nuclear.phantoms.thorax.ventricle import LeftVentricle


def polyline(points: list[Vector3], radii: list[float], rounding: float = 3.0) -> Blend:
    """Return a tube through points."""
    parts = zip(points[:-1], points[1:], radii[:-1], radii[1:], strict=True)
    return Blend(tuple(Capsule(*part) for part in parts), rounding)


def paint_great_vessels(
    scene: Scene,
    habitus: Habitus,
    ventricle: LeftVentricle,
    heart: FloatArray,
    uptake: ThoraxUptake,
) -> None:
    """Paint the great vessels; `heart` (3 x 4) maps the LV's frame to the body's."""
    scale, depth = habitus.scale, habitus.chest_half_depth

    def from_heart(u: float, v: float, w: float) -> Vector3:
        return vector(heart[:, :3] @ [u, v, w] + heart[:, 3])

    a, base = ventricle.radius, ventricle.base
    root = from_heart(-0.45 * a, -0.3 * a, base + 6)
    outflow = from_heart(-0.75 * a, -0.95 * a, base - 8)
    behind = depth * 0.36
    s = scale
    aorta = polyline(
        [
            root,
            (-16 * s, -10 * s, 46 * s),
            (-12 * s, -6 * s, 74 * s),
            (4 * s, 10 * s, 90 * s),
            (17 * s, behind, 74 * s),
            (18 * s, behind, 0.0),
            (8 * s, behind + 2, -150 * s),
            (4 * s, behind, -300.0),
        ],
        [15 * s, 15 * s, 14 * s, 13.5 * s, 12.5 * s, 12 * s, 10.5 * s, 9.5 * s],
    )
    fork: Vector3 = (13 * s, -8 * s, 58 * s)
    pulmonary = Blend(
        (
            Capsule(outflow, fork, 13 * s, 13 * s),
            Capsule(fork, (-38 * s, 14 * s, 44 * s), 11 * s, 8 * s),
            Capsule(fork, (42 * s, 18 * s, 50 * s), 11 * s, 8 * s),
        ),
        4,
    )
    atrium = from_heart(-1.15 * a, 0.15 * a, base + 24)
    upper = polyline([atrium, (-27 * s, 2 * s, 60 * s), (-24 * s, 2 * s, 130 * s)], [9 * s] * 3)
    lower = polyline(
        [atrium, (-26 * s, 14 * s, -60 * s), (-16 * s, behind - 4, -300.0)],
        [11 * s, 11 * s, 10 * s],
    )
    for shape, organ in (
        (pulmonary, "pulmonary_artery"),
        (upper, "vena_cava"),
        (lower, "vena_cava"),
        (aorta, "aorta"),
    ):
        scene.paint_shape(shape, organ, MU["blood"], uptake.blood)


def paint_lung_vessels(
    scene: Scene, habitus: Habitus, lungs: tuple[Field, Field], uptake: ThoraxUptake, seed: int
) -> None:
    """Paint a tree that branches from the hilum of each lung, as part of the lung."""
    rng = generator(seed, RandomStream.LUNG_VESSELS)
    for side, lung in zip((-1, 1), lungs, strict=True):
        hilum = np.array([side * 36.0, 16.0, 34.0]) * habitus.scale
        for branch in _tree(rng, hilum, side, 58 * habitus.scale):
            scene.paint_shape(branch, None, MU["blood"], uptake.blood, (lung,))


def _tree(rng: np.random.Generator, hilum: FloatArray, side: int, length: float) -> list[Capsule]:
    """Return stems spread evenly in height, each with thinner branches."""
    branches = []
    for height in np.linspace(-1.15, 1.0, 7):
        heading = np.array([side * 0.9, rng.uniform(-0.9, 0.9), np.tan(height * 0.8)])
        stem = hilum + _unit(heading) * length * rng.uniform(0.7, 1.0)
        branches.append(Capsule(vector(hilum), vector(stem), 6.0, 2.6))
        for _ in range(5):
            start = hilum + (stem - hilum) * rng.uniform(0.45, 1.0)
            turn = _unit(_unit(heading) + rng.normal(0, 0.55, size=3))
            end = start + turn * length * rng.uniform(0.6, 1.0)
            branches.append(Capsule(vector(start), vector(end), 2.6, 1.1))
    return branches


def _unit(direction: FloatArray) -> FloatArray:
    return np.asarray(direction / np.linalg.norm(direction))
