"""Coarse to fine from many starts: the search behind every method of this package."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from regkit.errors import RegistrationError
from regkit.grid import FloatArray
from regkit.intensity import spread, window
from regkit.registrar import Estimate, Pair
from regkit.sample import draw_within
from regkit.transform import AffineTransform
from regkit.volume import LabelMap, Volume
from regkit_instance.basins import basins, distances_mm, uncertainty_mm
from regkit_instance.measures import Sampled, score_by
from regkit_instance.motion import Model, Motion
from regkit_instance.optimiser import Peaks, climb
from regkit_instance.points import PROBE, Body, find_body, scatter
from regkit_instance.pyramid import Level, pyramid, spacings_mm
from regkit_instance.starts import everywhere

# Voxels of the coarsest level across the radius of the body.
COARSEST_ACROSS = 8
# Points and bins of the search over all starts.
SCOUTS, SCOUT_BINS = 700, 16
SCOUTED, SCOUT_STEPS = 32, 15
# Places that go on to the next level, if they are nearly as good as the best.
KEPT, NEARLY = 6, 0.85
STEPS = 60
LAST_STEP_MM = 0.01


@dataclass(frozen=True)
class Settings:
    """What a search does; see `regkit_instance.fast.FastRegistration`."""

    measure: str
    model: Model
    levels: int
    samples: int
    bins: int
    starts: int | None
    seed: int


def search(pair: Pair, settings: Settings) -> Estimate:
    """Find the map under which the images are most alike.

    Raises
    ------
    RegistrationError
        Nothing to compare in an image, or no start under which the images meet.
    """
    return _Search(pair, settings).run()


class _Search:
    """One registration: the images at every level, and where the search is."""

    def __init__(self, pair: Pair, settings: Settings) -> None:
        self.pair, self.settings = pair, settings
        self.body = find_body(pair)
        finest = spacings_mm(pair.fixed.grid, pair.moving.grid, 1)[0]
        across = max(self.body.radius_mm / COARSEST_ACROSS / finest, 1.0)
        count = min(settings.levels, 1 + int(np.log2(across)))
        self.spacings = spacings_mm(pair.fixed.grid, pair.moving.grid, count)
        self.fixed = pyramid(pair.fixed, _window(pair.fixed, pair.fixed_mask), self.spacings)
        limits = _window(pair.moving, pair.moving_mask)
        self.moving = pyramid(pair.moving, limits, self.spacings, pair.moving_mask)
        self.motion = Motion("rigid", self.body.radius_mm)
        self.log: list[dict[str, Any]] = []

    def run(self) -> Estimate:
        maps, scores = self._scout()
        for level in range(len(self.spacings)):
            maps, scores = self._refine(level, maps)
        peak = maps[0]
        return Estimate(self._total(peak), diagnostics={"levels": self.log})

    def _measure(self, level: int, samples: int, bins: int) -> Sampled:
        points = scatter(self.pair, self.body, self.fixed[level], samples, self.settings.seed)
        score = score_by(self.settings.measure, points.values, bins)
        return Sampled(points, self.moving[level], self.body.centre, score)

    def _scout(self) -> tuple[FloatArray, FloatArray]:
        """Score all starts at the coarsest level, climb from the best; the initial one first."""
        start = np.eye(3, 4)[None]
        if self.settings.starts == 1:
            return start, np.zeros(1)
        measure = self._measure(0, SCOUTS, SCOUT_BINS)
        maps = everywhere(self.pair, self.body)
        scores = measure.values(maps) * measure.overlaps(maps)
        chosen = np.argsort(-scores, kind="stable")[:SCOUTED]
        chosen = np.concatenate([[0], chosen[chosen != 0]])
        spacing = self.spacings[0]
        peaks = climb(measure, self.motion, maps[chosen], spacing, spacing / 10, SCOUT_STEPS)
        return self._best(measure, peaks, spacing)

    def _refine(self, level: int, maps: FloatArray) -> tuple[FloatArray, FloatArray]:
        spacing, last = self.spacings[level], level == len(self.spacings) - 1
        samples = self.settings.samples // (1 if last else 4)
        measure = self._measure(level, samples, self.settings.bins)
        until = LAST_STEP_MM if last else spacing / 30
        peaks = climb(measure, self.motion, maps, spacing / 2, until, STEPS)
        self.log.append(
            {
                "spacing_mm": spacing,
                "starts": len(maps),
                "evaluations": peaks.evaluations,
                "values": peaks.values.tolist(),
            }
        )
        return self._best(measure, peaks, spacing)

    def _best(
        self, measure: Sampled, peaks: Peaks, apart_mm: float
    ) -> tuple[FloatArray, FloatArray]:
        """Return the best places, different from each other and nearly as good as the best."""
        scores = peaks.values * measure.overlaps(peaks.maps)
        found = basins(peaks.maps, scores, self.body.points, apart_mm)
        if len(found.members) == 0:
            raise RegistrationError(
                "too little of the fixed image maps inside the moving one from any start; "
                "give an initial map, or look at the masks"
            )
        best = found.members[:KEPT]
        best = best[scores[best] >= NEARLY * scores[best[0]]]
        return peaks.maps[best], scores[best]

    def _total(self, peak: FloatArray) -> Any:
        """Return a map about the body's centre as one of fixed to moving points."""
        about = AffineTransform.about(peak[:, :3], peak[:, 3], self.body.centre)
        return about @ self.pair.start


def _window(volume: Volume, mask: LabelMap | None) -> tuple[float, float]:
    values = spread(draw_within(volume, mask, PROBE).values, volume.modality)
    return window(values, volume.modality, masked=mask is not None)
