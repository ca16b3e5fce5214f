"""Every measure of the refinement at one resolution level, on a CPU or a GPU."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from regkit.geometry.grid import FloatArray
from regkit.registrar import Pair
from regkit_instance.gradient_measure import GradientFieldMeasure
from regkit_instance.measures import SUMS, Measure, WeightedSum
from regkit_instance.neighborhood_points import sample_gradients, sample_patches
from regkit_instance.patch_measures import patch_measure
from regkit_instance.prepared_pair import PreparedPair
from regkit_instance.pyramid import spacings_mm
from regkit_instance.self_similarity import DescribedPair, LogRatio

if TYPE_CHECKING:
    import torch

# Measures of all sample points together, not of patches or gradients.
GLOBAL_MEASURES = ("mi", "nmi", "cr")
# Measures of descriptors, and their finest level in mm: neighborhoods of finer voxels show noise,
# mutual information gains by them. In a small field of view it is at most this fraction of that:
# 2 mm for the simulated prostates of `mr-us`. Chosen by hand.
DESCRIPTOR_MEASURES = {"mind": 3.0, "mi-mind": 2.0}
DESCRIPTOR_FIELD_FRACTION = 0.023
# Side of a patch in points. Chosen by hand.
PATCH_SIDE = 7
# Descriptors for each sample point of intensities, of which twelve tell as much: 12,000 of 40,000.
# Above the finest level, which has more voxels, a part of them. Chosen by hand.
DESCRIPTOR_FRACTION, COARSE_FRACTION = 0.3, 0.25

# The measure of maps near a reference (3, 4), to be maximized from starts (B, 3, 4).
MeasureNear: TypeAlias = Callable[[FloatArray, FloatArray], Measure]


def finest_spacing_mm(name: str, pair: Pair) -> float:
    """Return the spacing in mm of the finest level of a measure; 0 for the usual one."""
    if name not in DESCRIPTOR_MEASURES:
        return 0.0
    part = DESCRIPTOR_FIELD_FRACTION * max(pair.fixed.grid.extent)
    coarser = min(DESCRIPTOR_MEASURES[name], part)
    return max(spacings_mm(pair.fixed.grid, pair.moving.grid, 1)[0], coarser)


@dataclass(frozen=True, eq=False)
class LevelMeasures:
    """The measures of a pair at one level.

    Parameters
    ----------
    images
        The pair.
    level
        Number of the level; that of the coarsest is 0.
    samples
        Number of sample points of the fixed image.
    bins
        Number of histogram bins of each image.
    device
        Device of torch; None for the compiled loops on the CPU.
    """

    images: PreparedPair
    level: int
    samples: int
    bins: int
    device: torch.device | None = None

    def near(self, name: str) -> MeasureNear:
        """Return a measure as a function of where it is needed.

        Only descriptors depend on that: they turn with the moving image.
        """
        if name not in DESCRIPTOR_MEASURES:
            measure = self._everywhere(name)
            return lambda *_: measure
        last = self.level == len(self.images.spacings) - 1
        count = round(self.samples * DESCRIPTOR_FRACTION * (1 if last else COARSE_FRACTION))
        described = _remembering(DescribedPair.of(self.images, self.level, count).measure)
        if name == "mind":
            return described
        information = self._of_intensities("mi")
        return lambda *place: LogRatio(information, described(*place))

    def _everywhere(self, name: str) -> Measure:
        if name in SUMS:
            first, others = SUMS[name]
            measure = self._everywhere(first)
            for other, weight in others.items():
                measure = WeightedSum(measure, self._everywhere(other), weight)
            return measure
        if name in GLOBAL_MEASURES:
            return self._of_intensities(name)
        return self._gradient_fields() if name == "ngf" else self._of_patches(name)

    def _of_intensities(self, name: str) -> Measure:
        sampled = self.images.measure(name, self.level, self.samples, self.bins)
        if self.device is None:
            return sampled
        from regkit_instance.torch_backend import bridge  # noqa: PLC0415 - loads torch

        sampler = bridge.sampler_on(
            sampled.points.positions, sampled.level, sampled.origin, self.device
        )
        return bridge.intensity_measure(sampler, name, sampled.points.values, self.bins)

    def _of_patches(self, name: str) -> Measure:
        images, moving = self.images, self.images.moving[self.level]
        count = max(self.samples // PATCH_SIDE**3, 1)
        points = sample_patches(
            images.pair,
            images.body,
            images.fixed[self.level],
            count,
            side=PATCH_SIDE,
            seed=images.seed,
        )
        if self.device is None:
            return patch_measure(name, points, moving, images.body.centre, self.bins)
        from regkit_instance.torch_backend import bridge  # noqa: PLC0415 - loads torch

        sampler = bridge.sampler_on(points.positions, moving, images.body.centre, self.device)
        return bridge.intensity_measure(sampler, name, points.values, self.bins, points.patch_size)

    def _gradient_fields(self) -> Measure:
        images, moving = self.images, self.images.moving[self.level]
        fixed = images.fixed[self.level]
        points = sample_gradients(images.pair, images.body, fixed, self.samples, images.seed)
        if self.device is None:
            return GradientFieldMeasure.of(points, moving, images.body.centre)
        from regkit_instance.torch_backend import bridge  # noqa: PLC0415 - loads torch

        sampler = bridge.sampler_on(points.positions, moving, images.body.centre, self.device)
        return bridge.gradient_measure(sampler, points.gradients)


def _remembering(near: MeasureNear) -> MeasureNear:
    """Return a function that forms the measure anew only where it was not formed last."""
    last: list[tuple[bytes, Measure]] = []

    def measure(reference: FloatArray, starts: FloatArray) -> Measure:
        place = reference.tobytes() + starts.tobytes()
        if not last or last[0][0] != place:
            last[:] = [(place, near(reference, starts))]
        return last[0][1]

    return measure
