"""A patient of the thorax phantom: all drawn parameters, as plain numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import numpy as np

from regkit.errors import ParameterError
from regkit_nuclear.painting.random_streams import RandomStream, generator
from regkit_nuclear.phantoms.thorax import heart
from regkit_nuclear.phantoms.thorax.abdomen import AbdomenShape, draw_abdomen
from regkit_nuclear.phantoms.thorax.breathing import Breathing, draw_breathing
from regkit_nuclear.phantoms.thorax.habitus import Habitus, draw_habitus
from regkit_nuclear.phantoms.thorax.irregular import draw_irregular_ventricle
from regkit_nuclear.phantoms.thorax.pose import HeartPose, Tracer, draw_pose
from regkit_nuclear.phantoms.thorax.uptake import (
    Defect,
    ThoraxUptake,
    draw_defects,
    draw_many_defects,
    draw_thorax_uptake,
    draw_varied_surroundings,
)
from regkit_nuclear.phantoms.thorax.ventricle import LeftVentricle, draw_ventricle


@dataclass(frozen=True)
class ThoraxPatient:
    """A drawn patient; the same parameters and seed always give the same anatomy."""

    seed: int
    tracer: Tracer
    pose: HeartPose
    habitus: Habitus
    ventricle: LeftVentricle
    pericardial_fat_mm: float
    abdomen: AbdomenShape
    uptake: ThoraxUptake
    defects: tuple[Defect, ...]
    breathing: Breathing


def draw_thorax_patient(
    seed: int, tracer: Tracer = "spect", irregular: bool = False
) -> ThoraxPatient:
    """Draw a patient from a seed; the same seed gives the same patient anywhere.

    Parameters
    ----------
    seed
        Seed, 0 or more.
    tracer
        Modality of the tracer, ``spect`` or ``pet``; it decides the distribution of the pose.
    irregular
        Whether the ventricle has an irregular shape, more and deeper defects, and surroundings of
        any uptake; otherwise it is a half ellipsoid.

    Raises
    ------
    ParameterError
        The seed is negative or the tracer unknown.
    """
    if seed < 0:
        raise ParameterError(f"a patient's seed must be 0 or more, got {seed}")
    if tracer not in get_args(Tracer):
        raise ParameterError(f"unknown tracer '{tracer}'; use spect or pet")
    rng = generator(seed, RandomStream.PATIENT)
    female = bool(rng.random() < 0.42)
    pose = draw_pose(seed, tracer)
    ventricle = draw_irregular_ventricle(seed) if irregular else draw_ventricle(seed, female)
    surface = heart.heart_outline(ventricle) @ pose.rotation.T + np.array(pose.centre_mm)
    habitus = draw_habitus(seed, pose, surface, female)
    uptake = draw_thorax_uptake(seed, tracer)
    return ThoraxPatient(
        seed=seed,
        tracer=tracer,
        pose=pose,
        habitus=habitus,
        ventricle=ventricle,
        pericardial_fat_mm=rng.uniform(3, 9) * (0.5 + habitus.fatness),
        abdomen=draw_abdomen(seed),
        uptake=draw_varied_surroundings(seed, uptake) if irregular else uptake,
        defects=draw_many_defects(seed) if irregular else draw_defects(seed),
        breathing=draw_breathing(seed),
    )
