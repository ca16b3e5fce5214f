"""Local optimization of any measure from the initial transform, on a CPU or a GPU."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from regkit.errors import RegistrationError
from regkit.geometry.grid import FloatArray
from regkit.geometry.transform import AffineTransform
from regkit.registrar import Estimate, Pair
from regkit.registration.device import is_gpu
from regkit.working import tell_progress
from regkit_instance.level_measures import LevelMeasures, MeasureNear, finest_spacing_mm
from regkit_instance.local_optima import LocalOptima, cluster_optima
from regkit_instance.motion import Model, Motion
from regkit_instance.nearby_starts import nearby_starts
from regkit_instance.optimizer import Maxima, maximize
from regkit_instance.prepared_pair import PreparedPair
from regkit_instance.self_similarity import DescriptorMeasure
from regkit_instance.stretch_prior import with_stretch_prior

if TYPE_CHECKING:
    import torch

# Largest number of evaluations at a level; step at which the last level ends. Chosen by hand.
MAX_EVALUATIONS = 80
MIN_STEP_MM = 0.01
# Optima that go on from the coarsest level, where there are many starts; each level keeps half as
# many. Chosen by hand.
KEPT = 4


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
    starts: int = 1


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
        finest = settings.finest_mm or finest_spacing_mm(settings.measure, pair)
        self.images = PreparedPair.prepare(pair, settings.levels, settings.seed, finest)
        self.log: list[dict[str, Any]] = []

    def run(self) -> Estimate:
        """Optimize at every level; compare the result with the initial transform at the last."""
        start = np.eye(3, 4)
        maps = nearby_starts(self.settings.starts)
        count = len(self.images.spacings)
        for level in range(count):
            tell_progress(f"level {level + 1} of {count}", level / count)
            near = self._measures(level).near(self.settings.measure)
            # All starts at once, around the initial transform; what they led to one by one.
            groups = [maps] if level == 0 else list(maps[:, None])
            found = self._best(level, [self._optimize(level, near, group) for group in groups])
            maps = found.maps
        measure = near(start, start[None])
        before = float(measure.values(start[None])[0])
        after = float(found.values[0])
        improved = after > before
        peak = maps[0] if improved else start
        agreement = (
            {"agreement": measure.agreement(peak)}
            if isinstance(measure, DescriptorMeasure)
            else {}
        )
        about = AffineTransform.about(peak[:, :3], peak[:, 3], self.images.body.centre)
        return Estimate(
            about @ self.pair.start,
            diagnostics={
                "device": str(self.device or "cpu"),
                "measure": self.settings.measure,
                "similarity_before": before if np.isfinite(before) else None,
                "similarity_after": max(before, after),
                "improved": improved,
                **agreement,
                "levels": self.log,
            },
        )

    def _optimize(self, level: int, near: MeasureNear, maps: FloatArray) -> Maxima:
        """Optimize from maps near the first of them; values are those of the measure alone."""
        spacing, last = self.images.spacings[level], level == len(self.images.spacings) - 1
        until = MIN_STEP_MM if last else spacing / 30
        models: list[Model] = ["rigid"]
        if last and self.settings.model != "rigid":
            models.append(self.settings.model)
        for model in models:
            motion = Motion(model, self.images.body.radius_mm)
            measure = near(maps[0], maps)
            peaks = maximize(
                with_stretch_prior(measure, motion, self.images),
                motion,
                maps,
                spacing / 2,
                until,
                MAX_EVALUATIONS,
            )
            maps, values = peaks.maps, measure.values(peaks.maps)
            self._record(spacing, model, peaks, values)
        return replace(peaks, values=values)

    def _record(self, spacing: float, model: Model, peaks: Maxima, values: FloatArray) -> None:
        best = int(np.argmax(values))
        if np.isfinite(values[best]):
            self.log.append(
                {
                    "spacing_mm": spacing,
                    "model": model,
                    "starts": len(values),
                    "similarity": float(values[best]),
                    "prior": float(peaks.values[best] - values[best]),
                    "evaluations": peaks.evaluations,
                }
            )

    def _best(self, level: int, ends: list[Maxima]) -> LocalOptima:
        """Return the few best of the distinct optima, the best first."""
        maps = np.concatenate([end.maps for end in ends])
        values = np.concatenate([end.values for end in ends])
        scatter, spacing = self.images.body.scatter, self.images.spacings[level]
        found = cluster_optima(maps, values, values, scatter, spacing)
        if len(found.maps) == 0:
            raise RegistrationError(
                "too little of the fixed image maps inside the moving one to compare them; "
                "start closer to the solution, or check the masks"
            )
        return found.select(np.arange(min(len(found.maps), max(KEPT >> level, 1))))

    def _measures(self, level: int) -> LevelMeasures:
        settings = self.settings
        return LevelMeasures(self.images, level, settings.samples, settings.bins, self.device)
