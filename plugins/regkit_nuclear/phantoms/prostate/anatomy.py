"""The parts of a pelvis in painting order, with their T2 signal, echo and absorption."""

from __future__ import annotations

from typing import Any

import numpy as np

from regkit_nuclear.painting.canvas import PaintedPart, Value, field_at
from regkit_nuclear.painting.shapes import Coordinates, RandomField
from regkit_nuclear.painting.solids import (
    Solid,
    ball,
    capsule,
    ellipsoid,
    free_form,
    path,
    union_solid,
)
from regkit_nuclear.phantoms.prostate.gland import Gland, Spot

ZONES = (
    "peripheral_zone",
    "transition_zone",
    "fibromuscular_stroma",
    "urethra",
    "seminal_vesicles",
    "bladder",
    "rectum",
)
LABELS = {name: number for number, name in enumerate(ZONES, start=1)}
GLAND_LABELS = tuple(range(1, 5))
"""The zones that make up the gland."""

# Channels: T2 signal (fat 0.75), echo in dB relative to bright fat, absorption in dB/mm relative
# to tissue. Chosen by hand.
BACKGROUND = {"t2": 0.70, "echo": -3.0, "absorption": 0.0}


def prostate_parts(gland: Gland, texture: RandomField) -> list[PaintedPart]:
    """Return the parts of a pelvis in painting order."""
    return [
        *_surroundings(gland, texture),
        *_bladder(gland),
        *_seminal_vesicles(gland),
        *_zones(gland, texture),
        *_contents(gland),
        *_rectum(gland),
    ]


def spot_centre(gland: Gland, spot: Spot) -> tuple[float, float, float]:
    """Return the middle of a spot in mm."""
    return gland.point(*spot.centre)


def vesicle_tip(gland: Gland, side: float) -> tuple[float, float, float]:
    """Return the outer end of a seminal vesicle in mm."""
    return side * 27, 0.62 * gland.height + 3, gland.length + 9


def _part(
    solid: Solid,
    t2: Value | None = None,
    echo: Value | None = None,
    absorption: float | None = None,
    label: str | None = None,
) -> PaintedPart:
    values = {"t2": t2, "echo": echo, "absorption": absorption}
    known = {name: value for name, value in values.items() if value is not None}
    return PaintedPart(solid, known, None if label is None else LABELS[label])


def _textured(base: float, depth: float, texture: RandomField, component: int) -> Value:
    only = RandomField(texture.waves, texture.amplitudes[component : component + 1])

    def value(p: Coordinates) -> Any:
        return base + depth * field_at(only, p)[0]

    return value


def _surroundings(gland: Gland, texture: RandomField) -> list[PaintedPart]:
    """Fat, veins, pubic bones, pelvic floor and obturator muscles."""
    everywhere = free_form(lambda p: np.full_like(p.x, -100))
    wide, high, long = gland.width, gland.height, gland.length
    result = [
        _part(everywhere, _textured(0.68, 0.035, texture, 0), _textured(-4, 2.5, texture, 1)),
        _part(ellipsoid((0, -high - 5, 2), (wide * 0.8, 5, long)), 0.82, -9),
    ]
    for side in (-1.0, 1.0):
        bone = ellipsoid((side * 19, -high - 24, -8), (17, 9, 20))
        obturator = ellipsoid((side * (wide + 24), -6, 4), (9, 30, 36))
        floor = ellipsoid((side * (wide + 9), 10, -8), (3, 22, 27)).blended(
            ellipsoid((side * 17, high + 13, -16), (4, 14, 22)), 8
        )
        bundle = ball((side * 0.72 * wide, 0.80 * high + 3, 0), 2.6)
        nerve = capsule(
            (side * 0.72 * wide, 0.8 * high + 3, -14), (side * 0.75 * wide, 0.8 * high + 3, 16), 2
        )
        result += [
            _part(bone, 0.08, 6, 3.0),
            _part(bone.grown(-2), 0.42, -20, 3.0),
            _part(obturator, 0.17, -12, 0.05),
            _part(floor, 0.16, -11, 0.05),
            _part(bundle | nerve, 0.4, -10),
        ]
    return result


def _bladder(gland: Gland) -> list[PaintedPart]:
    lumen = ellipsoid((0, -9, gland.length + 19), (27, 21, 18))
    neck = ball((0, -0.3 * gland.height, gland.length), 4)
    return [
        _part((lumen | neck).grown(3.2), 0.2, 0, 0.05),
        _part(lumen | neck, 0.97, -45, -0.12, "bladder"),
    ]


