"""The four chambers of the heart, the great vessels and the fat around them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from regkit_nuclear.painting.canvas import PaintedPart
from regkit_nuclear.painting.solids import Solid, capsule, ellipsoid, half_space, path
from regkit_nuclear.phantoms.wholebody.frame import BodyFrame
from regkit_nuclear.phantoms.wholebody.organs import part
from regkit_nuclear.phantoms.wholebody.uptake import HU, WholeBodyUptake

# Long axis of the left ventricle, from its base to its apex.
_AXIS = np.array((0.74, -0.54, -0.40)) / np.linalg.norm((0.74, -0.54, -0.40))
_BASE = np.array((20.0, -8.0, 46.0))


def heart(frame: BodyFrame, uptake: WholeBodyUptake) -> list[PaintedPart]:
    """Paint fat, chambers and the myocardium of the left ventricle."""
    blood = (HU["blood"], uptake["blood"])
    muscle, cavity = _left_ventricle(frame)
    shift = _breathing_shift(frame)
    return [
        part(pericardium(frame), HU["fat"] + 10, uptake["fat"] * 1.5),
        part(_right_ventricle(frame).grown(3.5), HU["muscle"], 0.35 * uptake["myocardium"] + 0.8),
        part(_right_ventricle(frame), *blood, "right_ventricle"),
        part(ellipsoid(np.add(shift, (-27, -12, 40)), (25, 30, 33)), *blood, "right_atrium"),
        part(ellipsoid(np.add(shift, (4, 14, 60)), (34, 22, 26)), *blood, "left_atrium"),
        part(muscle, HU["muscle"], uptake["myocardium"], "left_ventricle"),
        part(cavity, *blood, "left_ventricle"),
    ]


def vessels(frame: BodyFrame, uptake: WholeBodyUptake) -> list[PaintedPart]:
    """Paint aorta, venae cavae, pulmonary artery and the vessels of the pelvis."""
    root = np.array((4.0, -14.0, 62.0)) + _breathing_shift(frame)
    arch = path(
        [root, (-12, -18, 92), (-6, -10, 116), (8, 12, 126), (20, 36, 114), (22, 42, 92)],
        [15, 15, 14.5, 14, 13.5, 13],
    )
    trunk = [frame.spine_at(z, x, -28) for z, x in ((20, 18), (-60, 13), (-130, 9), (-190, 6))]
    descending = path([(22, 42, 92), *trunk], [13, 12.5, 11.5, 10.5, 9.5])
    cava = [frame.spine_at(z, -20, -24) for z in (-195, -120, -60)]
    inferior = path([*cava, (-22, 12, -10), (-22, 2, 26)], [10, 10.5, 11, 12, 12])
    superior = path([(-25, -8, 56), (-23, -6, 130), (-14, -6, 158)], [10, 9, 8])
    lung_artery = path(
        [(16, -32, 62), (10, -14, 88), (-2, 2, 84), (-34, 12, 72)], [13, 13, 11, 9]
    ) | capsule((10, -14, 88), (36, 14, 76), 11, 9)
    blood = (HU["blood"], uptake["blood"])
    return [
        part(superior, *blood),
        part(lung_artery, *blood),
        part(inferior, *blood, "inferior_vena_cava"),
        part(arch | descending, *blood, "aorta"),
        *(part(limb, *blood) for limb in _iliacs(frame)),
    ]


def pericardium(frame: BodyFrame) -> Solid:
    """Return the pericardium with all inside it."""
    muscle, _ = _left_ventricle(frame)
    shift = _breathing_shift(frame)
    right = ellipsoid(np.add(shift, (-14, -16, 36)), (40, 40, 42))
    top = ellipsoid(np.add(shift, (4, 0, 62)), (38, 34, 34))
    return muscle.grown(6).blended(right, 20).blended(top, 20)


def _breathing_shift(frame: BodyFrame) -> NDArray[np.float64]:
    """Return the shift of the heart with the diaphragm, mm."""
    return np.array((0.0, 0.0, 0.7 * frame.habitus.breathing_mm))


def _left_ventricle(frame: BodyFrame) -> tuple[Solid, Solid]:
    """Return myocardium with cavity, and the cavity: half-ellipsoids cut at a slanted base."""
    base = _BASE + _breathing_shift(frame)
    turn = _axes(_AXIS)
    behind_base = half_space(-_AXIS, float(-_AXIS @ base))
    outer = ellipsoid(base + 14 * _AXIS, (33, 33, 66), turn) & behind_base
    inner = ellipsoid(base + 14 * _AXIS, (22.5, 22.5, 56), turn) & behind_base
    return outer, inner


def _right_ventricle(frame: BodyFrame) -> Solid:
    centre = np.array((8.0, -38.0, 28.0)) + _breathing_shift(frame)
    crescent = ellipsoid(centre, (25, 25, 48), _axes(np.array((0.86, -0.33, -0.39))))
    return crescent - _left_ventricle(frame)[0]


def _iliacs(frame: BodyFrame) -> list[Solid]:
    return [
        path(
            [
                frame.spine_at(-188, 5, -28),
                (side * 36, 14, -262),
                (side * 62, -22, -350),
                (side * 66, -44, -420),
                (side * 70, -40, -560),
            ],
            [8, 7.5, 7, 6.5, 5.5],
        )
        for side in (-1, 1)
    ]


def _axes(third: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a rotation whose third column is the direction given."""
    w = third / np.linalg.norm(third)
    u = np.cross((0.0, 1.0, 0.0), w)
    u /= np.linalg.norm(u)
    return np.stack([u, np.cross(w, u), w], axis=1)
