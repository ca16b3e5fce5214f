"""A patient: everything that is drawn at random, as plain numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import numpy as np

from regkit.errors import ParameterError
from regkit.geometry.grid import Grid
from regkit_nuclear.phantoms.thorax import heart
from regkit_nuclear.phantoms.thorax import render as rendering
from regkit_nuclear.phantoms.thorax.abdomen import AbdomenShape, draw_abdomen
from regkit_nuclear.phantoms.thorax.anatomy import Anatomy
from regkit_nuclear.phantoms.thorax.breathing import Breathing, draw_breathing
from regkit_nuclear.phantoms.thorax.draws import Concern, stream
from regkit_nuclear.phantoms.thorax.habitus import Habitus, draw_habitus
from regkit_nuclear.phantoms.thorax.pose import Reorientation, Tracer, draw_pose
from regkit_nuclear.phantoms.thorax.uptake import Defect, Uptake, draw_defects, draw_uptake
from regkit_nuclear.phantoms.thorax.ventricle import LeftVentricle, draw_ventricle


@dataclass(frozen=True)
class Patient:
    """A drawn patient; the same numbers and seed always give the same anatomy."""

    seed: int
    tracer: Tracer
    pose: Reorientation
    habitus: Habitus
    ventricle: LeftVentricle
    pericardial_fat_mm: float
    abdomen: AbdomenShape
    uptake: Uptake
    defects: tuple[Defect, ...]
    breathing: Breathing

    def render(
        self,
        grid: Grid,
        diaphragm_mm: float = 0.0,
        match_heart: bool = False,
        supersampling: int | None = None,
    ) -> Anatomy:
        """Render the patient on any grid.

        Parameters
        ----------
        grid
            Where the voxels are; oblique and offset grids show the same anatomy.
        diaphragm_mm
            How far the diaphragm is below its mean position (breathing in).
        match_heart
            Shift the whole picture so that the heart is where it is at the mean position: the
            reference pose of an attenuation map registered to the heart.
        supersampling
            Voxels are rendered this many times finer along every axis, and binned; by default
            twice for voxels of more than 5 mm, which would alias ribs and walls.

        Returns
        -------
        Anatomy
            Attenuation, activity and labels.
        """
        return rendering.render(self, grid, diaphragm_mm, match_heart, supersampling)


def draw_patient(seed: int, tracer: Tracer = "spect") -> Patient:
    """Draw a patient from a seed; the same seed gives the same patient anywhere.

    Parameters
    ----------
    seed
        0 or more.
    tracer
        Whose table the pose comes from: ``spect`` or ``pet``.

    Raises
    ------
    ParameterError
        A negative seed, or another tracer.
    """
    if seed < 0:
        raise ParameterError(f"a patient's seed must be 0 or more, got {seed}")
    if tracer not in get_args(Tracer):
        raise ParameterError(f"unknown tracer '{tracer}'; use spect or pet")
    rng = stream(seed, Concern.PATIENT)
    female = bool(rng.random() < 0.42)
    pose = draw_pose(seed, tracer)
    ventricle = draw_ventricle(seed, female)
    surface = heart.outline(ventricle) @ pose.rotation.T + np.array(pose.centre_mm)
    habitus = draw_habitus(seed, pose, surface, female)
    return Patient(
        seed=seed,
        tracer=tracer,
        pose=pose,
        habitus=habitus,
        ventricle=ventricle,
        pericardial_fat_mm=rng.uniform(3, 9) * (0.5 + habitus.fatness),
        abdomen=draw_abdomen(seed),
        uptake=draw_uptake(seed, tracer),
        defects=draw_defects(seed),
        breathing=draw_breathing(seed),
    )
