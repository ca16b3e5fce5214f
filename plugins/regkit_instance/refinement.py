"""Local optimization of any measure from the initial transform, on a CPU or a GPU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from regkit.errors import RegistrationError
from regkit.geometry.grid import FloatArray
from regkit.geometry.transform import AffineTransform
from regkit.registrar import Estimate, Pair
from regkit.registration.device import is_gpu
from regkit_instance.gradient_measure import GradientFieldMeasure
from regkit_instance.measures import EDGE_WEIGHT, Measure, WeightedSum
from regkit_instance.motion import Model, Motion
from regkit_instance.neighborhood_points import sample_gradients, sample_patches
from regkit_instance.optimizer import maximize
from regkit_instance.patch_measures import patch_measure
from regkit_instance.prepared_pair import PreparedPair
from regkit_instance.stretch_prior import with_stretch_prior

if TYPE_CHECKING:
    import torch

# Measures of all sample points together, not of patches or gradients.
GLOBAL_MEASURES = ("mi", "nmi", "cr")
# Side of a patch in points; largest number of evaluations at a level; step at which the last level
# ends. Chosen by hand.
PATCH_SIDE = 7
MAX_EVALUATIONS = 80
MIN_STEP_MM = 0.01


@dataclass(frozen=True)
class RefinementSettings:
    """Parameters of a refinement; see `regkit_instance.iso.InstanceOptimization`."""

    measure: str
    model: Model
    levels: int
    samples: int
    bins: int
    seed: int
    finest_mm: float = 0.0


def refine(pair: Pair, settings: RefinementSettings, device: str = "auto") -> Estimate:
    """Return the local optimum reached from the initial transform, or that if it scores higher.

    Parameters
    ----------
    pair
        The images.
    settings
        Parameters of the refinement.
    device
        Device: ``cuda`` or ``cuda:N`` for torch; ``auto`` and ``cpu`` for the compiled loops.

    Raises
    ------
    RegistrationError
        An image is constant, or the images overlap too little under the initial transform.
    DeviceError
        This machine has no such GPU.
    """
    if not is_gpu(device):
        return _Refinement(pair, settings, None).run()
    from regkit.learning.device import device_named  # noqa: PLC0415 - loads torch

    return _Refinement(pair, settings, device_named(device)).run()


class _Refinement:
    """One refinement: both images at every level, and the log."""

    def __init__(
        self, pair: Pair, settings: RefinementSettings, device: torch.device | None
    ) -> None:
        self.pair, self.settings, self.device = pair, settings, device
        self.images = PreparedPair.prepare(
            pair, settings.levels, settings.seed, settings.finest_mm
        )
        self.log: list[dict[str, Any]] = []

    def run(self) -> Estimate:
        """Optimize at every level; compare the result with the initial transform at the last."""
        start = np.eye(3, 4)[None]
        found = start
        for level in range(len(self.images.spacings)):
            measure = self._measure(level)
            found = self._optimize(level, measure, found)
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

    def _optimize(self, level: int, measure: Measure, maps: FloatArray) -> FloatArray:
        spacing, last = self.images.spacings[level], level == len(self.images.spacings) - 1
        models: list[Model] = ["rigid"]
        if last and self.settings.model != "rigid":
            models.append(self.settings.model)
        for model in models:
            motion = Motion(model, self.images.body.radius_mm)
            until = MIN_STEP_MM if last else spacing / 30
            peaks = maximize(
                with_stretch_prior(measure, motion, self.images),
                motion,
                maps,
                spacing / 2,
                until,
                MAX_EVALUATIONS,
            )
            if not np.isfinite(peaks.values[0]):
                raise RegistrationError(
                    "too little of the fixed image maps inside the moving one to compare them; "
                    "start closer to the solution, or check the masks"
                )
            maps = peaks.maps
            similarity = float(measure.values(maps)[0])
            self.log.append(
                {
                    "spacing_mm": spacing,
                    "model": model,
                    "similarity": similarity,
                    "prior": float(peaks.values[0]) - similarity,
                    "evaluations": peaks.evaluations,
                }
            )
        return maps

    def _measure(self, level: int) -> Measure:
        settings = self.settings
        if settings.measure == "mi-ngf":
            edges = self._gradient_fields(level)
            return WeightedSum(self._of_intensities("mi", level), edges, EDGE_WEIGHT)
        if settings.measure in GLOBAL_MEASURES:
            return self._of_intensities(settings.measure, level)
        if settings.measure == "ngf":
            return self._gradient_fields(level)
        body, moving = self.images.body, self.images.moving[level]
        count = max(settings.samples // PATCH_SIDE**3, 1)
        points = sample_patches(
            self.pair, body, self.images.fixed[level], count, side=PATCH_SIDE, seed=settings.seed
        )
        if self.device is None:
            return patch_measure(settings.measure, points, moving, body.centre, settings.bins)
        from regkit_instance.torch_backend import bridge  # noqa: PLC0415 - loads torch

        sampler = bridge.sampler_on(points.positions, moving, body.centre, self.device)
        return bridge.intensity_measure(
            sampler, settings.measure, points.values, settings.bins, points.patch_size
        )

    def _of_intensities(self, name: str, level: int) -> Measure:
        settings = self.settings
        sampled = self.images.measure(name, level, settings.samples, settings.bins)
        if self.device is None:
            return sampled
        from regkit_instance.torch_backend import bridge  # noqa: PLC0415 - loads torch

        sampler = bridge.sampler_on(
            sampled.points.positions, sampled.level, sampled.origin, self.device
        )
        return bridge.intensity_measure(sampler, name, sampled.points.values, settings.bins)

    def _gradient_fields(self, level: int) -> Measure:
        settings, body, moving = self.settings, self.images.body, self.images.moving[level]
        fixed = self.images.fixed[level]
        points = sample_gradients(self.pair, body, fixed, settings.samples, settings.seed)
        if self.device is None:
            return GradientFieldMeasure.of(points, moving, body.centre)
        from regkit_instance.torch_backend import bridge  # noqa: PLC0415 - loads torch

        sampler = bridge.sampler_on(points.positions, moving, body.centre, self.device)
        return bridge.gradient_measure(sampler, points.gradients)