def _seminal_vesicles(gland: Gland) -> list[PaintedPart]:
    """Convoluted tubes, bright inside, with dark walls."""
    tubes = []
    for side in (-1.0, 1.0):
        start = np.array((side * 4, 0.62 * gland.height, gland.length - 1))
        end = np.array(vesicle_tip(gland, side))
        fractions = np.linspace(0, 1, 7)[:, None]
        wiggle = np.array([(0, 2.2 * (-1) ** i, 2.4 * (-1) ** (i // 2)) for i in range(7)])
        tubes.append(path(list(start + fractions * (end - start) + wiggle), 3.6))
    whole = union_solid(tubes)
    return [
        _part(whole.grown(1), 0.35, -3),
        _part(whole, 0.5, -8, label="seminal_vesicles"),
        _part(whole.grown(-1), 0.9, -13),
    ]


def _zones(gland: Gland, texture: RandomField) -> list[PaintedPart]:
    """Capsule, peripheral, transition and central zones, stroma, urethra."""
    whole = gland.outline()
    size = 0.66 + 0.34 * gland.transition
    lobes = [
        ellipsoid(
            gland.point(side * 0.36 * size, -0.26, 0.08),
            np.multiply(gland.point(0.46, 0.62, 0.72), size),
        )
        for side in (-1.0, 1.0)
    ]
    transition = lobes[0].blended(lobes[1], 6) & whole.grown(-2.2)
    central = path([gland.point(0, 0.5, 0.82), gland.point(0, 0.3, 0.2)], [7, 3.5]) & whole.grown(
        -1.2
    )
    stroma = ellipsoid(gland.point(0, -0.92, 0.05), gland.point(0.42, 0.3, 0.8)) & whole.grown(
        -0.6
    )
    urethra = path(
        [gland.point(0, -0.3, 1.0), gland.point(0, 0.02, 0.05), gland.point(0, -0.12, -1.0)],
        [2.2, 2.8, 2.2],
    )
    return [
        _part(whole, 0.14, 3.0, 0.12, "peripheral_zone"),
        _part(
            whole.grown(-1.1),
            _textured(0.80, 0.07, texture, 0),
            _textured(-8, 1.5, texture, 1),
            0.0,
        ),
        _part(central, 0.34, -10),
        _part(transition.grown(0.9), 0.2, -9),
        _part(
            transition,
            _textured(0.45, 0.13, texture, 2),
            _textured(-14, 3.5, texture, 3),
            0.02,
            "transition_zone",
        ),
        _part(stroma, 0.13, -15, 0.05, "fibromuscular_stroma"),
        _part((urethra & whole).grown(1.2), 0.28, -9),
        _part(urethra & whole, 0.72, -20, 0.0, "urethra"),
    ]


def _contents(gland: Gland) -> list[PaintedPart]:
    whole = gland.outline().grown(-2)
    result = []
    for spot in gland.nodules:
        nodule = _ball(gland, spot) & whole
        echo = -20 + 13 * spot.brightness
        result += [_part(nodule.grown(0.7), 0.16, echo - 3), _part(nodule, spot.brightness, echo)]
    for spot in gland.lesions:
        result.append(_part(_ball(gland, spot) & whole, 0.3, -15))
    for spot in gland.cysts:
        result += [
            _part(_ball(gland, spot).grown(0.6), 0.4, -6),
            _part(_ball(gland, spot), 1.0, -35),
        ]
    result += [_part(_ball(gland, spot), 0.04, 9, 4.0) for spot in gland.calcifications]
    return result


def _ball(gland: Gland, spot: Spot) -> Solid:
    return ellipsoid(spot_centre(gland, spot), spot.half_axes)


def _rectum(gland: Gland) -> list[PaintedPart]:
    """The rectal wall, and gas in MR; in ultrasound the probe is there instead."""
    y, radius = gland.probe_y, gland.rectum_mm
    axis = [(0, y + radius - 8, -60), (0, y + radius - 9, 0), (0, y + radius - 5, 60)]
    lumen = path(axis, radius)
    return [
        _part(lumen.grown(4.2), 0.3, -11),
        _part(lumen.grown(2.4), 0.55, 0),
        _part(lumen, 0.03, -2, label="rectum"),
    ]
