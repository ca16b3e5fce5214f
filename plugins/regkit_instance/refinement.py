"""From a start to the nearest peak of any measure, coarse to fine, on a CPU or a GPU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from regkit.errors import RegistrationError
from regkit.geometry.grid import FloatArray
from regkit.geometry.transform import AffineTransform
from regkit.registrar import Estimate, Pair
from regkit_instance.edges import EdgeMeasure
from regkit_instance.local_measures import local_measure
from regkit_instance.measures import EDGES, Measure, WeightedSum
from regkit_instance.motion import Model, Motion
from regkit_instance.neighbourhoods import gradients, patches
from regkit_instance.optimiser import climb
from regkit_instance.prepared_pair import PreparedPair
from regkit_instance.stretch_prior import with_stretch_prior

if TYPE_CHECKING:
    import torch

COMPILED = ("mi", "nmi", "cr")
PATCH_SIDE = 7
STEPS = 80
LAST_STEP_MM = 0.01


@dataclass(frozen=True)
class RefinementSettings:
    """What a refinement does; see `regkit_instance.iso.InstanceOptimisation`."""

    measure: str
    model: Model
    levels: int
    samples: int
    bins: int
    seed: int
    finest_mm: float = 0.0


def refine(
    pair: Pair, settings: RefinementSettings, device: torch.device | None = None
) -> Estimate:
    """Improve the initial map, or keep it if nothing better is near.

    Parameters
    ----------
    pair
        The images.
    settings
        What to do.
    device
        Where torch computes; None is the CPU, with compiled loops for the measures that have
        them.

    Raises
    ------
    RegistrationError
        Nothing to compare in an image, or the images do not meet under the initial map.
    """
    return _Refinement(pair, settings, device).run()


class _Refinement:
    """One registration: both images at every level."""

    def __init__(
        self, pair: Pair, settings: RefinementSettings, device: torch.device | None
    ) -> None:
        self.pair, self.settings, self.device = pair, settings, device
        self.images = PreparedPair.of(pair, settings.levels, settings.seed, settings.finest_mm)
        self.log: list[dict[str, Any]] = []

    def run(self) -> Estimate:
        """Climb at every level, and compare the end with the start at the last one."""
        start = np.eye(3, 4)[None]
        found = start
        for level in range(len(self.images.spacings)):
            measure = self._measure(level)
            found = self._climb(level, measure, found)
        before, after = measure.values(np.concatenate([start, found])).tolist()
        improved = after > before
        peak = (found if improved else start)[0]
        about = AffineTransform.about(peak[:, :3], peak[:, 3], self.images.body.centre)
        return Estimate(
            about @ self.pair.start,
            diagnostics={
                "device": str(self.device or "cpu"),
                "measure": self.settings.measure,
                "similarity_before": before if np.isfinite(before) else None,
                "similarity_after": max(before, after),
                "improved": improved,
                "levels": self.log,
            },
        )

    def _climb(self, level: int, measure: Measure, maps: FloatArray) -> FloatArray:
        spacing, last = self.images.spacings[level], level == len(self.images.spacings) - 1
        models: list[Model] = ["rigid"]
        if last and self.settings.model != "rigid":
            models.append(self.settings.model)
        for model in models:
            motion = Motion(model, self.images.body.radius_mm)
            until = LAST_STEP_MM if last else spacing / 30
            peaks = climb(
                with_stretch_prior(measure, motion, self.images),
                motion,
                maps,
                spacing / 2,
                until,
                STEPS,
            )
            if not np.isfinite(peaks.values[0]):
                raise RegistrationError(
                    "too little of the fixed image maps inside the moving one to compare them; "
                    "start closer to the solution, or look at the masks"
                )
            maps = peaks.maps
            alike = float(measure.values(maps)[0])
            self.log.append(
                {
                    "spacing_mm": spacing,
                    "model": model,
                    "similarity": alike,
                    "prior": float(peaks.values[0]) - alike,
                    "evaluations": peaks.evaluations,
                }
            )
        return maps

    def _measure(self, level: int) -> Measure:
        settings = self.settings
        if settings.measure == "mi-ngf":
            edges = self._gradient_fields(level)
            return WeightedSum(self._of_intensities("mi", level), edges, EDGES)
        if settings.measure in COMPILED:
            return self._of_intensities(settings.measure, level)
        if settings.measure == "ngf":
            return self._gradient_fields(level)
        body, moving = self.images.body, self.images.moving[level]
        count = max(settings.samples // PATCH_SIDE**3, 1)
        cubes = patches(
            self.pair, body, self.images.fixed[level], count, side=PATCH_SIDE, seed=settings.seed
        )
        if self.device is None:
            return local_measure(settings.measure, cubes, moving, body.centre, settings.bins)
        from regkit_instance.torch_backend import bridge  # noqa: PLC0415 - loads torch

        scene = bridge.scene_of(cubes.positions, moving, body.centre, self.device)
        return bridge.measure_on(scene, settings.measure, cubes.values, settings.bins, cubes.whole)

    def _of_intensities(self, name: str, level: int) -> Measure:
        settings = self.settings
        sampled = self.images.measure(name, level, settings.samples, settings.bins)
        if self.device is None:
            return sampled
        from regkit_instance.torch_backend import bridge  # noqa: PLC0415 - loads torch

        scene = bridge.scene_of(
            sampled.points.positions, sampled.level, sampled.origin, self.device
        )
        return bridge.measure_on(scene, name, sampled.points.values, settings.bins)

    def _gradient_fields(self, level: int) -> Measure:
        settings, body, moving = self.settings, self.images.body, self.images.moving[level]
        fixed = self.images.fixed[level]
        edges = gradients(self.pair, body, fixed, settings.samples, settings.seed)
        if self.device is None:
            return EdgeMeasure.of(edges, moving, body.centre)
        from regkit_instance.torch_backend import bridge  # noqa: PLC0415 - loads torch

        scene = bridge.scene_of(edges.positions, moving, body.centre, self.device)
        return bridge.gradient_fields_on(scene, edges.slopes)
